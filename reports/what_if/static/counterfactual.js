// The nearest held-out example with another answer, beside the one on the bench.

import { Problem, address, attempt, post } from "./api.js";
import { el, find, number, score } from "./dom.js";
import { put } from "./examples.js";
import { edit, on, same, state } from "./state.js";

const section = find("#counterfactual");
const form = find("form", section);
const problem = find(".problem", section);
const host = find(".found", section);

async function search() {
  host.setAttribute("aria-busy", "true");
  await attempt(problem, async () => {
    if (state.model.picture && !state.picture) throw new Problem("Draw, upload or choose a picture first.");
    const asked = { output: Number(form.output.value), threshold: state.threshold };
    const told = state.model.picture
      ? await post("counterfactual-picture", state.picture, asked)
      : await post("counterfactual", { values: state.values, norm: form.norm.value, scale: form.scale.value, ...asked });
    if (!told.found) {
      host.replaceChildren(el("p", { class: "empty" }, `Among the held-out examples there is none with an answer that is ${told.wanted}.`));
      return;
    }
    show(told);
  });
  host.setAttribute("aria-busy", "false");
}

function show(told) {
  const answers = told.scores.map((value, place) => `${state.model.outputs[place]} ${state.model.task === "regression" ? number(value, 5) : score(value)}`).slice(0, 12).join(", ");
  host.replaceChildren(
    el("p", {}, `Example ${told.id}, at a distance of ${number(told.distance, 3)}: `, el("span", { class: "muted" }, `${told.wanted}; its answer: ${answers} `), el("button", { type: "button", onclick: () => put(told.id) }, "put it on the bench")),
    state.model.picture ? picture(told) : table(told),
  );
}

function picture(told) {
  const compared = told.compared < told.all ? `Compared with the ${told.compared} of ${told.all} held-out pictures that the evaluation kept.` : "";
  return el("figure", { class: "chart" }, el("img", { src: address("picture", { id: told.id }), alt: `Picture of example ${told.id}`, class: "nearest" }), el("figcaption", {}, compared));
}

function table(told) {
  const head = el("tr", {}, ...["feature", "this example", `example ${told.id}`, "apart", ""].map((text) => el("th", {}, text)));
  const rows = told.rows.map((row) => {
    const own = state.values[row.name];
    const differs = row.apart > 0 && !same(own, row.theirs);
    const take = differs ? el("button", { type: "button", onclick: () => edit({ [row.name]: row.theirs }) }, "take over") : "";
    return el("tr", { class: differs ? "differs" : "muted" }, el("td", {}, row.column), el("td", {}, text(own)), el("td", {}, text(row.theirs)), el("td", { class: "num" }, differs ? number(row.apart, 3) : "–"), el("td", {}, take));
  });
  return el("div", { class: "scroll" }, el("table", { class: "rows" }, el("thead", {}, head), el("tbody", {}, ...rows)));
}

function text(value) {
  return value === null || value === undefined || value === "" ? "missing" : number(value, 7);
}

export function start() {
  const model = state.model;
  if (!(model.table || model.picture) || !model.outputs.length) {
    find(".body", section).hidden = true;
    const why = find(".empty", section);
    why.textContent = model.outputs.length ? "This model has inputs of several values, which are not compared." : "This is for answers that are scores.";
    why.hidden = false;
    return;
  }
  form.output.replaceChildren(...model.outputs.map((name, place) => el("option", { value: place }, name)));
  for (const part of [form.norm, form.scale]) part.closest("label").hidden = !model.curved.length;
  find(".how", section).textContent = model.picture ? "By the pixels of a copy of 32 x 32." : model.texts.length ? "Texts by their words: one less the cosine of their TF-IDF." : "";
  find(".outputs", form).hidden = model.task !== "regression" || model.outputs.length < 2;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    search();
  });
  form.addEventListener("change", search);
  on("picked", () => host.replaceChildren());
}
