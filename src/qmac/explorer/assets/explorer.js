// The explorer on a page or in a notebook: what is asked, when, and where each part of an answer is shown.

import * as address from "./address.js";
import { colour, forgetColours } from "./colours.js";
import { Controls } from "./controls.js";
import { Curves } from "./curves.js";
import { count, duration, metric, short } from "./format.js";
import { drawHistogram, listenToBars, nameBar } from "./histogram.js";
import { Luck } from "./luck.js";
import { Maps, drawRamp } from "./maps.js";

const REST = 400;  // milliseconds without input after which the whole grid is swept
const LONG = 1200;  // milliseconds without an answer after which the page says that it waits
const LONGER = 3000;  // milliseconds after which it says why that may be
const FRAME = 1000 / 60;  // milliseconds between two pictures of the screen
const MOST_RECORDS = 500;
const TILES = ["annualized_return", "max_drawdown", "sharpe_ratio", "total_trades", "exposure"];
const make = (tag, text, name) => Object.assign(document.createElement(tag), { textContent: text, className: name ?? "" });

// the text of an element, which is laid out anew only where it is another one
function write(element, text) {
  const node = element.firstChild;
  if (node?.nodeType === Node.TEXT_NODE && !node.nextSibling) {
    if (node.data !== text) node.data = text;
  } else if (node || text) element.textContent = text;
}

// root: an element with the markup; connect: opens a connection with handlers of messages;
// bar: its text is the state, which a bookmark or a notebook keeps; onBegin: gets what is known of the series
export function mount(root, { connect, bar, onBegin = () => {} }) {
  const find = (id) => root.querySelector(`#${id}`);

  let hello, state, controls, frame, last = null;
  let number = 0, wanted = 0, isExactDue = false, restTimer, noticeTimer, isDrawing = false, drawnAt = -Infinity, exactBegan = null, compiled = null, barCombination = "null";
  const sentAt = new Map();

  // for tests and benchmarks: what was asked and drawn
  const explored = {
    frames: [], asked: 0, last: null, usable: null,
    drawMaps() {
      const began = performance.now();
      maps.draw(state.common);
      for (const { context } of maps.maps) context.getImageData(0, 0, 1, 1);  // drawing is deferred
      return performance.now() - began;
    },
  };

  const maps = new Maps(find("grid"), takeCell, showTip);
  const curves = new Curves(find("equity"), find("drawdown"), (edge) => change({ ...state.question, edge }));
  curves.onCursor = showBar;
  const luck = new Luck(find("luck"), showTip, () => connection.send({ type: "stop", id: ++number }));
  const connection = connect({ hello: begin, frame: take, error: showError, progress: showProgress, compiling: takeCompiling, saved: showSaved, luck: (message) => luck.take(message, unitOf(frame)), lost: showLost });

  function unitOf(shown) {
    return hello.metrics[shown.objective].unit;
  }

  function begin(message) {
    const isFirst = !hello;
    hello = message;
    if (isFirst) {
      write(find("series"), `${hello.name}  ${hello.first.slice(0, 10)} to ${hello.last.slice(0, 10)}, ${count(hello.bars)} bars${hello.adjusted ? ", adjusted" : ""}`);
      onBegin(hello);
      controls = new Controls(find("controls"), hello, change);
      find("stats").append(...hello.stats.map((stat) => {
        const button = make("button", stat);
        button.type = "button";
        button.dataset.stat = stat;
        button.addEventListener("click", () => { state.stat = stat; show(); });
        return button;
      }));
      state = address.read(bar.text, hello);
      controls.write(state.question);
      const { calendar } = controls;
      curves.calendar = calendar;
      curves.earliest = calendar.read(hello.earliest) * calendar.step;
      find("common").checked = state.common;
      find("log").checked = curves.isLog = state.log;
    }
    find("notice").hidden = true;
    pressStat();
    ask(false);
    rest();
  }

  function writeBar() {
    barCombination = String(state.combination);
    bar.text = address.write(state, hello);
  }

  function pressStat() {
    for (const button of find("stats").children) button.setAttribute("aria-pressed", String(button.dataset.stat === state.stat));
  }

  function ask(isExact, view = {}) {
    const message = {
      type: "ask", id: ++number, exact: isExact, question: state.question,
      view: { stat: state.stat, combination: state.combination, ...view },
    };
    if (!connection.send(message)) return;
    wanted = number;
    sentAt.set(number, performance.now());
    sentAt.delete(number - MOST_RECORDS);
    explored.asked = number;
    if (isExact) exactBegan = performance.now();
  }

  function rest() {
    clearTimeout(restTimer);
    isExactDue = false;
    restTimer = setTimeout(() => {
      isExactDue = true;  // of a small grid, too: with what its neighbours say
      askExact();
      writeBar();
    }, REST);
  }

  // once the coarse answer is on the screen, which on a slow machine comes later than the rest
  function askExact() {
    if (!isExactDue || frame?.id !== wanted) return;
    isExactDue = false;
    ask(true);
  }

  function change(question) {
    state.question = question;
    if (luck.isRunning) {
      connection.send({ type: "stop", id: ++number });
      luck.stop("stopped: the question is another one now");
    }
    setActions(false);
    controls.question = question;
    if (question.edge !== controls.shownEdge) {
      controls.shownEdge = question.edge;
      controls.write(question);
    }
    ask(false);
    rest();
  }

  // another view of the same question: of the exact answer, if that is what is shown
  function show(view = {}) {
    pressStat();
    ask(Boolean(frame?.exact), view);
    if (!frame?.exact) rest();
    else writeBar();
  }

  function takeCell(cell) {
    state.combination = null;
    show({ cell });
  }

  function take(message) {
    message.received = performance.now();
    if (last !== null && message.id < last.id) return;
    last = message;
    if (isDrawing) return;
    // at once, if the screen has shown the one before: it is painted up to a sixtieth of a second sooner
    if (!document.hidden && message.received - drawnAt > FRAME) {
      draw(last);
      return;
    }
    isDrawing = true;
    requestAnimationFrame(() => {
      isDrawing = false;
      draw(last);
    });
  }

  function draw(message) {
    const began = performance.now();
    frame = { ...message, roles: hello.roles };
    const isWinner = String(frame.combination) === String(frame.winner);
    if (frame.id === wanted) state.combination = isWinner ? null : frame.combination;
    const unit = unitOf(frame);
    maps.take(frame, unit);
    const mapsBegan = performance.now();
    const ends = maps.draw(state.common);
    const mapsTook = performance.now() - mapsBegan;
    // all canvases before any text: text on a canvas makes the browser lay the page out, if a text of it has changed
    drawOutcomes();
    if (frame.arrays.equity) {
      curves.take(frame);
      curves.draw(state.log);
    }
    showScale(ends);
    showOutcomes();
    find("curves").classList.toggle("empty", !frame.arrays.equity);
    showWinner(isWinner, unit);
    showTable();
    showState();
    if (frame.id === wanted) {
      find("notice").hidden = find("notice").dataset.kind === "error" ? true : find("notice").hidden;
      setActions(frame.exact);
      askExact();
      if (String(state.combination) !== barCombination) writeBar();  // else at rest: a drag would write too often
    }
    const drawn = drawnAt = performance.now();
    const record = {
      id: frame.id, exact: frame.exact, seconds: frame.seconds, asked: sentAt.get(frame.id), received: frame.received,
      drawn, maps: mapsTook, drawing: drawn - began,
    };
    explored.frames.push(record);
    if (explored.frames.length > MOST_RECORDS) explored.frames.shift();
    explored.last = { id: frame.id, digest: frame.digest, question: state.question, command: frame.command, winner: frame.winner, combination: frame.combination, exact: frame.exact, edge: frame.edge };
    explored.usable ??= drawn;
    requestAnimationFrame(() => setTimeout(() => {
      record.painted = performance.now();
      explored.onPainted?.(record);
    }));
  }

  function setActions(isExact) {
    find("save").disabled = find("ask-luck").disabled = !(isExact && frame?.winner);
    find("copy").disabled = !frame?.command;
  }

  function showState() {
    const what = frame.exact ? "exact" : "coarse";
    write(find("state"), `${what}: ${count(frame.evaluated)} in ${duration(frame.seconds)}`);
    root.dataset.shown = what;
    find("progress").hidden = true;
  }

  function showProgress({ id, share }) {
    if (id !== wanted) return;
    find("progress").hidden = false;
    find("share").style.width = `${100 * share}%`;
    write(find("state"), `exact: ${count(hello.combinations)}, ${(100 * share).toFixed(0)} %, ${duration((performance.now() - exactBegan) / 1000)}`);
  }

  const isWaiting = () => hello && (last?.id ?? 0) < wanted && find("notice").dataset.waits !== String(wanted);

  function takeCompiling(message) {
    compiled = message.words ? { ...message, began: performance.now() - 1000 * message.seconds } : null;
    showCompiling();
  }

  // what is compiled, for how long, of about how much: once for each kind of question on a machine
  function showCompiling() {
    const place = find("compiling");
    place.hidden = !compiled;
    if (!compiled) return;
    const seconds = (performance.now() - compiled.began) / 1000, { beside, usual } = compiled;
    const what = compiled.words.split(", ").map(short).join(", ");
    find("compiled").style.width = `${100 * (1 - 0.5 ** (2 * seconds / usual))}%`;  // it may take longer
    write(find("compiled-for"), `${beside ? "beside, " : ""}compiling for ${what}: ${Math.floor(seconds)} s${seconds < usual ? ` of about ${usual} s, once` : `, usually ${usual} s, once`}`);
    place.title = beside ? "Until it is there, a general kernel answers, with the same digits." : "The answer waits for it.";
  }

  // until a first answer or the first progress of an exact one
  function showWaiting() {
    if (compiled) showCompiling();
    const waited = performance.now() - (sentAt.get(wanted) ?? Infinity);
    if (!isWaiting() || waited < LONG) return;
    if (!find("progress").hidden) return;
    const why = waited < LONGER || compiled ? "" : " (kernels that are new on this machine are compiled once)";
    write(find("state"), `working, ${duration(waited / 1000)}${why}`);
  }

  function showScale(ends) {
    find("scale").hidden = !ends;
    ends?.forEach((end, number) => write(find(number === 0 ? "scale-low" : "scale-high"), end));
  }

  function drawOutcomes() {
    const { arrays, distribution } = frame, canvas = root.querySelector("#histogram canvas"), unit = unitOf(frame);
    if (!distribution) {
      canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
      return;
    }
    const { hold, winner } = distribution;
    const below = colour(root, "--below"), above = colour(root, "--above");
    const lines = [{ value: winner, name: "winner", stroke: colour(root, "--accent") }, { value: hold, name: "hold", stroke: colour(root, "--hold") }];
    const row = frame.metrics?.find(([name]) => name === frame.objective);
    if (row && String(frame.combination) !== String(frame.winner)) lines.push({ value: row[1], name: "picked", stroke: colour(root, "--bad") });
    drawHistogram(canvas, {
      edges: arrays.edges, unit, lines,
      layers: [{ counts: arrays.counts, colour: (bar) => (arrays.edges[bar + 1] <= 0 ? below : above) }],
    });
  }

  function showOutcomes() {
    if (!frame.distribution) {
      write(find("counted"), `nothing scored: ${count(frame.filtered)} filtered, ${count(frame.unscored)} undefined`);
      return;
    }
    const { hold, winner, positive, better_than_hold: better } = frame.distribution, unit = unitOf(frame);
    const shares = [`${(100 * positive).toFixed(1)} % above 0`];
    if (better !== null) shares.push(`${(100 * better).toFixed(1)} % beat hold`);
    write(find("counted"), shares.join(", "));
    root.querySelector("#histogram canvas").setAttribute("aria-label", `Histogram of the ${short(frame.objective)} of ${count(frame.scored)} combinations: ${shares.join(", ")}; winner ${metric(unit, winner)}, buy and hold ${metric(unit, hold)}`);
  }

  function showWinner(isWinner) {
    const shown = frame.combination;
    const where = frame.edge ? ", in sample" : "";
    write(find("whose"), `${isWinner ? "Winner" : "Picked from a map"}${where}`);
    write(find("curve-name"), isWinner ? "winner" : "picked");
    if (!shown) {
      write(find("combination"), "none");
      write(find("meaning"), describeNone());
      for (const place of [find("tiles"), find("cautions")]) {
        place.replaceChildren();
        delete place.dataset.kind;
      }
      return;
    }
    const [buyFast, buySlow, sellFast, sellSlow] = shown;
    write(find("combination"), `${buyFast} / ${buySlow} › ${sellFast} / ${sellSlow}`);
    write(find("meaning"), `buy: ${buyFast} crosses above ${buySlow}; sell: ${sellFast} crosses below ${sellSlow}`);
    showTiles(new Map(frame.metrics.map(([name, ...row]) => [name, row])));
    showCautions(isWinner);
  }

  function showTiles(values) {
    const names = [frame.objective, ...TILES.filter((name) => name !== frame.objective)].slice(0, 5);
    const isSplit = values.get(frame.objective).length > 2, place = find("tiles");
    const kind = [isSplit, ...names].join();
    if (place.dataset.kind !== kind) {
      place.dataset.kind = kind;
      place.replaceChildren(...names.map((name) => {
        const tile = make("div", "", name === frame.objective ? "tile objective" : "tile");
        tile.append(make("span", short(name)), make("b"), make("small"));
        if (isSplit) {
          tile.append(make("small", "", "after"));
          tile.lastChild.append("", make("span"));
        }
        return tile;
      }));
    }
    names.forEach((name, number) => {
      const { unit } = hello.metrics[name], [value, hold, after, holdAfter] = values.get(name);
      const beside = (value) => (name === "total_trades" ? "" : `hold ${metric(unit, value)}`);
      const [, shown, besideIt, then] = place.children[number].children;
      write(shown, metric(unit, value));
      write(besideIt, beside(hold));
      if (!then) return;
      then.firstChild.data = `then ${metric(unit, after)}`;
      write(then.lastChild, name === frame.objective ? `, ${beside(holdAfter)}` : "");
    });
  }

  // why there is no winner, and what to do
  function describeNone() {
    const { question } = state, { filtered, unscored } = frame, ways = [];
    if (!filtered) return `The ${short(frame.objective)} of all ${count(unscored)} combinations is undefined: choose another objective.`;
    if (question.min_trades > 0) ways.push("lower “Trades, at least”");
    if (Object.keys(question.constraints).length) ways.push("loosen a bound");
    return `No combination is left of ${count(frame.evaluated)}: ${ways.join(", or ")}.`;
  }

  function showCautions(isWinner) {
    const place = find("cautions"), kind = JSON.stringify([isWinner, frame.cautions, frame.scored]);
    if (place.dataset.kind === kind) return;
    place.dataset.kind = kind;
    const open = new Set([...place.querySelectorAll("details[open] summary")].map((summary) => summary.textContent));
    const chips = (frame.cautions ?? []).map(([heading, text]) => {
      const chip = make("details", "", "caution");
      chip.open = open.has(heading);
      chip.append(make("summary", heading), make("p", text));
      return chip;
    });
    if (!isWinner) {
      const back = make("button", "Back to the winner", "plain");
      back.type = "button";
      back.addEventListener("click", () => { state.combination = null; show(); });
      chips.push(back);
    } else if (frame.scored > 1) {
      chips.push(make("span", `chosen of ${count(frame.scored)}`, "chosen"));
    }
    place.replaceChildren(...chips);
  }

  function showTable() {
    const table = find("metrics"), rows = frame.metrics ?? [];
    const isSplit = rows.length > 0 && rows[0].length > 3;
    const who = String(frame.combination) === String(frame.winner) ? "winner" : "picked";
    const heads = isSplit ? ["", `${who}, in`, "hold, in", `${who}, out`, "hold, out"] : ["", who, "buy & hold"];
    table.hidden = rows.length === 0;
    const kind = [...heads, ...rows.map(([name]) => name)].join();
    if (table.dataset.kind !== kind) {
      table.dataset.kind = kind;
      buildTable(table, heads, rows);
      table.classList.toggle("split", isSplit);
    }
    rows.forEach(([name, ...values], line) => {
      const { cells } = table.tBodies[0].rows[line];
      values.forEach((value, place) => {
        write(cells[place + 1], metric(hello.metrics[name].unit, value));
      });
    });
    if (!rows.length) write(find("edge-text"), "");
    else write(find("edge-text"), isSplit
      ? `in sample until ${state.question.edge.replace("T", " ")}; the shaded bars chose nothing`
      : "drag the handle at the right edge to the left: bars after it choose nothing");
  }

  function buildTable(table, heads, rows) {
    const row = make("tr");
    row.append(...heads.map((text) => Object.assign(make("th", text), { scope: "col" })));
    table.tHead.replaceChildren(row);
    table.tBodies[0].replaceChildren(...rows.map(([name, ...values]) => {
      const line = make("tr"), head = Object.assign(make("th", short(name)), { scope: "row", title: hello.metrics[name].words });
      line.append(head, ...values.map(() => make("td", "")));
      return line;
    }));
  }

  // of the bar under the pointer
  function showBar(bar) {
    const { times, equity, hold } = frame.arrays, place = find("at-bar");
    if (bar === null || bar === undefined) {
      place.textContent = "";
      return;
    }
    const { drawdown, holdDrawdown } = curves.fallsAt(bar), percent = (fall) => `${(100 * fall).toFixed(1)} %`;
    place.textContent = `${curves.calendar.show(times[bar])}: ${find("curve-name").textContent} ${equity[bar].toFixed(1)} (${percent(drawdown)}), hold ${hold[bar].toFixed(1)} (${percent(holdDrawdown)})`;
  }

  function showTip(text, event, canvas) {
    const tip = find("tip");
    tip.hidden = !text;
    if (!text) return;
    tip.textContent = text;
    const box = canvas.getBoundingClientRect();
    const x = event ? event.clientX : box.left + box.width / 2, y = event ? event.clientY : box.top;
    const { left, top } = root.getBoundingClientRect();
    tip.style.left = `${Math.max(4, Math.min(root.clientWidth - tip.offsetWidth - 4, x + 14 - left))}px`;
    tip.style.top = `${(y + 18 + tip.offsetHeight > innerHeight ? y - tip.offsetHeight - 10 : y + 18) - top}px`;
    if (!event) write(find("spoken"), text);
  }

  function notice(text, kind, command) {
    const place = find("notice");
    clearTimeout(noticeTimer);
    place.dataset.kind = kind;
    place.replaceChildren(text, ...(command ? [" ", make("code", command)] : []));
    place.hidden = false;
    if (kind === "done") noticeTimer = setTimeout(() => { place.hidden = true; }, 20000);
  }

  function showError({ id, text }) {
    if (id !== null && id < wanted && last?.id >= id) return;
    notice(text, "error");
    find("notice").dataset.waits = String(wanted);  // for nothing any more
    if (frame) showState();
    if (!luck.shown) luck.stop("ended");
    find("progress").hidden = true;
  }

  function showSaved({ path, command }) {
    notice(`Saved in ${path}. A page of it:`, "done", command);
  }

  function showLost() {
    setActions(false);
    takeCompiling({ words: "" });
    write(find("state"), "not connected");
    notice("No connection to qmac explore: has it ended, or was this page opened without its token? It is tried again every few seconds.", "lost");
  }

  find("save").addEventListener("click", () => connection.send({ type: "save", id: ++number }));
  find("ask-luck").addEventListener("click", () => {
    luck.begin(++number);
    connection.send({ type: "luck", id: number });
    find("luck").scrollIntoView({ block: "nearest", behavior: "smooth" });
  });
  find("copy").addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(frame.command);
      notice("Copied:", "done", frame.command);
    } catch {
      notice("Copy this:", "done", frame.command);
    }
  });
  find("common").addEventListener("change", (event) => {
    state.common = event.target.checked;
    showScale(maps.draw(state.common));
    writeBar();
  });
  find("log").addEventListener("change", (event) => {
    state.log = event.target.checked;
    curves.draw(state.log);
    writeBar();
  });

  function isDark() {
    const { theme: chosen } = root.dataset;
    return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  }

  function redraw() {
    forgetColours(root);
    if (!frame) return;
    drawOutcomes();
    luck.draw();
    curves.redraw();
  }

  find("theme").addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    redraw();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  new ResizeObserver(() => frame && drawOutcomes()).observe(find("histogram"));
  listenToBars(root.querySelector("#histogram canvas"), showTip, (bar) => {
    const { edges, counts } = frame.arrays, share = 100 * counts[bar] / frame.scored;
    return `${short(frame.objective)} ${nameBar(edges, bar, unitOf(frame))}: ${count(counts[bar])} combinations, ${share.toFixed(2)} %`;
  });
  drawRamp(find("ramp"));
  const timer = setInterval(showWaiting, 250);

  return {
    explored,
    // the state of the bar was changed from outside
    reread() {
      if (!hello) return;
      state = address.read(bar.text, hello);
      controls.write(state.question);
      show();
      rest();
    },
    close() {
      clearInterval(timer);
      clearTimeout(restTimer);
    },
  };
}
