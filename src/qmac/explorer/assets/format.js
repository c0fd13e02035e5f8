// Numbers and names as people read them.

export const words = (name) => name.replaceAll("_", " ");

const SHORT = {
  annualized_return: "CAGR", sharpe_ratio: "Sharpe", sortino_ratio: "Sortino", calmar_ratio: "Calmar", omega_ratio: "Omega",
  annualized_volatility: "volatility", total_trades: "trades", exposure: "time in market", average_bars: "bars a trade",
  close: "at the close", next_open: "at the next open", ignore: "neither acts", opposite: "the fitting one acts",
};

// as traders say it
export const short = (name) => SHORT[name] ?? words(name);

export const count = (number) => number.toLocaleString("en");

export function metric(unit, value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (unit === "count") return count(Math.round(value));
  if (Math.abs(value) >= 1e6) return value.toExponential(2);
  if (unit === "percent") {
    const percent = 100 * value;
    return `${percent.toFixed(Math.abs(percent) >= 1000 ? 0 : 1)} %`;
  }
  if (unit === "bars") return value.toFixed(1);
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(2);
}

export function duration(seconds) {
  if (seconds < 0.9995) return `${Math.round(1000 * seconds)} ms`;
  return seconds < 60 ? `${seconds.toFixed(1)} s` : `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}

const DAY = 86400;

export const toDate = (day) => new Date(1000 * DAY * day).toISOString().slice(0, 10);

export const toDay = (date) => Math.floor(Date.parse(`${date.slice(0, 10)}T00:00:00Z`) / (1000 * DAY));
