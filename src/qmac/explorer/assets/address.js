// The state as text, for the bar of addresses: what differs from the first question.

const FLAGS = ["common", "log"];

export function write(state, { question: first, stats }) {
  const parts = new URLSearchParams();
  for (const [name, value] of Object.entries(state.question)) {
    if (JSON.stringify(value) !== JSON.stringify(first[name])) parts.set(name, JSON.stringify(value));
  }
  if (state.stat !== stats[0]) parts.set("map", state.stat);
  if (state.combination) parts.set("shown", state.combination.join("-"));
  for (const flag of FLAGS) if (!state[flag]) parts.set(flag, "no");
  return parts.toString();
}

const DATES = ["start", "edge", "end"];

const isBound = (bound) => bound === null || typeof bound === "number";

// Whether controls can show a value; the server says what else is wrong with it.
function fits(name, value, metrics) {
  if (DATES.includes(name)) return value === null || /^\d{4}-\d\d-\d\d/.test(value);
  if (name !== "constraints") return true;
  if (value === null || typeof value !== "object") return false;
  return Object.entries(value).every(([metric, bounds]) =>
    Object.hasOwn(metrics, metric) && Array.isArray(bounds) && bounds.length === 2 && bounds.every(isBound));
}

export function read(text, { question: first, stats, metrics }) {
  const state = { question: structuredClone(first), stat: stats[0], combination: null };
  const parts = new URLSearchParams(text);
  for (const name of Object.keys(first)) {
    if (!parts.has(name)) continue;
    try {
      const value = JSON.parse(parts.get(name));
      if (fits(name, value, metrics)) state.question[name] = value;
    } catch { /* an address that somebody changed: the first question's value stays */ }
  }
  if (stats.includes(parts.get("map"))) state.stat = parts.get("map");
  const shown = (parts.get("shown") ?? "").split("-").map(Number);
  if (shown.length === 4 && shown.every(Number.isInteger)) state.combination = shown;
  for (const flag of FLAGS) state[flag] = parts.get(flag) !== "no";
  return state;
}
