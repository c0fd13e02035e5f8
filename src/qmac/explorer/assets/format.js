// Numbers and names as people read them.

export const words = (name) => name.replaceAll("_", " ");

const SHORT = {
  annualized_return: "CAGR", sharpe_ratio: "Sharpe", sortino_ratio: "Sortino", calmar_ratio: "Calmar", omega_ratio: "Omega",
  annualized_volatility: "volatility", total_trades: "trades", exposure: "time in market", average_bars: "bars a trade",
  close: "at the close", next_open: "at the next open", ignore: "neither acts", opposite: "the fitting one acts",
};

// as traders say it
export const short = (name) => SHORT[name] ?? words(name);

// made once: to make one takes longer than all that is written with it on a page
const COUNT = new Intl.NumberFormat("en");
const FIXED = [0, 1, 2].map((digits) => new Intl.NumberFormat("en", { minimumFractionDigits: digits, maximumFractionDigits: digits }));

export const count = (number) => COUNT.format(number);

const fixed = (value, digits) => {
  const text = FIXED[digits].format(value);
  return /[1-9]/.test(text) ? text : text.replace("-", "");  // no minus zero
};

export function metric(unit, value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (unit === "count") return count(Math.round(value));
  const isLarge = Math.abs(value) >= 1e6;
  if (unit === "percent") {
    const percent = 100 * value;
    return isLarge ? `${percent.toExponential(1)} %` : `${fixed(percent, Math.abs(percent) >= 1000 ? 0 : 1)} %`;
  }
  if (isLarge) return value.toExponential(2);
  if (unit === "bars") return fixed(value, 1);
  return fixed(value, Math.abs(value) >= 100 ? 0 : 2);
}

// of an axis or a price, in at most seven characters
export function compact(value) {
  const size = Math.abs(value);
  if (size >= 1e15 || (size > 0 && size < 1e-3)) return value.toExponential(0);
  if (size >= 1e5) return value.toLocaleString("en", { notation: "compact", maximumSignificantDigits: 3 });
  return value.toLocaleString("en", { maximumSignificantDigits: 4 });
}

export function duration(seconds) {
  if (seconds < 0.9995) return `${Math.round(1000 * seconds)} ms`;
  return seconds < 60 ? `${seconds.toFixed(1)} s` : `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}

export const DAY = 86400;

// Moments of bars, by the clock of their own time zone: days, or minutes where a day has many bars.
export class Calendar {
  constructor({ intraday }) {
    this.isIntraday = intraday;
    this.step = intraday ? 60 : DAY;  // seconds
  }

  // in steps; a day without a time is over at its last minute, where it ends something
  read(text, isEnd = false) {
    const hasTime = text.length > 10;
    const seconds = Date.parse(hasTime ? `${text.slice(0, 19).replace(" ", "T")}Z` : text) / 1000;
    return Math.floor((seconds + (isEnd && !hasTime ? DAY - 1 : 0)) / this.step);
  }

  write(steps) {
    return new Date(1000 * this.step * steps).toISOString().slice(0, this.isIntraday ? 16 : 10);
  }

  // of seconds, for people
  show(seconds) {
    return this.write(Math.floor(seconds / this.step)).replace("T", " ");
  }
}
