// Which part of a picture or a text the answer hangs on: what a score loses when the part is covered or left out.

import { attempt, post } from "./api.js";
import { debounced, el, find, number, score, svg } from "./dom.js";
import { columnOf, on, state } from "./state.js";

const section = find("#occlusion");
const form = find("form", section);
const problem = find(".problem", section);
const plot = find(".plot", section);
const caption = find("figcaption", section);
// Less is rounding: float32, added up in another order.
const LEAST = 1e-4;
let shown = "";

async function draw() {
  if (state.model.picture) {
    if (!state.picture) return;
    await attempt(problem, async () => picture(await post("regions", state.picture, { output: form.output.value }), state.picture));
  } else {
    const feature = form.feature.value;
    if (!String(state.values[feature] ?? "").trim()) {
      plot.replaceChildren();
      caption.textContent = "";
      return;
    }
    await attempt(problem, async () => words(await post("words", { values: state.values, feature, output: form.output.value })));
  }
}

function picture(told, blob) {
  const most = largest(told.changes);
  const width = told.width / told.across;
  const height = told.height / told.down;
  URL.revokeObjectURL(shown);
  shown = URL.createObjectURL(blob);
  const title = `What the score of ${told.output} loses where the picture is covered`;
  const map = svg("svg", { viewBox: `0 0 ${told.width} ${told.height}`, role: "img", "aria-label": title, class: "heat" }, svg("image", { href: shown, width: told.width, height: told.height, preserveAspectRatio: "none" }));
  told.changes.forEach((change, place) => {
    const cell = svg("rect", { x: (place % told.across) * width, y: Math.floor(place / told.across) * height, width, height, class: change > 0 ? "for" : "against", "fill-opacity": strength(change, most) });
    cell.append(svg("title", {}, signed(-change)));
    map.append(cell);
  });
  plot.replaceChildren(map);
  const scaled = told.scaled ? ` Asked at ${told.width} x ${told.height} pixels.` : "";
  caption.textContent = told_of(told, most, "covered with grey", "region") + scaled;
}

function words(told) {
  const most = largest(told.changes);
  const pieces = told.pieces.map((piece, place) => {
    const change = told.changes[place];
    const mark = el("mark", { class: change > 0 ? "for" : "against", title: signed(-change) }, piece);
    mark.style.setProperty("--strength", `${(100 * strength(change, most)).toFixed(0)}%`);
    return mark;
  });
  plot.replaceChildren(el("p", { class: "words" }, ...pieces));
  caption.textContent = told_of(told, most, "left out", told.run > 1 ? `run of up to ${told.run} words` : "word");
}

const largest = (changes) => Math.max(...changes.map((change) => Math.abs(change ?? 0)));
const strength = (change, most) => (most < LEAST ? 0 : (0.75 * Math.abs(change ?? 0)) / most);
const signed = (change) => `${change > 0 ? "+" : "−"}${number(Math.abs(change), 3)}`;

function told_of(told, most, how, part) {
  const own = state.model.task === "regression" ? number(told.score, 5) : score(told.score);
  if (most < LEAST) return `${told.output} is ${own}, whichever ${part} is ${how}.`;
  return `${told.output} is ${own}. Orange: it falls when this ${part} is ${how}; blue: it rises. The strongest one changes it by ${number(most, 3)}.`;
}

export function start() {
  const model = state.model;
  if (!model.outputs.length || !(model.picture || model.texts.length)) return;
  section.hidden = false;
  form.feature.replaceChildren(...model.texts.map((name) => el("option", { value: name }, columnOf(name))));
  find(".features", form).hidden = model.texts.length < 2;
  const own = model.task === "multiclass" ? [el("option", { value: "" }, "its own class")] : [];
  form.output.replaceChildren(...own, ...model.outputs.map((name, place) => el("option", { value: place }, name)));
  find(".outputs", form).hidden = model.outputs.length < 2;
  form.addEventListener("change", draw);
  form.addEventListener("submit", (event) => event.preventDefault());
  const soon = debounced(draw, 500);
  on("edited", soon);
  on("picked", soon);
}
