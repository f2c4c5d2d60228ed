// The list of held-out examples: filter, search, sort, pages; a click puts one on the bench.

import { address, attempt, firstExample, get, hasExamples, version } from "./api.js";
import { debounced, el, find, number } from "./dom.js";
import { pick, state } from "./state.js";

const problem = find("#list-problem");
const table = find("#list");
const filter = find("#filter");
let page = 0;

async function list() {
  await attempt(problem, async () => {
    const told = await get("examples", { ...Object.fromEntries(new FormData(filter)), page });
    page = told.page;
    show(told);
  });
}

function show(told) {
  const picture = state.model?.picture;
  const head = el("tr", {}, picture ? el("th", {}, "picture") : null, ...told.columns.map((name) => el("th", {}, name)));
  find("thead", table).replaceChildren(head);
  find("tbody", table).replaceChildren(...told.rows.map((row) => line(row, picture)));
  find("#place").textContent = told.total ? `page ${told.page + 1} of ${told.pages}, ${told.total} examples` : "no example fits";
  find("#before").disabled = told.page === 0;
  find("#after").disabled = told.page + 1 >= told.pages;
  mark();
}

function line(row, picture) {
  const cells = row.cells.map((value) => cell(value));
  if (picture) cells.unshift(el("td", {}, el("img", { src: address("picture", { id: row.id }), alt: "", loading: "lazy", class: "thumb" })));
  const first = cells[picture ? 1 : 0];
  first.replaceChildren(el("button", { type: "button", class: "pick", "aria-label": `Example ${row.id}` }, String(row.id)));
  return el("tr", { "data-id": row.id, onclick: () => put(row.id) }, ...cells);
}

function cell(value) {
  if (value === null) return el("td", { class: "muted" }, "missing");
  if (typeof value === "number") return el("td", { class: "num" }, number(value));
  return el("td", value.length > 40 ? { class: "long-text" } : {}, value);
}

export async function put(id) {
  await attempt(problem, async () => {
    const example = await get("example", { id });
    if (state.model.picture) state.picture = await pictureOf(id);
    pick(example);
    mark();
    const shown = new URL(location.href);
    shown.searchParams.set("version", version);
    shown.searchParams.set("example", id);
    history.replaceState(null, "", shown);
  });
}

async function pictureOf(id) {
  const response = await fetch(address("picture", { id }));
  return response.ok ? response.blob() : null;
}

function mark() {
  for (const row of table.tBodies[0].rows) row.classList.toggle("picked", Number(row.dataset.id) === state.example?.id);
}

export async function start() {
  if (!hasExamples) return;
  const again = () => {
    page = 0;
    list();
  };
  filter.addEventListener("input", debounced(again, 200));
  filter.addEventListener("submit", (event) => {
    event.preventDefault();
    again();
  });
  find("#before").addEventListener("click", () => {
    page -= 1;
    list();
  });
  find("#after").addEventListener("click", () => {
    page += 1;
    list();
  });
  await list();
}

export async function first() {
  const id = firstExample || table?.tBodies[0].rows[0]?.dataset.id;
  if (id === undefined || id === null || !hasExamples) return;
  await list();
  await put(id);
}
