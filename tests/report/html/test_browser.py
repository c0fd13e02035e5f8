"""Pages in a real browser: every figure drawn, every button pressed, no error on the console."""

import json
import re
from html import unescape

import numpy as np
import pandas as pd
import pytest
from helpers.browser import CHROMIUM, chromium
from helpers.forward_answers import GRID, build_forward, build_forwards
from helpers.series import frame, series

import qmac

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium here: apt-get install chromium"
)

PROBE = """<script>
const errors = [];
addEventListener("error", (event) => errors.push(event.message));
addEventListener("unhandledrejection", (event) => errors.push(String(event.reason)));
(async () => {
  const pause = (ms) => new Promise((next) => setTimeout(next, ms));
  const root = document.documentElement;
  while (!root.dataset.ready) await pause(20);
  const height = (name) => {
    const box = document.getElementById(name);
    return box ? box.getBoundingClientRect().height : 0;
  };
  const before = height("equity");
  dispatchEvent(new Event("resize"));
  await pause(400);
  for (const each of document.querySelectorAll("button, th")) { each.click(); await pause(5); }
  await pause(100);
  const plots = [...document.querySelectorAll(".plot")], map = document.getElementById("map-0");
  const seen = {
    ready: root.dataset.ready,
    theme: root.dataset.theme,
    errors,
    width: innerWidth,
    wide: root.scrollWidth > innerWidth,
    drawn: plots.filter((plot) => plot.querySelector("svg.main-svg")).length,
    trouble: !document.getElementById("trouble").hidden,
  };
  const walk = document.getElementById("walk-forward");
  if (walk && walk.data) {
    const hidden = walk.data.filter((trace) => trace.visible === "legendonly");
    seen.followed = walk.layout.yaxis.type;
    seen.folds = document.querySelectorAll("#folds tbody tr").length;
    seen.hidden = hidden.map((trace) => trace.name).join();
  }
  if (map && map.data && document.getElementById("equity")) {
    const drawing = document.querySelector("#equity svg.main-svg").getBoundingClientRect();
    const visible = map.data.filter((trace) => trace.type === "heatmap" && trace.visible === true);
    seen.heights = [before, height("equity"), drawing.height];
    seen.stat = visible.map((trace) => trace.name).join();
    seen.caption = map.parentElement.querySelector("figcaption").textContent;
    seen.scale = document.getElementById("equity").layout.yaxis.type;
    seen.sorted = document.querySelector("#rows th:last-child").getAttribute("aria-sort");
  }
  parent.postMessage([root.dataset.name, seen], "*");
})();
</script></body>"""
HARNESS = """<!DOCTYPE html><html><body>{frames}<script>
const seen = {{}};
addEventListener("message", (event) => {{
  seen[event.data[0]] = event.data[1];
  document.documentElement.dataset.seen = JSON.stringify(seen);
}});
</script></body></html>"""


@pytest.fixture(scope="module")
def report(swept, tmp_path_factory):
    return swept.report(tmp_path_factory.mktemp("browser") / "report.html")


@pytest.fixture(scope="module")
def pages(named, report):
    """State of all pages, in frames of one browser, after every click; lines of the console."""
    folder, grid = report.parent, qmac.Grid(windows=(3, 5, 8, 13, 21))
    minutes = pd.date_range("2024-03-04 09:30", periods=780, freq="min", tz="America/New_York")
    results = {
        "nothing": qmac.optimize(frame(series("constant", 60, 1)), grid),
        "minutes": qmac.optimize(
            pd.Series(series("random", 780, 3), minutes), grid, "max_drawdown", maximize=False
        ),
        "tiny": qmac.optimize(named, qmac.Grid(windows=(5, 10, 20, 40)), "profit_factor", top=1),
    }
    files = {"wide": report, "phone": report, "old": report}
    luck = results["minutes"].luck(19)
    files["luck"] = results["minutes"].report(folder / "luck.html", luck=luck)
    forward = build_forward("<b>X</b>").report(folder / "forward.html")
    files |= {"forward": forward, "forward-wide": forward}
    files["no-winner"] = build_forward(min_trades=1000).report(folder / "no-winner.html")
    files["forwards"] = build_forwards("<b>X</b>", "SPY").report(folder / "forwards.html")
    prices = qmac.Prices.of(frame(series("random", 300, 4)), "SPY")
    files["section"] = qmac.optimize(prices, GRID).report(
        folder / "section.html", forward=build_forward()
    )
    files |= {name: result.report(folder / f"{name}.html") for name, result in results.items()}
    many = qmac.optimize_many({"<b>X</b>": named, "late": named.tail(300)}, grid, top=5)
    files["many"] = many.report(folder / "many.html")
    rules = qmac.Rules(slippage=0.01)
    costly = qmac.optimize(named, results["tiny"].grid, "profit_factor", rules, top=1)
    files["compare"] = qmac.compare(results["tiny"], costly).report(folder / "compare.html")
    files["compare-many"] = qmac.compare_many(many, many).report(folder / "compare-many.html")
    frames = ""
    for name, path in files.items():
        text = (
            path.read_text()
            .replace("</body>", PROBE)
            .replace("<html ", f'<html data-name="{name}" ')
        )
        if name == "old":
            text = text.replace(
                "<head>", "<head><script>delete window.DecompressionStream</script>"
            )
        path.with_suffix(f".{name}.html").write_text(text)
        width = 1280 if name.endswith("wide") else 375
        frames += f'<iframe src="{path.stem}.{name}.html" width="{width}" height="700"></iframe>'
    (folder / "harness.html").write_text(HARNESS.format(frames=frames))
    done = chromium(
        folder, "--window-size=1300,2300", "--dump-dom", (folder / "harness.html").as_uri()
    )
    found = re.search(r'data-seen="([^"]*)"', done.stdout)
    assert found, done.stderr[-3000:]
    return json.loads(unescape(found[1])), [
        line for line in done.stderr.splitlines() if "CONSOLE" in line
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "drawn"),
    [
        ("wide", 13),
        ("phone", 13),
        ("nothing", 0),
        ("minutes", 13),
        ("luck", 14),
        ("tiny", 13),
        ("many", 1),
        ("forward", 3),
        ("forward-wide", 3),
        ("no-winner", 3),
        ("forwards", 0),
        ("section", 16),
        ("compare", 7),
        ("compare-many", 1),
    ],
)
def test_pages_are_drawn(pages, name, drawn):
    seen = pages[0][name]
    assert (seen["ready"], seen["drawn"], seen["errors"], seen["trouble"]) == (
        "yes",
        drawn,
        [],
        False,
    )
    assert not seen["wide"]  # nothing sticks out, on a phone neither
    assert seen["width"] == (1280 if name.endswith("wide") else 375)


@pytest.mark.slow
def test_buttons_do_it(pages):
    for name in ("wide", "phone"):
        seen = pages[0][name]
        assert (seen["stat"], seen["scale"], seen["sorted"], seen["theme"]) == (
            "count",
            "log",
            "descending",
            "dark",
        )
        assert seen["caption"].startswith("number of scored combinations")


@pytest.mark.slow
def test_a_walk_forward_is_drawn_by_itself_and_in_the_page_of_a_result(pages):
    for name in ("forward", "forward-wide", "no-winner", "section"):
        seen = pages[0][name]
        assert (seen["followed"], seen["folds"], seen["hidden"]) == (
            "log",
            3,
            "best in hindsight",
        ), name


@pytest.mark.slow
def test_figures_keep_their_height_when_the_window_changes(pages):
    for name in ("wide", "phone"):
        before, box, drawing = pages[0][name]["heights"]
        assert before == box == pytest.approx(drawing, abs=2) and before > 300


@pytest.mark.slow
def test_an_old_browser_still_reads(pages):
    seen, console = pages
    assert seen["old"]["ready"] == "no" and seen["old"]["trouble"] and seen["old"]["errors"] == []
    assert (
        len(console) == 1 and "DecompressionStream" in console[0]
    )  # and no other page wrote a line


@pytest.mark.slow
def test_a_screenshot_shows_colours(report):
    """A blank page has one colour; a drawn one the winner's blue and buy & hold's orange."""
    image = pytest.importorskip(
        "PIL.Image", reason="Pillow is not installed: the screenshot is not checked"
    )
    shot = report.with_name("shot.png")
    chromium(report.parent, "--window-size=1280,2000", f"--screenshot={shot}", report.as_uri())
    pixels = np.array(image.open(shot).convert("RGB")).reshape(-1, 3).astype(int)
    for color in ((0x2F, 0x86, 0xD6), (0xE6, 0x9F, 0x00)):
        assert (np.abs(pixels - color).max(axis=1) < 24).sum() > 200
