"""Text of a file on a terminal: its characters, and the colours of the console only."""

import io

import pytest
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from qmac.report.terminal.console import PlainTextConsole

HOSTILE = "\x1b[2J\x1b]0;title\x07 \x9b31m \u202e [red]a[/red] [/b] :bomb: \u2028 \ud800 b\r\x08"


@pytest.fixture
def console(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return PlainTextConsole(io.StringIO())


def table():
    shown = Table("a")
    shown.add_row(HOSTILE)
    return shown


@pytest.mark.parametrize("build", [lambda: HOSTILE, lambda: Text(HOSTILE), table])
def test_text_is_text(console, build):
    console.print(build(), style="green", highlight=False, soft_wrap=True)
    shown = console.file.getvalue()
    assert "\x1b[32m" in shown  # its own colour
    for code in ("\x1b[32m", "\x1b[1m", "\x1b[1;32m", "\x1b[0m", "\n"):
        shown = shown.replace(code, "")
    assert shown.isprintable() and "?[2J" in shown
    assert "[red]a[/red] [/b] :bo" in shown


def test_the_console_moves_the_cursor_itself(console):
    with Progress(console=console) as progress:
        progress.add_task("sweep", total=1.0)
        progress.refresh()
    assert "\x1b[?25l" in console.file.getvalue()
