"""Walk-forwards on a terminal: as wide as it is, and in one piece in a pipe."""

import io

import pytest
from helpers.forward_answers import build_forward, build_forwards

from qmac.report.terminal.console import PlainTextConsole
from qmac.report.terminal.walk_forward import show_forward, show_forwards


def print_on(width, show, shown):
    stream = io.StringIO()
    console = PlainTextConsole(stream)
    console.width = width
    show(shown, console)
    return stream.getvalue()


@pytest.mark.parametrize("objective", ["total_return", "sharpe_ratio", "max_drawdown"])
@pytest.mark.parametrize("width", [40, 80, 200])
def test_a_row_for_each_fold_and_the_accounts(width, objective):
    forward = build_forward(objective=objective)
    text = print_on(width, show_forward, forward)
    assert text.startswith(forward.headline)
    assert all(sentence in text for sentence in forward.sentences)
    lines = text.splitlines()[1 : -len(forward.sentences)]
    if width > 40:
        assert max(map(len, lines)) <= width and "better than" in text
        assert "winners followed" in text and "best in hindsight" in text
    for date in forward.folds["test_start"]:
        assert str(date)[:10] in text


def test_a_fold_without_a_winner_has_dashes():
    text = print_on(80, show_forward, build_forward(min_trades=1000))
    assert "the account stayed in cash" in text and "winners followed" in text


@pytest.mark.parametrize("width", [40, 80])
def test_a_line_for_each_symbol(width):
    text = print_on(width, show_forwards, build_forwards("SPY", "QQQ"))
    assert "SPY" in text and "left out: late: short" in text and "Of 2 symbols" in text
    table, *hidden = text.split("too narrow for: ")
    assert ("max dd" in table) == (width == 80) == (not hidden)
    assert "max dd" in text


def test_text_of_a_file_is_no_command_to_the_terminal():
    text = print_on(80, show_forward, build_forward(name="\x1b[31mred"))
    text += print_on(80, show_forwards, build_forwards("\x1b[31mred"))
    assert "\x1b" not in text
