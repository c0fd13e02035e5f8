// The form: each control reads and writes one entry of the question.

import { Calendar, short } from "./format.js";

const element = (tag, attributes = {}, ...children) => {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (name in made && typeof value !== "string") made[name] = value;
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children);
  return made;
};

const PERCENT = [
  { key: "fees", label: "Fees", most: 1, step: 0.01, group: "Costs" },
  { key: "slippage", label: "Slippage", most: 1, step: 0.01, group: "Costs" },
  { key: "stop_loss", label: "Stop loss", most: 50, step: 0.5, group: "Stops", canBeOff: true },
  { key: "take_profit", label: "Take profit", most: 200, step: 1, group: "Stops", canBeOff: true },
  { key: "trailing_stop", label: "Trailing stop", most: 50, step: 0.5, group: "Stops", canBeOff: true },
];
const COUNTS = [
  { key: "max_bars", label: "Longest holding", most: 504, step: 1, unit: "bars", group: "Stops", canBeOff: true },
  { key: "min_trades", label: "Trades, at least", most: 100, step: 1, unit: "", group: "Which may win" },
];
const DATES = [
  { key: "start", label: "From", isFirst: true },
  { key: "edge", label: "In sample until" },
  { key: "end", label: "To" },
];
const HELP = {
  edge: "Later bars choose nothing: they show what the choice is worth.",
  slippage: "By how much a fill is worse than its price.",
  min_trades: "Combinations with fewer trades cannot win.",
};

export class Controls {
  constructor(form, hello, onChange) {
    Object.assign(this, { form, hello, onChange, question: null, writers: [] });
    this.groups = new Map();
    this.calendar = new Calendar(hello);
    this.addMenus();
    for (const spec of [...PERCENT, ...COUNTS]) this.addSlider(spec);
    this.addBounds();
    for (const spec of DATES) this.addDate(spec);
    form.addEventListener("submit", (event) => event.preventDefault());
    const reset = element("button", { type: "button", class: "plain" }, "Back to the start");
    reset.addEventListener("click", () => {
      this.write(structuredClone(hello.question));
      this.onChange(this.question);
    });
    form.append(reset);
  }

  group(name) {
    if (!this.groups.has(name)) {
      const group = element("fieldset", {}, element("legend", {}, name));
      this.groups.set(name, group);
      this.form.append(group);
    }
    return this.groups.get(name);
  }

  set(key, value) {
    this.question = { ...this.question, [key]: value };
    this.onChange(this.question);
  }

  write(question) {
    this.question = question;
    for (const write of this.writers) write(question);
  }

  addMenu(group, key, label, options, { read = (text) => text, show = String } = {}) {
    const select = element("select", { id: `control-${key}` },
      ...options.map(([value, text, title]) => element("option", { value: String(value), title }, text)));
    select.addEventListener("change", () => this.set(key, read(select.value)));
    this.writers.push((question) => { select.value = show(question[key]); });
    this.group(group).append(element("label", { class: "menu", for: select.id }, element("span", {}, label), select));
    return select;
  }

  addMenus() {
    const { metrics, averages, fills, conflicts, has_open: hasOpen } = this.hello;
    const ranked = Object.entries(metrics).filter(([, metric]) => metric.is_ranked);
    this.addMenu("Ranked by", "objective", "Objective", ranked.map(([name, metric]) => [name, short(name), metric.words]));
    this.addMenu("Ranked by", "maximize", "Best is the", [[true, "highest"], [false, "lowest"]], { read: (text) => text === "true" });
    this.addMenu("Strategy", "average", "Average", Object.entries(averages).map(([name, text]) => [name, `${name.toUpperCase()}, ${text.replace(" moving averages", "")}`, text]));
    const fill = this.addMenu("Strategy", "fill", "Filled", Object.entries(fills).map(([name, text]) => [name, short(name), text]));
    if (!hasOpen) {
      const option = [...fill.options].find(({ value }) => value === "next_open");
      option.disabled = true;
      option.textContent += " (the prices have no Open)";
    }
    this.addMenu("Strategy", "conflict", "Both signals", Object.entries(conflicts).map(([name, text]) => [name, short(name), text]));
  }

  addSlider({ key, label, most, step, group, canBeOff = false, unit }) {
    const isPercent = unit === undefined;
    const id = `control-${key}`, toShown = (value) => (isPercent ? Number((100 * value).toFixed(6)) : value);
    const fromShown = (shown) => (isPercent ? Number((shown / 100).toFixed(8)) : Math.round(shown));
    const range = element("input", { type: "range", id, min: "0", max: String(most), step: String(step), "aria-describedby": `${id}-unit` });
    const number = element("input", { type: "number", min: "0", step: "any", "aria-label": `${label}${isPercent ? ", percent" : ""}`, placeholder: canBeOff ? "off" : "0" });
    const take = (text) => {
      const shown = Number(text);
      const isOff = canBeOff && (text === "" || shown <= 0);
      if (!Number.isFinite(shown)) return;
      this.set(key, isOff ? null : fromShown(Math.max(0, shown)));
    };
    range.addEventListener("input", () => {
      number.value = canBeOff && Number(range.value) === 0 ? "" : range.value;
      speak();
      take(range.value);
    });
    number.addEventListener("input", () => {
      range.value = number.value || "0";
      speak();
      take(number.value);
    });
    const speak = () => range.setAttribute("aria-valuetext", number.value === "" ? "off" : `${number.value} ${isPercent ? "percent" : unit}`);
    this.writers.push((question) => {
      const value = question[key];
      range.value = String(value === null ? 0 : toShown(value));
      if (this.form.getRootNode().activeElement !== number) number.value = value === null ? "" : String(toShown(value));
      speak();
    });
    this.group(group).append(element("div", { class: "slider", title: HELP[key] },
      element("label", { for: id }, label), range, number, element("span", { class: "unit", id: `${id}-unit` }, isPercent ? "%" : unit)));
  }

  addDate({ key, label, isFirst = false }) {
    const { calendar } = this, [first, last] = [key === "edge" ? this.hello.earliest : this.hello.first, this.hello.last].map((text) => calendar.read(text));
    const id = `control-${key}`, kind = calendar.isIntraday ? "datetime-local" : "date";
    const range = element("input", { type: "range", id, min: String(first), max: String(last), step: "1" });
    const date = element("input", { type: kind, "aria-label": label, min: calendar.write(first), max: calendar.write(last) });
    const whole = isFirst ? first : last;
    const speak = () => range.setAttribute("aria-valuetext", date.value.replace("T", " "));
    const take = (step) => this.set(key, step === whole ? null : calendar.write(step));
    range.addEventListener("input", () => {
      date.value = calendar.write(Number(range.value));
      speak();
      take(Number(range.value));
    });
    date.addEventListener("change", () => {
      const step = date.value ? calendar.read(date.value) : whole;
      if (!Number.isFinite(step)) return;
      range.value = String(step);
      speak();
      take(Math.max(first, Math.min(last, step)));
    });
    this.writers.push((question) => {
      const step = question[key] === null ? whole : calendar.read(question[key], !isFirst);
      range.value = String(step);
      if (this.form.getRootNode().activeElement !== date) date.value = calendar.write(step);
      speak();
    });
    this.group("Dates").append(element("div", { class: `slider ${kind}`, title: HELP[key] }, element("label", { for: id }, label), range, date));
  }

  addBounds() {
    const group = this.group("Which may win");
    const list = element("div", { id: "bounds" });
    const add = element("button", { type: "button", class: "plain" }, "Add a bound");
    group.append(list, add);
    const { metrics } = this.hello;
    const ranked = Object.keys(metrics).filter((name) => metrics[name].is_ranked && name !== "total_trades");
    const read = () => {
      const constraints = {};
      for (const row of list.children) {
        const [metric, sign, number] = row.querySelectorAll("select, input[type=number]");
        if (number.value === "") continue;
        const isPercent = metrics[metric.value].unit === "percent";
        const value = isPercent ? Number((Number(number.value) / 100).toFixed(8)) : Number(number.value);
        const bounds = constraints[metric.value] ?? [null, null];
        bounds[sign.value === ">=" ? 0 : 1] = value;
        constraints[metric.value] = bounds;
      }
      this.set("constraints", constraints);
    };
    const addRow = (name, sign, value) => {
      const menu = element("select", { "aria-label": "Metric" }, ...ranked.map((each) => element("option", { value: each }, short(each))));
      const signs = element("select", { "aria-label": "At least or at most" }, element("option", { value: ">=" }, "≥"), element("option", { value: "<=" }, "≤"));
      const number = element("input", { type: "number", step: "any", "aria-label": "Bound" });
      const range = element("input", { type: "range", "aria-label": "Bound" });
      const unit = element("span", { class: "unit" });
      const drop = element("button", { type: "button", class: "plain", "aria-label": "Drop this bound", title: "Drop this bound" }, "×");
      const row = element("div", { class: "bound" }, menu, signs, number, unit, drop, range);
      menu.value = name;
      signs.value = sign;
      const fit = () => {
        const { unit: kind, bounds: [low, high] } = metrics[menu.value];
        const isPercent = kind === "percent", factor = isPercent ? 100 : 1;
        const most = high === null ? (isPercent ? 100 : 5) : factor * high, least = low === null ? (isPercent ? -100 : -2) : factor * low;
        Object.assign(range, { min: String(least), max: String(most), step: isPercent ? "1" : "0.05" });
        unit.textContent = isPercent ? "%" : "";
        range.value = number.value || "0";
      };
      if (value !== null) number.value = String(metrics[name].unit === "percent" ? Number((100 * value).toFixed(6)) : value);
      fit();
      menu.addEventListener("change", () => { fit(); read(); });
      signs.addEventListener("change", read);
      number.addEventListener("input", () => { range.value = number.value || "0"; read(); });
      range.addEventListener("input", () => { number.value = range.value; read(); });
      drop.addEventListener("click", () => { row.remove(); add.focus(); read(); });
      list.append(row);
      return menu;
    };
    add.addEventListener("click", () => addRow("max_drawdown", ">=", null).focus());
    this.writers.push((question) => {
      list.replaceChildren();
      for (const [name, [low, high]] of Object.entries(question.constraints)) {
        if (low !== null) addRow(name, ">=", low);
        if (high !== null) addRow(name, "<=", high);
      }
    });
  }
}
