// What is on the bench: the model, the values of the form, and the example that they came from.

export const state = {
  model: null,
  values: {},
  original: {},
  picture: null,
  example: null,
  answers: [],
  before: [],
  threshold: 0.5,
};

const bus = new EventTarget();

// Events: "picked" (another example is on the bench), "edited" (a value changed), "answered".
export const on = (name, action) => bus.addEventListener(name, action);
export const tell = (name) => bus.dispatchEvent(new Event(name));

export function pick(example) {
  state.example = example;
  state.original = { ...example.values };
  state.values = { ...example.values };
  state.before = [];
  tell("picked");
}

export function edit(changes) {
  Object.assign(state.values, changes);
  tell("edited");
}

export const same = (one, other) => String(one ?? "") === String(other ?? "");

// An input as people know it: the column that feeds it.
export const columnOf = (name) => state.model.form.find((field) => field.name === name).column;
