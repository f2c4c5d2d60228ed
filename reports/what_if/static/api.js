// Questions to the server. What cannot be answered comes back as one line.

import { find } from "./dom.js";

const page = find("#what-if").dataset;

// "3" was pushed, "3@server" is served; titles are for people.
export const version = page.version;
export const against = page.against || null;
export const titles = { version: page.title, against: page.againstTitle };
export const hasExamples = page.examples === "yes";
export const firstExample = page.example;

export class Problem extends Error {}

export function address(part, query = {}) {
  const given = new URLSearchParams({ version: page.version });
  if (page.against) given.set("against", page.against);
  for (const [name, value] of Object.entries(query)) given.set(name, value);
  return `${page.base}/${part}?${given}`;
}

async function answer(request) {
  let response;
  try {
    response = await request;
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem("The app does not answer: is mlpipe ui still running?");
  }
  if (!response.ok) throw new Problem(`The app answered ${response.status}.`);
  const told = await response.json();
  if (told.problem) throw new Problem(told.problem);
  return told;
}

export const get = (part, query) => answer(fetch(address(part, query)));

// Of several questions to one part only the newest is of use.
const running = new Map();

export function post(part, body, query) {
  running.get(part)?.abort();
  const stop = new AbortController();
  running.set(part, stop);
  const isJson = !(body instanceof Blob);
  return answer(
    fetch(address(part, query), {
      method: "POST",
      body: isJson ? JSON.stringify(body) : body,
      headers: { "Content-Type": isJson ? "application/json" : "application/octet-stream" },
      signal: stop.signal,
    }),
  );
}

// Runs a part; what goes wrong is a line in `place`, and a question that a newer one replaced says nothing.
export async function attempt(place, action) {
  try {
    await action();
    place.hidden = true;
  } catch (error) {
    if (error.name === "AbortError") return;
    if (!(error instanceof Problem)) throw error;
    place.textContent = error.message;
    place.hidden = false;
  }
}
