"""The page in a browser: what is drawn, asked and said, by mouse, keyboard and phone."""

import json
import re

import pandas as pd
import pytest
from helpers.browser import CHROMIUM
from helpers.devtools import Browser
from helpers.explorers import GRID, SERIES, running
from helpers.terminal import qmac as command

import qmac
from qmac.robustness.luck.search import Plan

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium"),
]
NOTICE = "document.querySelector('#notice')"
SAID = f"!{NOTICE}.hidden && {NOTICE}.textContent"
TIP = "document.querySelector('#tip')"
SLIDER = "document.querySelector('#control-fees')"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    browser = Browser(tmp_path_factory.mktemp("browser"))
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    with running(tmp_path_factory.mktemp("runs"), SERIES, GRID, Plan.check(19)) as page:
        yield page


@pytest.fixture
def tab(browser, page):
    """A tab that shows the exact answer; at the end nothing was said, nor sent elsewhere."""
    tab = browser.open()
    tab.set_size(1440, 900)
    tab.go(page.gate.address)
    wait_for_exact(tab)
    yield tab
    assert tab.said == []
    places = [address.split("://")[1] for address in tab.requests if "://" in address]
    assert {place.split("/")[0] for place in places} == {page.host}
    tab.call("Page.close")


def wait_for_exact(tab):
    """Wait until the newest question has its exact answer on the screen."""
    last = "globalThis.explored?.last"
    tab.wait(f"{last}?.exact && {last}.id === explored.asked && {last}", 90)


def move(tab, percent):
    tab.run(f"{SLIDER}.value = '{percent}'")
    tab.run(f"{SLIDER}.dispatchEvent(new Event('input', {{bubbles: true}}))")


def test_a_page_shows_the_answer_of_optimize(tab):
    result = qmac.optimize(SERIES, GRID, top=20)
    last = tab.run("explored.last")
    assert last["digest"] == result.digest
    assert tuple(last["winner"]) == result.best
    text = tab.run("document.querySelector('#combination').textContent")
    assert text == "{} / {} › {} / {}".format(*result.best)
    assert tab.run("document.querySelectorAll('#metrics tbody tr').length") == 17
    assert tab.run("[...document.querySelectorAll('#grid canvas')].every((map) => map.width > 100)")


@pytest.mark.parametrize("bounds", ["null", '{"win_rate":3}', '{"<b>":[1,2]}'])
def test_an_address_that_was_changed_is_no_question(page, browser, tab, bounds):
    digest = tab.run("explored.last.digest")
    other = browser.open(f'{page.gate.address}#constraints={bounds}&edge=[]&start=7&end="<b>"')
    wait_for_exact(other)
    assert other.run("explored.last.digest") == digest and other.said == []
    other.call("Page.close")


def test_a_name_is_text(tab):
    assert tab.run("document.querySelector('#series').textContent").startswith("<b>SPY</b>")
    assert tab.run("document.querySelectorAll('#series b').length") == 0
    assert tab.run("document.title") == "<b>SPY</b>: qmac explore"


def test_the_token_leaves_the_bar_of_addresses_and_the_state_stays_there(tab):
    assert tab.run("location.search") == ""
    move(tab, 0.5)
    wait_for_exact(tab)
    assert tab.run("location.hash") == "#fees=0.005"
    tab.call("Page.reload")
    tab.wait("performance.getEntriesByType('navigation')[0].type === 'reload'")
    wait_for_exact(tab)
    assert tab.run(f"{SLIDER}.value") == "0.5"
    rules = qmac.Rules(fees=0.005)
    assert (
        tab.run("explored.last.digest") == qmac.optimize(SERIES, GRID, rules=rules, top=20).digest
    )


def test_what_is_drawn_last_is_what_was_asked_last(tab):
    tab.run("explored.frames.length = 0")
    tab.run(
        f"""new Promise((done) => {{ let step = 0; const timer = setInterval(() => {{
        {SLIDER}.value = String((step / 100).toFixed(2));
        {SLIDER}.dispatchEvent(new Event("input", {{bubbles: true}}));
        if (++step === 60) {{ clearInterval(timer); done(); }} }}, 16); }})"""
    )
    wait_for_exact(tab)
    numbers = [frame["id"] for frame in tab.run("explored.frames")]
    assert numbers == sorted(numbers)
    assert tab.run("explored.last.question.fees") == 0.0059
    assert "--fees 0.0059" in tab.run("explored.last.command")


def test_a_click_on_a_map_takes_the_best_of_its_cell(tab):
    x, y = tab.middle("#grid figure:nth-child(3) canvas")
    tab.mouse("mouseMoved", x, y)
    tip = tab.wait(
        "!document.querySelector('#tip').hidden && document.querySelector('#tip').textContent"
    )
    assert tip.startswith("buy fast ")
    asked = tab.run("explored.asked")
    tab.mouse("mousePressed", x, y, button="left", clickCount=1)
    tab.mouse("mouseReleased", x, y, button="left", clickCount=1)
    tab.wait(f"explored.last.id > {asked}")
    shown = tab.run("explored.last")
    assert shown["combination"] != shown["winner"]
    assert f"buy fast {shown['combination'][0]}, sell fast {shown['combination'][2]}:" in tip
    assert "shown=" in tab.run("location.hash")
    tab.run("document.querySelector('#cautions button').click()")
    tab.wait("String(explored.last.combination) === String(explored.last.winner)")


def test_a_map_is_read_and_picked_with_the_keyboard(tab):
    tab.run("document.querySelector('#grid canvas').focus()")
    tab.press("ArrowUp")
    tab.press("ArrowRight")
    spoken = tab.run("document.querySelector('#spoken').textContent")
    assert spoken.startswith("buy fast ")
    asked = tab.run("explored.asked")
    tab.press("ArrowDown")
    tab.press("Enter")
    tab.wait(f"explored.asked > {asked} && explored.last.id === explored.asked")


def test_the_pointer_reads_bars_and_dates(tab):
    tab.mouse("mouseMoved", *tab.middle("#histogram canvas"))
    text = tab.wait(f"!{TIP}.hidden && {TIP}.textContent")
    assert re.fullmatch(r"total return \S+ % to \S+ %: [\d,]+ combinations, \S+ %", text)
    tab.mouse("mouseMoved", *tab.middle("#equity .u-over"))
    text = tab.wait("document.querySelector('#at-bar').textContent")
    assert re.fullmatch(r"200[12]-\d\d-\d\d: winner \S+ \(\S+ %\), hold \S+ \(\S+ %\)", text)
    tab.mouse("mouseMoved", 5, 5)
    assert tab.wait(f"{TIP}.hidden")
    tab.wait("document.querySelector('#at-bar').textContent === ''")


def test_the_edge_is_dragged(tab):
    """Bars after it choose nothing, and equity and metrics of both parts follow."""
    x, y = tab.middle("#equity .edge")
    width = tab.run("document.querySelector('#equity .u-over').clientWidth")
    tab.mouse("mouseMoved", x, y)
    tab.drag(x, y, x - width * 0.4, y)
    wait_for_exact(tab)
    edge = tab.run("explored.last.question.edge")
    rules = qmac.Rules(end=edge)
    assert (
        tab.run("explored.last.digest") == qmac.optimize(SERIES, GRID, rules=rules, top=20).digest
    )
    assert tab.run("document.querySelectorAll('#metrics thead th').length") == 5
    then = tab.run("document.querySelector('.tile.objective .after').textContent")
    assert re.fullmatch(r"then \S+ %, hold \S+ %", then)
    assert f"--end {edge}" in tab.run("explored.last.command")
    tab.run("document.querySelector('#equity .edge').focus()")
    tab.press("ArrowLeft")
    tab.wait(f"explored.last.question.edge < {edge!r}")
    tab.press("End")
    tab.wait("explored.last.question.edge === null")


def test_bars_of_minutes_have_an_edge_of_a_minute(browser, tmp_path):
    frame = SERIES.frame
    zone = "America/New_York"
    index = pd.date_range("2024-03-04 09:30", periods=len(frame), freq="1min", tz=zone)
    prices = qmac.Prices.of(frame.set_axis(index), "minutes")
    grid = qmac.Grid(windows=range(2, 8))
    with running(tmp_path, prices, grid) as page:
        tab = browser.open()
        tab.set_size(1440, 900)
        tab.go(page.gate.address)
        wait_for_exact(tab)
        x, y = tab.middle("#equity .edge")
        width = tab.run("document.querySelector('#equity .u-over').clientWidth")
        tab.drag(x, y, x - width * 0.4, y)
        wait_for_exact(tab)
        edge = tab.run("explored.last.question.edge")
        assert re.fullmatch(r"2024-03-04T1[23]:\d\d", edge)
        expected = qmac.optimize(prices, grid, rules=qmac.Rules(end=edge), top=20)
        assert tab.run("explored.last.digest") == expected.digest
        date = "document.querySelector('#control-edge').parentElement.querySelector('[type^=date]')"
        assert tab.run(f"{date}.value") == edge
        tab.run("document.querySelector('#equity .edge').focus()")
        tab.press("ArrowLeft")
        ten_minutes = pd.Timedelta(minutes=10)
        before = (pd.Timestamp(edge) - ten_minutes).isoformat()[:16]
        tab.wait(f"explored.last.question.edge === {before!r}")
        assert tab.said == []


def test_where_nothing_is_left_the_page_says_what_to_loosen(tab):
    tab.run(
        "const n = document.querySelector('#control-min_trades').parentElement"
        ".querySelector('input[type=number]'); n.value = '9999';"
        "n.dispatchEvent(new Event('input', {bubbles: true}))"
    )
    text = tab.wait("!explored.last.winner && document.querySelector('#meaning').textContent")
    assert re.fullmatch(r"No combination is left of [\d,]+: lower “Trades, at least”\.", text)
    assert tab.run("document.querySelector('#metrics').hidden")


def test_the_copied_command_has_the_digest_of_the_saved_run(tab, page, tmp_path):
    move(tab, 0.3)
    wait_for_exact(tab)
    tab.run("document.querySelector('#save').click()")
    text = tab.wait(
        "!document.querySelector('#notice').hidden && document.querySelector('#notice').textContent"
    )
    folder = page.orders._folder
    saved = max(folder.glob("explored-*"), key=lambda path: path.stat().st_mtime)
    assert str(saved) in text
    line = tab.run("explored.last.command")
    frame = SERIES.frame
    frame.to_csv(tmp_path / "prices.csv", index_label="Date")
    words = line.replace("qmac ", "").split()
    done = command(*words, "--windows", "2:61", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["digest"] == qmac.load(saved).digest == tab.run("explored.last.digest")


def test_luck_is_shown_growing(tab):
    tab.run("document.querySelector('#ask-luck').click()")
    tab.wait("document.querySelector('#luck-p').textContent.startsWith('p = ')", 120)
    tab.wait("document.querySelector('#luck-stop').textContent === 'Close'", 120)
    assert tab.run("document.querySelectorAll('#luck-says p').length") > 0
    tab.run("document.querySelector('#luck-stop').click()")
    assert tab.run("document.querySelector('#luck').hidden")


def test_what_is_compiled_is_said_and_moves(tab, page):
    message = {"type": "compiling", "words": "win_rate, stops", "seconds": 2.0, "usual": 10.0}
    place = "document.querySelector('#compiling')"
    deliver = page.explorer._pages[0].deliver
    deliver("compiling", message | {"beside": True})
    text = tab.wait(f"!{place}.hidden && {place}.textContent").strip()
    assert text == "beside, compiling for win rate, stops: 2 s of about 10 s, once"
    tab.wait(f"{place}.textContent.includes(': 3 s of')")
    deliver("compiling", message | {"words": "", "beside": True})
    tab.wait(f"{place}.hidden")


def test_an_invalid_value_is_said_and_the_page_goes_on(tab):
    tab.run(
        "const n = document.querySelector('#control-fees').parentElement"
        ".querySelector('input[type=number]'); n.value = '250';"
        "n.dispatchEvent(new Event('input', {bubbles: true}))"
    )
    text = tab.wait(
        "!document.querySelector('#notice').hidden && document.querySelector('#notice').textContent"
    )
    assert "fees must be in [0, 1)" in text
    move(tab, 0.1)
    wait_for_exact(tab)
    assert tab.run(f"{NOTICE}.hidden")


TEXTS = """(async () => {
  const { drawHistogram } = await import("/assets/histogram.js");
  const canvas = document.querySelector("#histogram canvas"), context = canvas.getContext("2d");
  const texts = [], fill = context.fillText;
  context.fillText = function (text, x, y) {
    const half = this.measureText(text).width / 2;
    if (this.fillStyle !== "#123456") return;
    texts.push([x - half, x + half, y]);
  };
  const lines = %s.map((value, number) => ({ value, name: `line ${number}`, stroke: "#123456" }));
  drawHistogram(canvas, { edges: [0, 1, 2, 3, 4], layers: [], lines, unit: "percent" });
  context.fillText = fill;
  return texts;
})()"""


@pytest.mark.parametrize("values", ["[4, 0.5, 3.6]", "[2, 2, 2]", "[1, null, 3.9]", "[4, 4.1, 0]"])
def test_names_of_lines_do_not_hide_each_other(tab, values):
    texts = tab.run(TEXTS % values)
    assert len(texts) == 3 - values.count("null")
    for number, (left, right, level) in enumerate(texts):
        for other_left, other_right, other_level in texts[:number]:
            assert level != other_level or left >= other_right or right <= other_left


def test_maps_show_another_figure_of_the_same_answer(tab):
    digest = tab.run("explored.last.digest")
    for stat in ("best", "count"):
        tab.run(f"document.querySelector('[data-stat={stat}]').click()")
        tab.wait(f"explored.last.id === explored.asked && location.hash.includes('map={stat}')")
        assert tab.run("explored.last.digest") == digest


def test_everything_has_a_name_and_is_reached_with_the_keyboard(tab):
    nameless = tab.run(
        """[...document.querySelectorAll("button, select, input, canvas[tabindex], [role=slider]")]
        .filter((one) => !one.labels?.length && !one.getAttribute("aria-label"))
        .filter((one) => !one.textContent.trim())
        .map((one) => one.outerHTML)"""
    )
    assert nameless == []
    tab.run("document.activeElement.blur()")
    reached = set()
    for _ in range(60):
        tab.call(
            "Input.dispatchKeyEvent", type="keyDown", key="Tab", code="Tab", windowsVirtualKeyCode=9
        )
        tab.call(
            "Input.dispatchKeyEvent", type="keyUp", key="Tab", code="Tab", windowsVirtualKeyCode=9
        )
        reached.add(tab.run("document.activeElement.id || document.activeElement.tagName"))
    assert {"control-fees", "control-objective", "save", "CANVAS"} <= reached


def test_no_width_needs_scrolling_to_the_side(tab):
    grounds = {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 23, 26)"}
    for scheme, ground in grounds.items():
        tab.set_scheme(scheme)
        assert (
            tab.wait("getComputedStyle(document.querySelector('#explorer')).backgroundColor")
            == ground
        )
        for width, height in [(390, 844), (820, 1180), (1440, 900), (1920, 1080)]:
            tab.set_size(width, height, is_phone=width == 390)
            tab.wait(f"innerWidth === {width}")
            tab.wait(f"document.querySelector('#equity canvas').clientWidth > {width / 3}")
            assert tab.run("document.documentElement.scrollWidth") <= width


def test_a_page_that_slept_connects_again_and_asks_again(tab, page):
    asked = tab.run("explored.asked")
    loop = page.explorer._pages[0].deliver.__self__._loop
    for connection in list(page.server.server_state.connections):
        loop.call_soon_threadsafe(connection.transport.abort)
    tab.wait(f"explored.asked > {asked}")
    wait_for_exact(tab)
    assert tab.run(f"{NOTICE}.hidden")


def test_a_lost_connection_is_said(browser, tmp_path):
    """Before that, the only frame of a small grid has the handle of the edge at its right end."""
    with running(tmp_path, SERIES, qmac.Grid(windows=range(2, 8))) as page:
        tab = browser.open(page.gate.address)
        wait_for_exact(tab)
        assert tab.run(
            "parseFloat(document.querySelector('#equity .edge').style.left)"
            " === document.querySelector('#equity .u-over').clientWidth"
        )
    text = tab.wait(
        "!document.querySelector('#notice').hidden && document.querySelector('#notice').textContent"
    )
    assert "No connection to qmac explore" in text
    assert tab.run("document.querySelector('#save').disabled")
