// "Is it luck?": random markets as they are swept, and what they say.

import { colour } from "./colours.js";
import { count, duration, metric } from "./format.js";
import { drawHistogram, listenToBars, nameBar } from "./histogram.js";

export class Luck {
  constructor(section, onHover, onStop) {
    this.section = section;
    this.canvas = section.querySelector("canvas");
    this.shown = null;
    section.querySelector("#luck-stop").addEventListener("click", () => {
      onStop();
      if (this.shown?.done ?? true) section.hidden = true;
      else this.stop("stopped");
    });
    listenToBars(this.canvas, onHover, (bar) => {
      const { edges, nulls, unit } = this.shown;
      return `best ${nameBar(edges, bar, unit)}: ${nulls.map(({ counts, name }) => `${counts[bar]} with ${name}`).join(", ")}`;
    });
    new ResizeObserver(() => this.draw()).observe(this.canvas.parentElement);
  }

  begin(number) {
    this.number = number;
    this.shown = null;
    this.section.hidden = false;
    this.say("state", "sweeping the first random market");
    this.say("p", "");
    this.section.querySelector("#luck-says").replaceChildren();
    this.section.querySelector("#luck-stop").textContent = "Stop";
    this.canvas.getContext("2d").clearRect(0, 0, this.canvas.width, this.canvas.height);
  }

  stop(why) {
    if (this.section.hidden || this.shown?.done) return;
    this.shown = { ...this.shown, done: true };
    this.say("state", why);
    this.section.querySelector("#luck-stop").textContent = "Close";
  }

  get isRunning() {
    return !this.section.hidden && !this.shown?.done;
  }

  say(where, text) {
    this.section.querySelector(`#luck-${where}`).textContent = text;
  }

  take(message, unit) {
    if (message.id !== this.number || this.section.hidden || this.shown?.done) return;
    if (message.ended) return this.stop(message.ended);
    this.shown = { ...message, unit };
    const { done, swept, size, seconds, p, low, high, nulls = [], sentences = [] } = message;
    this.say("state", done ? `${count(swept)} random markets in ${duration(seconds)}` : `${count(swept)} of at most ${count(size)} random markets`);
    if (p !== null) {
      const asGood = nulls.map((null_) => `${null_.at_least} of ${null_.resamples} with ${null_.name}`).join(", ");
      this.say("p", `p = ${p.toFixed(3)}${low === null ? "" : ` (${low.toFixed(3)} to ${high.toFixed(3)})`}. As good: ${asGood}.`);
    }
    this.section.querySelector("#luck-says").replaceChildren(...sentences.map((sentence) => Object.assign(document.createElement("p"), { textContent: sentence })));
    if (done) this.section.querySelector("#luck-stop").textContent = "Close";
    this.draw();
  }

  draw() {
    if (!this.shown?.edges || this.section.hidden) return;
    const { edges, nulls, is_as_good: isAsGood, winner, unit } = this.shown;
    const plain = [colour(this.section, "--accent"), colour(this.section, "--accent-2")];
    drawHistogram(this.canvas, {
      edges, unit,
      layers: nulls.map((null_, number) => ({ counts: null_.counts, colour: (bar) => (isAsGood[bar] ? colour(this.section, "--bad") : plain[number]) })),
      lines: [{ value: winner, name: "winner", stroke: colour(this.section, "--ink") }],
    });
    this.canvas.setAttribute("aria-label", `The best of each random market; the winner has ${metric(unit, winner)}`);
  }
}
