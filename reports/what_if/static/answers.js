// What the model answers to what is on the bench, asked again after every edit.

import { against, attempt, post } from "./api.js";
import { debounced, el, find, number, score } from "./dom.js";
import * as form from "./form.js";
import { on, same, state, tell } from "./state.js";

const host = find("#answers");
const truth = find("#truth");
const problem = el("p", { class: "problem", hidden: true });
host.before(problem);

const MOST = 12;

async function ask() {
  if (!state.model) return;
  if (state.model.picture && !state.picture) return;
  if (state.model.form.every((field) => ["long", "tokens"].includes(field.kind) && same(state.values[field.name], ""))) {
    host.replaceChildren();
    return;
  }
  host.setAttribute("aria-busy", "true");
  await attempt(problem, async () => {
    const told = state.model.picture
      ? await post("answer-picture", state.picture)
      : await post("answer", { values: state.values });
    form.told(told.errors, told.notes);
    host.classList.toggle("stale", told.answers.length === 0);
    if (told.answers.length) {
      state.answers = told.answers;
      if (!state.before.length) state.before = told.answers;
      show();
      tell("answered");
    }
    host.setAttribute("aria-busy", "false");
  });
  if (!problem.hidden) {
    host.classList.add("stale");
    host.setAttribute("aria-busy", "false");
  }
}

export function show() {
  host.replaceChildren(...state.answers.map((answer, place) => card(answer, state.before[place])));
  const told = state.example?.truth ?? [];
  truth.textContent = told.length ? `In the data: ${told.map(({ name, value }) => `${name} ${number(value)}`).join(", ")}` : "";
}

function card(answer, before) {
  const box = el("div", { class: "answer", "data-version": answer.version, "data-title": answer.title });
  const title = against === null ? `Version ${answer.title} answers` : `Version ${answer.title}`;
  box.append(el("h3", {}, title));
  if (answer.problem) {
    box.append(el("p", { class: "problem" }, answer.problem));
    return box;
  }
  const names = state.model.outputs;
  const isNumber = state.model.task === "regression";
  if (answer.label !== null) box.append(el("p", { class: "label", "data-label": "" }, answer.label));
  if (answer.scores.length) {
    const table = el("table", { class: "bars" });
    for (const place of order(answer.scores)) {
      const was = before?.scores?.[place];
      table.append(isNumber ? plain(names[place], answer.scores[place], was) : bar(names[place], answer.scores[place], was));
    }
    box.append(table);
    if (answer.scores.length > MOST) box.append(el("p", { class: "muted" }, `and ${answer.scores.length - MOST} classes with lower scores`));
  }
  for (const other of answer.other) box.append(rest(other));
  return box;
}

function order(scores) {
  const places = scores.map((_, place) => place);
  if (scores.length <= MOST) return places;
  return places.sort((one, other) => scores[other] - scores[one]).slice(0, MOST);
}

function bar(name, value, was) {
  const fill = el("div", { class: "fill" });
  fill.style.width = `${100 * Math.min(1, Math.max(0, value ?? 0))}%`;
  const track = el("div", { class: "track" }, fill);
  if (was !== undefined && was !== null && was !== value) {
    const tick = el("div", { class: "was", title: `before the edits: ${score(was)}` });
    tick.style.left = `${100 * was}%`;
    track.append(tick);
  }
  if (state.model.task === "binary") {
    const cut = el("div", { class: "cut", title: `threshold ${state.threshold}` });
    cut.style.left = `${100 * Math.min(1, Math.max(0, state.threshold))}%`;
    track.append(cut);
  }
  return el("tr", {}, el("th", {}, name), el("td", { class: "wide-bar" }, track), el("td", { class: "num", "data-score": name }, score(value)));
}

function plain(name, value, was) {
  const change = was === undefined || was === null || value === null || was === value ? "" : `${value > was ? "+" : "−"}${number(Math.abs(value - was), 3)}`;
  return el("tr", {}, el("th", {}, name), el("td", { class: "num big", "data-score": name }, number(value, 6)), el("td", { class: "num muted" }, change));
}

function rest(other) {
  if (other.pairs) {
    const cells = other.pairs.map(([token, tag]) => el("span", { class: "pair" }, el("span", {}, token), el("span", { class: "muted" }, tag || "·")));
    return el("div", { class: "pairs", "data-output": other.name }, ...cells);
  }
  return el("p", {}, el("span", { class: "muted" }, `${other.name} `), el("span", { "data-output": other.name }, other.text));
}

const soon = debounced(ask, 150);
on("edited", soon);
on("picked", ask);
on("threshold", show);
export { ask };
