"""The explorer in Chromium: from a slider to the painted frame, drags, maps, memory.

python -m benchmarks.explorer [--rounds 60]
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil

import qmac
from benchmarks.measuring import Section, rounds_from, spread

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from helpers.devtools import Browser

MOVES = """new Promise((done) => {
  const slider = document.querySelector("#control-fees");
  let step = 0;
  const timer = setInterval(() => {
    slider.value = (step / 100).toFixed(2);
    slider.dispatchEvent(new Event("input", { bubbles: true }));
    if (++step === 60) { clearInterval(timer); done(performance.now()); }
  }, 1000 / 60);
})"""
MOVE = """new Promise((done) => {
  const slider = document.querySelector("#control-fees");
  slider.value = "%s";
  explored.onPainted = (frame) => { if (frame.id === explored.asked) done(frame); };
  slider.dispatchEvent(new Event("input", { bubbles: true }));
})"""
"""Its value is the painted frame: looking for it over DevTools took milliseconds of the measure."""
PAINTED = "explored.frames.find((frame) => frame.id === %d)?.painted !== undefined"
IS_EXACT = "explored.last?.exact && explored.last.id === explored.asked"


@contextmanager
def explore(*options: str) -> Iterator[tuple[psutil.Process, str, float]]:
    """Yield the process of ``qmac explore --sample``, its address, and when it was started."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "qmac", "explore", "--sample", "--no-browser", "--json"]
    with subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = json.loads(process.stdout.readline())["address"]
        try:
            yield psutil.Process(process.pid), address, began
        finally:
            process.terminate()


def move_slider(tab: Any, rounds: int) -> list[float]:
    """Return milliseconds from an input event to its painted frame."""
    found = []
    for number in range(rounds):
        frame = tab.run(MOVE % f"{(number % 50 + 1) / 100:.2f}")
        found.append(frame["painted"] - frame["asked"])
    return found


def drag(tab: Any) -> tuple[int, bool]:
    """Return the frames drawn in a drag of 60 events in a second, and whether the last was last."""
    tab.run("explored.frames.length = 0")
    ended = tab.run(MOVES)
    asked = tab.run("explored.asked")
    tab.wait(PAINTED % asked)
    frames = tab.run("explored.frames")
    in_time = [frame for frame in frames if frame["drawn"] <= ended]
    return len(in_time), frames[-1]["id"] == asked


def give_way(tab: Any, rounds: int) -> list[float]:
    """Return milliseconds by which a frame comes later where an exact sweep is under way."""
    found = []
    for number in range(rounds):
        quiet = move_slider(tab, 3)
        time.sleep(0.55)  # the exact sweep begins after 0.4
        frame = tab.run(MOVE % f"{0.6 + number / 100:.2f}")
        found.append(frame["painted"] - frame["asked"] - statistics.median(quiet))
    return found


def draw_maps(tab: Any, rounds: int) -> list[float]:
    """Return milliseconds that the six maps take."""
    return [tab.run("explored.drawMaps()") for _ in range(rounds)]


def measure_page(rounds: int = 60) -> Section:
    """Return a section as those of docs/benchmarks.md."""
    section = Section(
        "explorer",
        "The explorer",
        "`qmac explore --sample` (5,031 bars) in a Chromium without a window on the same machine. "
        "Milliseconds from an input event of the slider of fees to the painted frame, where not "
        "said otherwise.",
        ("what", "measured"),
    )
    with tempfile.TemporaryDirectory() as folder:
        browser = Browser(Path(folder))
        try:
            with explore("--windows", "2:252") as (process, address, began):
                tab = browser.open()
                tab.set_size(1440, 900)
                tab.go(address)
                tab.wait("globalThis.explored?.usable")
                usable = time.perf_counter() - began
                tab.wait(IS_EXACT, 300)
                maps = draw_maps(tab, 20)
                section.rows.append(("six maps of 251 cells a side, ms", spread(maps, 1)))
                found = move_slider(tab, rounds)
                p50, p95 = np.quantile(found, (0.5, 0.95))
                section.rows.append(("2:252:5, p50 / p95", f"{p50:.0f} / {p95:.0f}"))
                coarse = draw_maps(tab, 20)
                section.rows.append(("six maps of 51 cells a side, ms", spread(coarse, 1)))
                drags = [drag(tab) for _ in range(5)]
                section.rows.append(
                    ("frames in a drag of 60 events in 1 s", spread([each[0] for each in drags], 0))
                )
                is_last = all(each[1] for each in drags)
                section.rows.append(("the last drawn is the last of them", str(is_last)))
                section.rows.append(
                    ("later where an exact sweep is under way", spread(give_way(tab, 8), 0))
                )
                tab.wait(IS_EXACT, 300)
                seconds = tab.run("explored.frames.at(-1).seconds")
                section.rows.append(("exact answer, s", f"{seconds:.2f}"))
                section.rows.append(("the same by qmac.optimize, s", f"{optimize_seconds():.2f}"))
                memory = process.memory_info().rss / 2**20
                section.rows.append(("page usable after Enter, s", f"{usable:.1f}"))
                section.rows.append(("resident memory, MiB", f"{memory:.0f}"))
            with explore("--windows", "2:252:5", "--start", "2011-01-20") as (_, address, _):
                tab = browser.open(address)
                tab.wait("globalThis.explored?.usable")
                found = move_slider(tab, rounds)
                p50, p95 = np.quantile(found, (0.5, 0.95))
                section.rows.append(("2,000 bars traded, p50 / p95", f"{p50:.0f} / {p95:.0f}"))
        finally:
            browser.close()
    return section


def optimize_seconds() -> float:
    """Return the time of the same question in this process, its second time."""
    grid, rules = qmac.Grid(windows=range(2, 253)), qmac.Rules(fees=0.005)
    prices = qmac.sample_prices()
    qmac.optimize(prices, grid, rules=rules, top=20)
    return qmac.optimize(prices, grid, rules=rules, top=20).elapsed


if __name__ == "__main__":
    print(measure_page(rounds_from(__doc__, 60)).markdown())
