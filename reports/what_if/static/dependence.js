// The curve of one feature, drawn anew after each edit.

import { attempt, post } from "./api.js";
import * as chart from "./chart.js";
import { debounced, el, find } from "./dom.js";
import { columnOf, on, state } from "./state.js";

const section = find("#dependence");
const form = find("form", section);
const problem = find(".problem", section);

async function draw() {
  if (!state.model?.curved.length) return;
  await attempt(problem, async () => {
    const curve = await post("dependence", { values: state.values, feature: form.feature.value, output: Number(form.output.value) });
    find(".plot", section).replaceChildren(chart.dependence(curve, state.model.task !== "regression"));
    const rows = curve.rows ? `Blue: the mean over ${curve.rows} held-out examples (partial dependence), its band from the 10th to the 90th percentile. ` : "";
    find("figcaption", section).textContent = `${rows}Orange: this example (individual conditional expectation); the upright line is its value.`;
  });
}

export function start() {
  const model = state.model;
  if (!model.outputs.length || !model.curved.length) {
    // Of pictures and texts another part says what the answer hangs on.
    section.hidden = model.outputs.length > 0 && (model.picture || model.table);
    find(".body", section).hidden = true;
    const why = find(".empty", section);
    why.textContent = model.outputs.length ? "This model has inputs of several values, which cannot be changed here." : "This is for answers that are scores; edit the text above and read the answer.";
    why.hidden = false;
    return;
  }
  form.feature.replaceChildren(...model.curved.map((name) => el("option", { value: name }, columnOf(name))));
  form.output.replaceChildren(...model.outputs.map((name, place) => el("option", { value: place }, name)));
  find(".outputs", form).hidden = model.outputs.length < 2;
  form.addEventListener("change", draw);
  form.addEventListener("submit", (event) => event.preventDefault());
  const soon = debounced(draw, 500);
  on("edited", soon);
  on("picked", soon);
}
