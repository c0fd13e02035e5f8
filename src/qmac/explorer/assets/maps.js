// Six maps of two windows each, drawn cell by cell and stretched: 251 cells a side take a millisecond or two.

import { metric, words } from "./format.js";
import { findSize } from "./sizes.js";

const VIRIDIS = [
  [68, 1, 84], [72, 36, 117], [65, 68, 135], [53, 95, 141], [42, 120, 142], [33, 145, 140],
  [34, 168, 132], [68, 191, 112], [122, 209, 81], [189, 223, 38], [253, 231, 37],
];
const COLOURS = 256;

function buildPalette() {
  const palette = new Uint32Array(COLOURS);
  for (let k = 0; k < COLOURS; k++) {
    const place = (k / (COLOURS - 1)) * (VIRIDIS.length - 1);
    const i = Math.min(Math.floor(place), VIRIDIS.length - 2), part = place - i;
    const [r, g, b] = VIRIDIS[i].map((low, c) => Math.round(low + part * (VIRIDIS[i + 1][c] - low)));
    palette[k] = (255 << 24) | (b << 16) | (g << 8) | r;
  }
  return palette;
}

const PALETTE = buildPalette();

export function drawRamp(canvas) {
  const image = new ImageData(COLOURS, 1);
  new Uint32Array(image.data.buffer).set(PALETTE);
  const ramp = new OffscreenCanvas(COLOURS, 1);
  ramp.getContext("2d").putImageData(image, 0, 0);
  canvas.getContext("2d").drawImage(ramp, 0, 0, canvas.width, canvas.height);
}

function findRange(arrays) {
  let low = Infinity, high = -Infinity;
  for (const values of arrays) {
    for (let i = 0; i < values.length; i++) {
      const value = values[i];
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  return [low, high];
}

class HeatMap {
  constructor(parent, number, onPick, onHover) {
    this.figure = document.createElement("figure");
    this.caption = document.createElement("figcaption");
    this.canvas = document.createElement("canvas");
    this.canvas.tabIndex = 0;
    this.canvas.setAttribute("role", "application");
    this.canvas.setAttribute("aria-roledescription", "map");
    this.pointer = document.createElement("i");
    this.pointer.className = "pointer";
    this.pointer.hidden = true;
    const box = document.createElement("div");
    box.className = "box";
    this.rowEnds = document.createElement("span");
    this.rowEnds.className = "rows";
    this.columnEnds = document.createElement("span");
    this.columnEnds.className = "columns";
    box.append(this.canvas, this.pointer);
    this.figure.append(this.caption, this.rowEnds, box, this.columnEnds);
    parent.append(this.figure);
    this.number = number;
    this.onPick = onPick;
    this.onHover = onHover;
    this.place = null;
    this.image = null;
    this.listen();
  }

  listen() {
    const { canvas } = this;
    canvas.addEventListener("pointermove", (event) => {
      const { width, height } = canvas.getBoundingClientRect();
      const [rows, columns] = this.shape ?? [0, 0];
      if (!rows) return;
      const clamp = (value, size) => Math.max(0, Math.min(size - 1, value));
      this.point(clamp(rows - 1 - Math.floor((event.offsetY / height) * rows), rows),
        clamp(Math.floor((event.offsetX / width) * columns), columns), event);
    });
    canvas.addEventListener("pointerleave", () => this.leave());
    canvas.addEventListener("blur", () => this.leave());
    canvas.addEventListener("click", () => this.pick());
    canvas.addEventListener("keydown", (event) => {
      const moves = { ArrowUp: [1, 0], ArrowDown: [-1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
      if (event.key in moves && this.shape) {
        event.preventDefault();
        const step = event.shiftKey ? 10 : 1;
        const [row, column] = this.place ?? this.best ?? [0, 0];
        const [up, right] = moves[event.key];
        const clamp = (value, size) => Math.max(0, Math.min(size - 1, value));
        this.point(clamp(row + step * up, this.shape[0]), clamp(column + step * right, this.shape[1]), null);
      } else if (event.key === "Enter" || event.key === " ") {
        event.preventDefault();
        this.pick();
      } else if (event.key === "Escape") {
        this.leave();
      }
    });
  }

  point(row, column, event) {
    this.place = [row, column];
    const [rows, columns] = this.shape;
    Object.assign(this.pointer.style, {
      left: `${(100 * column) / columns}%`, bottom: `${(100 * row) / rows}%`,
      width: `${100 / columns}%`, height: `${100 / rows}%`,
    });
    this.pointer.hidden = false;
    this.onHover(this.describe(row, column), event, this.canvas);
  }

  leave() {
    this.place = null;
    this.pointer.hidden = true;
    this.onHover(null);
  }

  describe(row, column) {
    const value = this.values[row * this.shape[1] + column];
    const [rows, columns] = this.pair;
    const where = `${words(rows)} ${this.rowWindows[row]}, ${words(columns)} ${this.columnWindows[column]}`;
    return `${where}: ${Number.isNaN(value) ? "nothing scored" : `${this.show(value)}. Click: its best`}`;
  }

  pick() {
    if (!this.place) return;
    const [row, column] = this.place;
    if (Number.isNaN(this.values[row * this.shape[1] + column])) return;
    const [rows, columns] = this.pair;
    this.onPick({ rows, columns, row: this.rowWindows[row], column: this.columnWindows[column] });
  }

  take(frame, show) {
    this.pair = frame.pairs[this.number];
    this.values = frame.arrays[`map${this.number}`];
    this.shape = this.values.shape;
    this.show = show;
    [this.rowWindows, this.columnWindows] = this.pair.map((role) => frame.windows[role]);
    const find = (combination) => combination && [
      this.rowWindows.indexOf(combination[frame.roles.indexOf(this.pair[0])]),
      this.columnWindows.indexOf(combination[frame.roles.indexOf(this.pair[1])]),
    ];
    this.best = find(frame.winner);
    this.shown = find(frame.combination);
    const [rows, columns] = this.pair.map(words);
    const ends = (element, windows) => {
      const texts = [...new Set([windows[0], windows[windows.length - 1]])].map(String);
      if (element.dataset.ends === texts.join()) return;
      element.dataset.ends = texts.join();
      element.replaceChildren(...texts.map((text) => Object.assign(document.createElement("b"), { textContent: text })));
    };
    ends(this.columnEnds, this.columnWindows);
    ends(this.rowEnds, this.rowWindows);
    const caption = `${rows} ↑  ${columns} →`;
    if (this.caption.textContent === caption) return;  // another layout of the page for nothing
    this.caption.textContent = caption;
    this.canvas.setAttribute("aria-label",
      `Map of ${rows} by ${columns}. Arrow keys move over its cells, Enter takes the best combination of one.`);
  }

  draw(low, high) {
    const { canvas, values } = this, [rows, columns] = this.shape;
    const [width, height] = findSize(canvas).map((side) => Math.round(side * devicePixelRatio));
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    if (!this.image || this.image.width !== columns || this.image.height !== rows) {
      this.image = new ImageData(columns, rows);
      this.pixels = new Uint32Array(this.image.data.buffer);
      this.cells = new OffscreenCanvas(columns, rows);
      this.cellsContext = this.cells.getContext("2d");
      this.context = canvas.getContext("2d");
    }
    const factor = high > low ? (COLOURS - 1) / (high - low) : 0, { pixels } = this;
    for (let row = 0; row < rows; row++) {
      const from = row * columns, to = (rows - 1 - row) * columns;
      for (let column = 0; column < columns; column++) {
        const value = values[from + column];
        pixels[to + column] = value === value ? PALETTE[Math.max(0, Math.min(COLOURS - 1, (value - low) * factor | 0))] : 0;
      }
    }
    this.cellsContext.putImageData(this.image, 0, 0);
    const { context } = this;
    context.imageSmoothingEnabled = false;
    context.clearRect(0, 0, width, height);
    context.drawImage(this.cells, 0, 0, width, height);
    this.mark(this.best, "#ffffff", "#000000");
    const isOther = this.shown && this.best && this.shown.join() !== this.best.join();
    if (isOther) this.mark(this.shown, "#ff5a4f", "#ffffff");
  }

  mark(place, colour, around) {
    if (!place || place.includes(-1)) return;
    const [rows, columns] = this.shape, { context, canvas } = this;
    const x = ((place[1] + 0.5) / columns) * canvas.width, y = (1 - (place[0] + 0.5) / rows) * canvas.height;
    for (const [width, stroke] of [[4, around], [2, colour]]) {
      context.lineWidth = width * devicePixelRatio * 0.8;
      context.strokeStyle = stroke;
      context.beginPath();
      context.arc(x, y, 5.5 * devicePixelRatio, 0, 2 * Math.PI);
      context.stroke();
    }
  }
}

export class Maps {
  constructor(parent, onPick, onHover) {
    this.maps = Array.from({ length: 6 }, (_, number) => new HeatMap(parent, number, onPick, onHover));
    this.frame = null;
    new ResizeObserver(() => this.draw()).observe(parent);
  }

  take(frame, unit) {
    this.frame = frame;
    const show = (value) => (frame.stat === "count" ? metric("count", value) : metric(unit, value));
    for (const map of this.maps) map.take(frame, show);
    this.show = show;
  }

  draw(isCommon = this.isCommon) {
    this.isCommon = isCommon;
    if (!this.frame) return null;
    const common = findRange(this.maps.map((map) => map.values));
    for (const map of this.maps) map.draw(...(isCommon ? common : findRange([map.values])));
    return isCommon && common[0] <= common[1] ? common.map(this.show) : null;
  }
}
