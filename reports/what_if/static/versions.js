// Where two versions disagree most over the held-out examples.

import { against, attempt, get, titles } from "./api.js";
import { el, find, number, percent } from "./dom.js";
import { put } from "./examples.js";

const section = find("#versions");

export async function start() {
  if (against === null || !section) return;
  const told = find("#versions-told");
  const problem = el("p", { class: "problem", hidden: true });
  told.after(problem);
  await attempt(problem, async () => {
    const found = await get("disagreement");
    const of = found.examples < found.all ? `${found.examples} of ${found.all} held-out examples` : `${found.examples} held-out examples`;
    const other = found.other_answer === null ? "" : ` They answer another class on ${found.other_answer} (${percent(found.other_answer / found.examples)}).`;
    told.textContent = found.rows.length ? `${of}; on average they are ${number(found.mean, 3)} apart (${found.unit}).${other}` : `${of}: they answer the same to each.`;
    const head = ["example", "apart", `version ${titles.version}`, `version ${titles.against}`, "in the data"];
    find("thead", section).replaceChildren(found.rows.length ? el("tr", {}, ...head.map((text) => el("th", {}, text))) : "");
    find("tbody", section).replaceChildren(...found.rows.map(row));
  });
  if (!problem.hidden) told.textContent = "";
}

function row(one) {
  const button = el("button", { type: "button", class: "pick", "aria-label": `Example ${one.id}` }, String(one.id));
  return el("tr", { onclick: () => put(one.id) }, el("td", {}, button), el("td", { class: "num" }, number(one.distance, 3)), el("td", {}, one.first), el("td", {}, one.second), el("td", {}, one.truth));
}
