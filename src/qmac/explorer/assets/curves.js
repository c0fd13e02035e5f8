// Equity and drawdown beside buy & hold, and the edge between in sample and out of sample.

import { colour } from "./colours.js";
import { DAY, compact } from "./format.js";
import { chooseTicks } from "./histogram.js";
import uPlot from "./uplot.js";

function computeDrawdown(equity) {
  const drawdown = new Float64Array(equity.length);
  let peak = -Infinity;
  for (let i = 0; i < equity.length; i++) {
    peak = Math.max(peak, equity[i]);
    drawdown[i] = equity[i] / peak - 1;
  }
  return drawdown;
}

// 1, 2 and 5 times the powers of ten, as many as there is room for
function splitLog(low, high) {
  const ticks = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++) {
    for (const times of [1, 2, 5]) ticks.push(times * 10 ** power);
  }
  const inside = ticks.filter((tick) => tick > low * 1.04 && tick < high);
  if (inside.length < 3) return chooseTicks(low * 1.01, high, 4);
  return inside.length > 8 ? inside.filter((tick) => Number.isInteger(Math.log10(tick))) : inside;
}

// on one line: where a year or a day begins, it stands in place of the month or the time
const MOMENTS = [
  [365 * DAY, "{YYYY}", null, null, null, null, null, null, 0],
  [28 * DAY, "{MMM}", "{YYYY}", null, null, null, null, null, 0],
  [DAY, "{D} {MMM}", "{YYYY}", null, null, null, null, null, 0],
  [60, "{HH}:{mm}", "{D} {MMM}", null, "{D} {MMM}", null, null, null, 0],
  [1, "{HH}:{mm}:{ss}", "{D} {MMM}", null, "{D} {MMM}", null, null, null, 0],
];

const font = "11px system-ui, sans-serif";
const WIDTH = devicePixelRatio > 1 ? 1.4 : 1;  // a line of one pixel is drawn seven times as fast

export class Curves {
  constructor(equity, drawdown, onEdge) {
    this.places = [equity, drawdown];
    this.onEdge = onEdge;
    this.edge = null;
    this.calendar = null;
    this.earliest = 0;  // seconds, before which no sweep can end
    this.isLog = true;
    this.plots = null;
    this.frame = null;
    new ResizeObserver(() => this.resize()).observe(equity);
  }

  build() {
    this.plots?.forEach((plot) => plot.destroy());
    this.handles = [];
    this.plots = this.places.map((place, number) => new uPlot(this.buildOptions(place, number), this.data[number], place));
  }

  buildOptions(place, number) {
    const isDrawdown = number === 1;
    const axis = { stroke: () => colour(this.places[0], "--faint"), font, grid: { stroke: () => colour(this.places[0], "--line"), width: 1 }, ticks: { show: false } };
    const log = isDrawdown || !this.isLog ? {} : { splits: (_, __, low, high) => splitLog(low, high), filter: (_, splits) => splits };
    const show = isDrawdown ? (value) => `${Number((100 * value).toFixed(1))} %` : compact;
    return {
      width: place.clientWidth, height: place.clientHeight,
      legend: { show: false }, padding: [6, 8, 0, 0],
      cursor: { sync: { key: "curves", setSeries: false }, drag: { x: false, y: false }, points: { size: 5 } },
      scales: { x: { time: true }, y: isDrawdown || !this.isLog ? { distr: 1 } : { distr: 3, range: (_, low, high) => [low / 1.05, high * 1.05] } },
      tzDate: (seconds) => uPlot.tzDate(new Date(1000 * seconds), "UTC"),
      axes: [{ ...axis, size: isDrawdown ? 24 : 0, show: isDrawdown, values: MOMENTS },
        { ...axis, ...log, size: 52, values: (_, ticks) => ticks.map((tick) => (tick === null ? "" : show(tick))), space: 28 }],
      series: [{},
        { stroke: () => colour(this.places[0], "--accent"), width: WIDTH, points: { show: false } },
        { stroke: () => colour(this.places[0], "--hold"), width: 1, points: { show: false } }],
      hooks: {
        drawClear: [(plot) => this.shade(plot)],
        draw: [(plot) => this.place(plot, number)],  // uPlot lays out after it was made
        init: [(plot) => this.addHandle(plot, number)],
        setCursor: [(plot) => this.onCursor?.(plot.cursor.idx)],
      },
    };
  }

  shade(plot) {
    if (this.edge === null) return;
    const { left, top, width, height } = plot.bbox;
    const from = Math.max(left, plot.valToPos(this.edge, "x", true));
    plot.ctx.fillStyle = colour(this.places[0], "--outside");
    plot.ctx.fillRect(from, top, Math.max(0, left + width - from), height);
  }

  addHandle(plot, number) {
    const handle = document.createElement("div");
    handle.className = "edge";
    handle.title = "Drag to the left: bars after it choose nothing, and show what the choice is worth";
    if (number === 0) {
      handle.tabIndex = 0;
      handle.setAttribute("role", "slider");
      handle.setAttribute("aria-label", "Last date in sample");
      handle.addEventListener("keydown", (event) => this.step(event));
    }
    handle.append(document.createElement("i"));
    plot.over.append(handle);
    this.handles.push(handle);
    handle.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      handle.setPointerCapture(event.pointerId);
      handle.focus();
      handle.classList.add("dragged");
    });
    handle.addEventListener("pointermove", (event) => {
      if (!handle.hasPointerCapture(event.pointerId)) return;
      const { left, width } = plot.over.getBoundingClientRect();
      this.move(plot.posToVal(Math.max(0, Math.min(width, event.clientX - left)), "x"));
    });
    handle.addEventListener("pointerup", (event) => {
      handle.releasePointerCapture(event.pointerId);
      handle.classList.remove("dragged");
    });
  }

  step(event) {
    const way = { ArrowLeft: -1, ArrowRight: 1, PageDown: -1, PageUp: 1 }[event.key];
    const times = this.frame?.arrays.times;
    if (!times) return;
    const [small, large] = this.calendar.isIntraday ? [10 * 60, 60 * 60] : [7 * DAY, 30 * DAY];
    if (way) this.move((this.edge ?? times[times.length - 1]) + way * (event.shiftKey || event.key.startsWith("Page") ? large : small));
    else if (event.key === "End") this.move(Infinity);
    else return;
    event.preventDefault();
  }

  move(seconds) {
    const { times } = this.frame.arrays;
    const last = times[times.length - 1], first = Math.max(times[0], this.earliest);
    const isAll = seconds >= last - this.calendar.step / 2;
    this.edge = isAll ? null : Math.max(first, seconds);
    this.plots.forEach((plot) => plot.redraw(false));
    this.onEdge(isAll ? null : this.calendar.write(Math.floor(this.edge / this.calendar.step)));
  }

  place(plot, number) {
    const handle = this.handles[number], { times } = this.frame.arrays;
    const left = this.edge === null ? plot.bbox.width / devicePixelRatio : plot.valToPos(this.edge, "x");
    const first = times[0], last = times[times.length - 1], kind = [left, this.edge, first, last].join();
    if (handle.dataset.kind === kind) return;  // another layout of the page for nothing
    handle.dataset.kind = kind;
    handle.style.left = `${left}px`;
    if (number > 0) return;
    handle.setAttribute("aria-valuemin", first);
    handle.setAttribute("aria-valuemax", last);
    handle.setAttribute("aria-valuenow", this.edge ?? last);
    handle.setAttribute("aria-valuetext", this.edge === null ? "all bars are in sample" : this.calendar.show(this.edge));
  }

  fallsAt(bar) {
    const [, drawdown, holdDrawdown] = this.data[1];
    return { drawdown: drawdown[bar], holdDrawdown: holdDrawdown[bar] };
  }

  isDragged() {
    return this.handles?.some((handle) => handle.classList.contains("dragged"));
  }

  take(frame) {
    this.frame = frame;
    const { times, equity, hold } = frame.arrays;
    this.data = [[times, equity, hold], [times, computeDrawdown(equity), computeDrawdown(hold)]];
    if (!this.isDragged()) this.edge = frame.edge ?? null;
  }

  draw(isLog = this.isLog) {
    if (!this.frame) return;
    const isOther = isLog !== this.isLog;
    this.isLog = isLog;
    if (!this.plots || isOther) this.build();
    else this.plots.forEach((plot, number) => plot.batch(() => plot.setData(this.data[number])));  // at once, not after this task
  }

  redraw() {
    this.plots?.forEach((plot) => plot.redraw());
  }

  resize() {
    if (!this.plots) return;
    this.plots.forEach((plot, number) => plot.setSize({ width: this.places[number].clientWidth, height: this.places[number].clientHeight }));
  }
}
