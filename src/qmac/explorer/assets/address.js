// The state of the page in the bar of addresses: what differs from the first question.

const FLAGS = ["common", "log"];

export function write(state, first) {
  const parts = new URLSearchParams();
  for (const [name, value] of Object.entries(state.question)) {
    if (JSON.stringify(value) !== JSON.stringify(first[name])) parts.set(name, JSON.stringify(value));
  }
  if (state.stat !== "best") parts.set("map", state.stat);
  if (state.combination) parts.set("shown", state.combination.join("-"));
  for (const flag of FLAGS) if (!state[flag]) parts.set(flag, "no");
  const hash = parts.toString();
  history.replaceState(null, "", hash ? `/#${hash}` : "/");
}

export function read(first, stats) {
  const state = { question: structuredClone(first), stat: "best", combination: null };
  const parts = new URLSearchParams(location.hash.slice(1));
  for (const name of Object.keys(first)) {
    if (!parts.has(name)) continue;
    try {
      state.question[name] = JSON.parse(parts.get(name));
    } catch { /* an address that somebody changed: the first question's value stays */ }
  }
  if (stats.includes(parts.get("map"))) state.stat = parts.get("map");
  const shown = (parts.get("shown") ?? "").split("-").map(Number);
  if (shown.length === 4 && shown.every(Number.isInteger)) state.combination = shown;
  for (const flag of FLAGS) state[flag] = parts.get(flag) !== "no";
  return state;
}
