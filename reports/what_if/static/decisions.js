// Thresholds: a slider for all and one for each slice, the matrix, what errors cost, and constraints that choose thresholds.

import { attempt, post } from "./api.js";
import * as chart from "./chart.js";
import { all, debounced, el, find, number, percent } from "./dom.js";
import { state, tell } from "./state.js";

const section = find("#decisions");
const form = find("form", section);
const slider = find("#threshold");
const exact = find("#threshold-number");
const problem = find(".problem", section);
let ofSlices = {};

const RATES = [["accuracy", "accuracy"], ["precision", "precision"], ["recall", "recall"], ["false_positive_rate", "false positive rate"], ["positive_rate", "called positive"]];

async function judge(constraint = "") {
  soon.cancel();
  await attempt(problem, async () => {
    const told = await post("decisions", {
      output: Number(form.output.value || 0),
      column: form.column.value,
      false_positive: form.false_positive.value,
      false_negative: form.false_negative.value,
      threshold: exact.value,
      thresholds: ofSlices,
      constraint,
      tolerance: find("#tolerance").value,
    });
    if (constraint) taken(told);
    show(told);
  });
}

function taken(told) {
  ofSlices = Object.fromEntries(told.slices.map((slice) => [slice.name, slice.threshold]));
  const first = told.slices[0].threshold;
  if (told.slices.every((slice) => slice.threshold === first)) main(first);
  const met = find("#met");
  if (told.gap === null || told.gap === undefined) met.textContent = "";
  else {
    const gap = `The rates of the slices are ${number(told.gap, 3)} apart`;
    met.textContent = told.met ? `${gap}, within ${told.tolerance}: the cheapest thresholds of all that are.` : `${gap}: there are no thresholds within ${told.tolerance}; these are among the nearest.`;
  }
  if (told.left_out?.length) met.textContent += ` Too small for a rate, so each with its own cheapest threshold: ${told.left_out.join(", ")}.`;
}

function main(value) {
  slider.value = value;
  exact.value = number(value, 6);
  if (state.threshold !== value) {
    state.threshold = value;
    tell("threshold");
  }
}

function show(told) {
  for (const cell of all("[data-cell]", section)) cell.textContent = told.all[cell.dataset.cell];
  const facts = [["cost", number(told.all.cost, 6)], ...RATES.map(([key, text]) => [text, percent(told.all[key])])];
  find("#rates").replaceChildren(...facts.flatMap(([name, value]) => [el("dt", {}, name), el("dd", { "data-rate": name }, value)]));
  find(".plot", section).replaceChildren(chart.scores(told.bins, told.slices.map((slice) => slice.threshold)));
  for (const button of all("[data-constraint]:not([data-constraint=equal])", section)) {
    button.disabled = !form.column.value;
    button.title = form.column.value ? "" : "Choose slices first";
  }
  const table = find("#slices");
  table.hidden = !form.column.value;
  if (table.hidden) return;
  const names = ["slice", "threshold", "", "examples", "true pos.", "false pos.", "false neg.", "true neg.", ...RATES.map(([, text]) => text), "cost"];
  find("thead", table).replaceChildren(el("tr", {}, ...names.map((name, place) => el("th", place > 2 ? { class: "num" } : {}, name))));
  const body = find("tbody", table);
  // A slider that is held now must stay the same element.
  const held = body.contains(document.activeElement) ? document.activeElement.closest("tr")?.dataset.slice : null;
  const rows = told.slices.map((slice) => row(slice, held === slice.name ? [...body.rows].find((one) => one.dataset.slice === held) : null));
  const same = [...body.rows].map((one) => one.dataset.slice).join("\n") === told.slices.map((slice) => slice.name).join("\n");
  if (held !== null && same) [...body.rows].forEach((old, place) => old !== rows[place] && old.replaceWith(rows[place]));
  else body.replaceChildren(...rows);
}

function row(slice, old) {
  const figures = [slice.examples, slice.tp, slice.fp, slice.fn, slice.tn, ...RATES.map(([key]) => percent(slice[key])), number(slice.cost, 6)];
  const cells = figures.map((value) => el("td", { class: "num" }, String(value)));
  if (old) {
    old.cells[2].textContent = number(slice.threshold, 4);
    while (old.cells.length > 3) old.deleteCell(3);
    old.append(...cells);
    return old;
  }
  const range = el("input", { type: "range", min: 0, max: 1, step: 0.005, "aria-label": `Threshold of ${slice.name}` });
  range.value = slice.threshold;
  range.addEventListener("input", () => {
    ofSlices[slice.name] = Number(range.value);
    soon();
  });
  return el("tr", { "data-slice": slice.name }, el("td", {}, slice.name), el("td", {}, range), el("td", { class: "num" }, number(slice.threshold, 4)), ...cells);
}

const soon = debounced(() => judge(), 30);

function moved(value) {
  ofSlices = {};
  find("#met").textContent = "";
  main(value);
  soon();
}

export function start() {
  if (!form) return;
  slider.addEventListener("input", () => moved(Number(slider.value)));
  exact.addEventListener("change", () => {
    const value = Number(exact.value);
    if (exact.value.trim() === "" || !Number.isFinite(value)) {
      problem.textContent = `${exact.value || "nothing"} is no number`;
      problem.hidden = false;
      return;
    }
    moved(value);
  });
  form.addEventListener("input", (event) => {
    if (event.target.name === "column" || event.target.name === "output") {
      ofSlices = {};
      find("#met").textContent = "";
    }
    soon();
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  for (const button of all("[data-constraint]", section)) button.addEventListener("click", () => judge(button.dataset.constraint));
  judge();
}
