// A picture for a model of pictures: an example's, an uploaded one, or one that is drawn.

import { el, find } from "./dom.js";
import { on, state, tell } from "./state.js";

const host = find("#draw");
const SIZE = 280;
const LARGEST = 10 * 2 ** 20;
let canvas;
let pen;
let problem;
let address = "";

export function start() {
  if (!state.model.picture) return;
  canvas = el("canvas", { width: SIZE, height: SIZE, tabindex: 0, "aria-label": "Drawing of the picture" });
  pen = canvas.getContext("2d");
  problem = el("p", { class: "problem", hidden: true });
  const width = el("input", { type: "range", min: 2, max: 48, value: 18, "aria-label": "Width of the pen" });
  const ink = el("input", { type: "color", value: "#ffffff", "aria-label": "Colour of the pen" });
  const file = el("input", { type: "file", accept: "image/png,image/jpeg", onchange: () => file.files.length && upload(file.files[0]) });
  const ground = el("input", { type: "color", value: "#000000", "aria-label": "Colour of the ground" });
  const clear = el("button", { type: "button", onclick: () => blank(ground.value) }, "Clear");
  host.replaceChildren(
    canvas,
    el("div", { class: "controls" }, el("label", {}, "Pen ", ink), el("label", {}, "width ", width), el("label", {}, "ground ", ground), clear),
    el("div", { class: "controls" }, el("label", {}, "Upload a PNG or JPEG ", file)),
    problem,
  );
  host.hidden = false;
  blank("#000000", false);
  draws(ink, width);
  on("picked", () => show(state.picture));
}

function blank(colour, ask = true) {
  pen.fillStyle = colour;
  pen.fillRect(0, 0, SIZE, SIZE);
  if (ask) taken();
}

function draws(ink, width) {
  let last = null;
  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * SIZE, ((event.clientY - box.top) / box.height) * SIZE];
  };
  canvas.addEventListener("pointerdown", (event) => {
    last = at(event);
    canvas.setPointerCapture(event.pointerId);
    line(last, last, ink.value, Number(width.value));
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!last) return;
    const next = at(event);
    line(last, next, ink.value, Number(width.value));
    last = next;
  });
  canvas.addEventListener("pointerup", () => {
    if (last) taken();
    last = null;
  });
}

function line(from, to, colour, width) {
  Object.assign(pen, { strokeStyle: colour, lineWidth: width, lineCap: "round" });
  pen.beginPath();
  pen.moveTo(...from);
  pen.lineTo(...to);
  pen.stroke();
}

// What is on the canvas becomes the picture that is asked about.
function taken() {
  canvas.toBlob((blob) => {
    state.picture = blob;
    tell("edited");
  }, "image/png");
}

function upload(file) {
  if (file.size > LARGEST) {
    problem.textContent = `${(file.size / 2 ** 20).toFixed(1)} MB are too many; 10 MB at most`;
    problem.hidden = false;
    return;
  }
  state.picture = file;
  state.example = null;
  state.before = [];
  show(file);
  tell("edited");
}

// The picture is asked about as it came; the canvas shows it in the size of the canvas.
function show(blob) {
  problem.hidden = true;
  if (!blob) {
    blank("#000000", false);
    return;
  }
  URL.revokeObjectURL(address);
  address = URL.createObjectURL(blob);
  const picture = new Image();
  picture.addEventListener("load", () => {
    blank("#000000", false);
    pen.imageSmoothingEnabled = picture.width > SIZE;
    const factor = Math.min(SIZE / picture.width, SIZE / picture.height);
    const [width, height] = [picture.width * factor, picture.height * factor];
    pen.drawImage(picture, (SIZE - width) / 2, (SIZE - height) / 2, width, height);
  });
  picture.addEventListener("error", () => blank("#000000", false));
  picture.src = address;
}
