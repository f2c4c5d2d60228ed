// Small charts of live values, drawn as SVG in the page's own colours.

import { number, svg } from "./dom.js";

const WIDTH = 640;
const HEIGHT = 240;
const LEFT = 52;
const RIGHT = 12;
const TOP = 10;
const BOTTOM = 36;

function frame(title) {
  return svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": title, class: "live" }, svg("title", {}, title));
}

function scale(low, high, from, to) {
  const width = high - low || 1;
  return (value) => from + ((value - low) / width) * (to - from);
}

function ticks(low, high, most = 5) {
  const rough = (high - low) / most || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((one) => one >= rough);
  const found = [];
  for (let value = Math.ceil(low / step) * step; value <= high + step * 1e-9; value += step) found.push(Number(value.toPrecision(12)));
  return found;
}

function yAxis(picture, y, low, high) {
  for (const value of ticks(low, high)) {
    picture.append(svg("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: y(value), y2: y(value), class: "grid" }), svg("text", { x: LEFT - 6, y: y(value) + 4, class: "tick end" }, number(value, 3)));
  }
}

function bounds(curve, isShare) {
  const known = [...curve.mean, ...curve.own, ...curve.low, ...curve.high].filter((value) => value !== null);
  if (isShare) return [0, 1];
  const low = Math.min(...known);
  const high = Math.max(...known);
  const room = (high - low || Math.abs(high) || 1) * 0.06;
  return [low - room, high + room];
}

const path = (points) => points.map(([x, y], place) => `${place ? "L" : "M"}${x.toFixed(1)},${y.toFixed(1)}`).join("");

// Partial dependence: the mean, the middle 80 per cent of the rows as a band, and the example's own curve.
export function dependence(curve, isShare) {
  const [low, high] = bounds(curve, isShare);
  const y = scale(low, high, HEIGHT - BOTTOM, TOP);
  const picture = frame(`${curve.output} over ${curve.feature}`);
  yAxis(picture, y, low, high);
  return curve.numbers ? numbers(picture, curve, y) : texts(picture, curve, y);
}

function numbers(picture, curve, y) {
  const values = curve.values;
  const x = scale(values[0], values[values.length - 1], LEFT + 6, WIDTH - RIGHT - 6);
  for (const value of ticks(values[0], values[values.length - 1], 8)) {
    picture.append(svg("text", { x: x(value), y: HEIGHT - BOTTOM + 16, class: "tick middle" }, number(value, 4)));
  }
  picture.append(svg("text", { x: (LEFT + WIDTH) / 2, y: HEIGHT - 4, class: "tick middle" }, curve.feature));
  const line = (series) => values.map((value, place) => [x(value), y(series[place])]);
  picture.append(svg("path", { d: `${path([...line(curve.high), ...line(curve.low).reverse()])}Z`, class: "band" }));
  if (curve.current !== null) picture.append(svg("line", { x1: x(curve.current), x2: x(curve.current), y1: TOP, y2: HEIGHT - BOTTOM, class: "now" }));
  picture.append(svg("path", { d: path(line(curve.mean)), class: "mean" }), svg("path", { d: path(line(curve.own)), class: "own" }));
  const at = values.indexOf(curve.current);
  if (at >= 0) picture.append(svg("circle", { cx: x(curve.current), cy: y(curve.own[at]), r: 4, class: "own-dot" }));
  return picture;
}

function texts(picture, curve, y) {
  const step = (WIDTH - LEFT - RIGHT) / curve.values.length;
  const most = Math.max(4, Math.floor(step / 6.5));
  curve.values.forEach((value, place) => {
    const x = LEFT + step * (place + 0.5);
    const name = value === null ? "missing" : String(value);
    const label = svg("text", { x, y: HEIGHT - BOTTOM + 16, class: value === curve.current ? "tick middle strong" : "tick middle" }, name.length > most ? `${name.slice(0, most - 1)}…` : name);
    label.append(svg("title", {}, name));
    const half = Math.min(14, step / 3);
    picture.append(
      label,
      svg("rect", { x: x - half, width: 2 * half, y: y(curve.high[place]), height: Math.max(1, y(curve.low[place]) - y(curve.high[place])), class: "band" }),
      svg("line", { x1: x - half, x2: x + half, y1: y(curve.mean[place]), y2: y(curve.mean[place]), class: "mean" }),
      svg("circle", { cx: x, cy: y(curve.own[place]), r: 4, class: "own-dot" }),
    );
  });
  picture.append(svg("text", { x: (LEFT + WIDTH) / 2, y: HEIGHT - 4, class: "tick middle" }, curve.feature));
  return picture;
}

// Histograms of scores from 0 to 1: positive examples upwards, negative ones downwards; each side has its own scale.
export function scores(bins, thresholds) {
  const picture = frame("Scores of positive and negative examples");
  const middle = (TOP + HEIGHT - BOTTOM) / 2;
  const x = scale(0, 1, LEFT, WIDTH - RIGHT);
  const width = (WIDTH - LEFT - RIGHT) / bins.positive.length;
  for (const [name, way] of [["positive", -1], ["negative", 1]]) {
    const most = Math.max(1, ...bins[name]);
    bins[name].forEach((count, place) => {
      const height = count ? Math.max(1, (count / most) * (middle - TOP - 4)) : 0;
      const bar = svg("rect", { x: x(place / bins[name].length) + 0.5, width: width - 1, y: way < 0 ? middle - height : middle, height, class: name });
      bar.append(svg("title", {}, `${count} ${name}`));
      picture.append(bar);
    });
  }
  picture.append(svg("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: middle, y2: middle, class: "axis" }));
  for (const value of [0, 0.25, 0.5, 0.75, 1]) picture.append(svg("text", { x: x(value), y: HEIGHT - BOTTOM + 16, class: "tick middle" }, number(value)));
  for (const value of new Set(thresholds)) {
    const at = x(Math.min(1, Math.max(0, value)));
    picture.append(svg("line", { x1: at, x2: at, y1: TOP, y2: HEIGHT - BOTTOM, class: "now" }));
  }
  picture.append(svg("text", { x: (LEFT + WIDTH) / 2, y: HEIGHT - 4, class: "tick middle" }, "score"));
  return picture;
}
