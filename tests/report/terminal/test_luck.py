"""Is the best luck? Answers on a terminal."""

import io

import pytest
from helpers.luck_answers import build_luck

from qmac.report.terminal.console import PlainTextConsole
from qmac.report.terminal.luck import show_luck, show_lucks
from qmac.robustness.luck.many import Lucks


def print_on(width, show, shown):
    stream = io.StringIO()
    console = PlainTextConsole(stream)
    console.width = width
    show(shown, console)
    return stream.getvalue()


@pytest.mark.parametrize("width", [40, 80, 200])
def test_a_row_for_each_null_and_the_sentences(width):
    luck = build_luck()
    text = print_on(width, show_luck, luck)
    assert luck.headline in text
    assert all(sentence in text for sentence in luck.sentences)
    table = text.splitlines()[1 : -len(luck.sentences)]
    assert max(map(len, table)) <= width
    if width > 40:
        assert "3 of 7" in text and "random order" in text
        assert "0 of 29" in text and "0.033" in text


@pytest.mark.parametrize("width", [40, 80])
def test_a_line_for_each_symbol(width):
    lucks = Lucks({"SPY": build_luck(), "QQQ": build_luck(tried=2)}, 19, {"late": "late: short"})
    text = print_on(width, show_lucks, lucks)
    assert "SPY" in text and "0.857" in text and "left out: late: short" in text
    assert "Of 2 symbols" in text
    assert ("hold" in text) == (width == 80)


def test_text_of_a_file_is_no_command_to_the_terminal():
    text = print_on(80, show_luck, build_luck(name="\x1b[31mred"))
    assert "\x1b" not in text
