// The form of an example: a field for each input of the model, with a line beside it for what is wrong or unusual.

import { all, el, find, number } from "./dom.js";
import { edit, on, same, state } from "./state.js";

const host = find("#fields");
const rows = new Map();

export function build() {
  rows.clear();
  const form = el("form", { class: "fields", onsubmit: (event) => event.preventDefault() });
  for (const [place, field] of state.model.form.entries()) {
    if (field.kind === "image") continue;
    const row = field.kind === "other" ? closed(field) : open(field, `field-${place}`);
    form.append(row);
  }
  const reset = el("button", { type: "button", onclick: () => edit(state.original) }, "Undo all edits");
  host.replaceChildren(form, rows.size ? el("p", { class: "controls" }, reset) : "");
  show();
}

function closed(field) {
  return el("div", { class: "field" }, el("span", {}, field.column), el("span", { class: "muted" }, `${field.dtype} of several values: cannot be edited here`));
}

function open(field, id) {
  const changed = (event) => edit({ [field.name]: event.target.value });
  const input = inputOf(field, id, changed);
  const extra = [];
  if (field.suggestions.length) {
    input.setAttribute("list", `${id}-list`);
    extra.push(el("datalist", { id: `${id}-list` }, ...field.suggestions.map((value) => el("option", { value }))));
  }
  let slider = null;
  if (field.low !== null && field.high !== null && field.low < field.high) {
    const step = field.kind === "whole" ? 1 : niceStep((field.high - field.low) / 200);
    slider = el("input", { type: "range", min: field.low, max: field.high, step, "aria-label": `${field.column}, slider`, oninput: (event) => edit({ [field.name]: number(Number(event.target.value), 6) }) });
    extra.push(slider);
  }
  const line = el("span", { class: "line", id: `${id}-line` });
  input.setAttribute("aria-describedby", line.id);
  const clear = field.kind === "long" || field.kind === "tokens" ? null : el("button", { type: "button", class: "missing", title: "Set to missing", "aria-label": `Set ${field.column} to missing`, onclick: () => edit({ [field.name]: null }) }, "missing");
  const row = el("div", { class: `field ${field.kind}`, "data-field": field.name }, el("label", { for: id, title: `${field.dtype}${field.low === null ? "" : `, ${number(field.low)} to ${number(field.high)} in the held-out examples`}` }, field.column), input, ...extra, clear, line);
  rows.set(field.name, { row, input, slider, line });
  return row;
}

function inputOf(field, id, changed) {
  if (field.kind === "boolean") {
    const options = [["", "missing"], ["true", "true"], ["false", "false"]].map(([value, text]) => el("option", { value }, text));
    return el("select", { id, onchange: changed }, ...options);
  }
  if (field.kind === "long" || field.kind === "tokens") {
    const placeholder = field.kind === "tokens" ? "words with spaces between them" : "text";
    return el("textarea", { id, rows: 6, placeholder, oninput: changed });
  }
  const mode = field.kind === "number" ? "decimal" : field.kind === "whole" ? "numeric" : "text";
  return el("input", { id, inputmode: mode, placeholder: "missing", autocomplete: "off", oninput: changed });
}

function niceStep(step) {
  return 10 ** Math.floor(Math.log10(step));
}

function shown(name) {
  const value = state.values[name];
  const field = state.model.form.find((one) => one.name === name);
  if (field.kind === "boolean" && value !== null && value !== undefined && value !== "") {
    return ["1", "true"].includes(String(value)) ? "true" : "false";
  }
  return value === null || value === undefined ? "" : String(value);
}

function show() {
  for (const [name, { row, input, slider }] of rows) {
    const value = shown(name);
    // What is typed at this moment stays as it is typed.
    if (input.value !== value) input.value = value;
    if (slider && value !== "" && Number.isFinite(Number(value))) slider.value = value;
    const edited = !same(state.values[name], state.original[name]);
    row.classList.toggle("edited", edited);
    row.classList.toggle("is-missing", value === "");
  }
}

export function told(errors, notes) {
  for (const [name, { row, input, line }] of rows) {
    const before = state.original[name];
    const was = same(state.values[name], before) || !state.example ? "" : `was ${before === null || before === "" ? "missing" : number(before, 7).slice(0, 60)}`;
    line.textContent = errors[name] || notes[name] || (input.tagName === "TEXTAREA" ? "" : was);
    row.classList.toggle("wrong", name in errors);
    row.classList.toggle("noted", name in notes);
    input.setAttribute("aria-invalid", name in errors ? "true" : "false");
  }
  for (const line of all("#draw .problem")) {
    const wrong = Object.values(errors)[0];
    if (state.model.picture) {
      line.textContent = wrong || "";
      line.hidden = !wrong;
    }
  }
}

on("picked", show);
on("edited", show);
