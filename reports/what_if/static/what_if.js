// The What-If page: loads what the model takes, then starts its parts.

import { Problem, get } from "./api.js";
import * as answers from "./answers.js";
import * as counterfactual from "./counterfactual.js";
import * as decisions from "./decisions.js";
import * as dependence from "./dependence.js";
import { find } from "./dom.js";
import * as drawing from "./drawing.js";
import * as examples from "./examples.js";
import * as form from "./form.js";
import * as occlusion from "./occlusion.js";
import { state } from "./state.js";
import * as versions from "./versions.js";

const loading = find("#loading");

for (const select of find("#choose").querySelectorAll("select")) {
  select.addEventListener("change", () => find("#choose").submit());
}

async function start() {
  decisions.start();
  const listed = examples.start();
  const began = Date.now();
  const clock = setInterval(() => {
    loading.textContent = `Loading the model; the first time takes some seconds (${Math.round((Date.now() - began) / 1000)} s).`;
  }, 1000);
  try {
    state.model = await get("model");
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    loading.textContent = error.message;
    loading.classList.add("problem");
    return;
  } finally {
    clearInterval(clock);
  }
  loading.hidden = true;
  form.build();
  drawing.start();
  dependence.start();
  occlusion.start();
  counterfactual.start();
  await listed;
  await examples.first();
  if (!state.example) await answers.ask();
  document.documentElement.dataset.ready = "yes";
  await versions.start();
}

start();
