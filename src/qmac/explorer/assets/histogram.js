// Bars on a canvas: all outcomes with the winner and buy & hold, or the best of random markets.

import { colour } from "./colours.js";
import { metric } from "./format.js";
import { findSize } from "./sizes.js";

const FAR = 3;  // times the width of the bars from which on a line does not stretch the axis

export function chooseTicks(low, high, most) {
  const step = 10 ** Math.floor(Math.log10((high - low) / most));
  const fit = [1, 2, 5, 10].find((times) => (high - low) / (times * step) <= most) * step;
  const ticks = [];
  for (let tick = Math.ceil(low / fit) * fit; tick <= high; tick += fit) ticks.push(Math.abs(tick) < fit / 1e6 ? 0 : tick);
  return ticks;
}

// layers: [{ counts, colours: (bar) => colour }], one on the other; lines: [{ value, name, colour }]
export function drawHistogram(canvas, { edges, layers, lines, unit }) {
  const scale = devicePixelRatio, context = canvas.getContext("2d");
  const [width, height] = findSize(canvas);
  if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
    Object.assign(canvas, { width: Math.round(width * scale), height: Math.round(height * scale) });
  }
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, height);
  const bars = edges.length - 1;
  if (bars < 1 || width < 40) return;
  const span = edges[bars] - edges[0] || 1;
  const near = lines.map((line) => line.value).filter((value) =>
    Number.isFinite(value) && value >= edges[0] - FAR * span && value <= edges[bars] + FAR * span);
  const first = Math.min(edges[0], ...near), last = Math.max(edges[bars], ...near);
  const margin = 0.03 * (last - first || 1), low = first - margin, high = last + margin;
  const top = 30, bottom = height - 18;
  const x = (value) => ((value - low) / (high - low)) * width;
  canvas.findBar = (place) => {
    const value = low + (place / width) * (high - low), bar = edges.findIndex((edge, number) => number > 0 && value < edge) - 1;
    return value < edges[0] || bar < 0 ? null : bar;
  };
  const most = Math.max(1, ...Array.from({ length: bars }, (_, bar) => layers.reduce((sum, layer) => sum + layer.counts[bar], 0)));
  for (let bar = 0; bar < bars; bar++) {
    const [left, right] = [x(edges[bar]), x(edges[bar + 1])].map((place) => Math.round(place * scale) / scale);
    let base = bottom;
    for (const layer of layers) {
      const tall = (layer.counts[bar] / most) * (bottom - top);
      if (!tall) continue;
      context.fillStyle = layer.colour(bar);
      context.fillRect(left, base - Math.max(tall, 1), Math.max(right - left - (right - left > 6 ? 1 : 0), 1 / scale), Math.max(tall, 1));
      base -= tall;
    }
  }
  context.font = "11px system-ui, sans-serif";
  context.textBaseline = "alphabetic";
  context.fillStyle = colour(canvas, "--faint");
  context.strokeStyle = colour(canvas, "--line");
  context.lineWidth = 1;
  context.beginPath();
  context.moveTo(0, bottom + 0.5);
  context.lineTo(width, bottom + 0.5);
  context.stroke();
  context.textAlign = "center";
  for (const tick of chooseTicks(low, high, Math.max(2, width / 80))) {
    const place = x(tick), text = metric(unit, tick).replace(".0 %", " %"), half = context.measureText(text).width / 2;
    if (place > half && place < width - half) context.fillText(text, place, height - 4);
  }
  const levels = [];  // where the last text of each ends, from the top
  const known = lines.filter(({ value }) => Number.isFinite(value)).sort((a, b) => a.value - b.value);
  for (const { value, name, stroke } of known) {
    const place = Math.max(1, Math.min(width - 1, x(value)));
    const text = `${name} ${metric(unit, value)}`, half = context.measureText(text).width / 2 + 2;
    const middle = Math.max(half, Math.min(width - half, place));
    const free = levels.findIndex((end) => end <= middle - half), number = free < 0 ? levels.length : free;
    levels[number] = middle + half;
    const level = 11 + 13 * number;
    context.strokeStyle = context.fillStyle = stroke;
    context.lineWidth = 1.5;
    context.beginPath();
    context.moveTo(place, level + 3);
    context.lineTo(place, bottom);
    context.stroke();
    context.fillText(text, middle, level);
  }
}

// text: (bar) => what the pointer shows; edges may be more than what they hold at both ends
export function listenToBars(canvas, say, text) {
  canvas.addEventListener("pointermove", (event) => {
    const bar = canvas.findBar?.(event.offsetX) ?? null;
    say(bar === null ? null : text(bar), event, canvas);
  });
  canvas.addEventListener("pointerleave", () => say(null));
}

export function nameBar(edges, bar, unit) {
  if (bar === 0) return `below ${metric(unit, edges[1])}`;
  return bar === edges.length - 2 ? `${metric(unit, edges[bar])} and more` : `${metric(unit, edges[bar])} to ${metric(unit, edges[bar + 1])}`;
}
