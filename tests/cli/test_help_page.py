"""The help of every command: what matters first, in plain words, on any terminal."""

import re
import shlex
import sys
from pathlib import Path

import pytest
from helpers.terminal import inside
from typer.main import get_command

from qmac.cli.app import COMMANDS, GROUPS, app
from qmac.cli.options import groups

NAMES = [command.__name__.replace("_", "-") for command in COMMANDS]
LEAST = 40


@pytest.mark.parametrize("name", NAMES)
def test_help_begins_with_use_purpose_and_example(name, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    lines = inside(name, "--help").stdout.splitlines()
    assert lines[0].startswith(f"Usage: qmac {name} ")
    place = next(place for place, line in enumerate(lines) if line.startswith("Example: "))
    assert place < 10 and not any(line.endswith(":") for line in lines[:place])
    headings = [line.removesuffix(":") for line in lines if re.fullmatch(r"\S.*:", line)]
    order = ["Argument", *groups.GROUPS]
    assert headings == [group for group in order if group in headings]


@pytest.mark.parametrize("name", NAMES)
def test_help_says_every_option_once_and_no_type_of_python(name, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    text = inside(name, "--help").stdout
    for option in get_command(app).commands[name].params:
        if option.param_type_name == "option":
            names = ", ".join(sorted(option.opts, key=len))
            said = re.findall(rf"^  {re.escape(names)}(?= |$)", text, re.MULTILINE)
            assert len(said) == (not option.hidden), names
            assert option.is_flag or option.metavar, names
    assert not re.search(r"<|int range|list\[|VALUE", text)


def test_help_fits_a_narrow_terminal_and_ascii(monkeypatch):
    monkeypatch.setenv("COLUMNS", str(LEAST))
    text = inside("walk-forward", "--help").stdout
    assert text.isascii() and max(map(len, text.splitlines())) <= LEAST
    example = text.partition("Example: ")[2].partition("Example: ")[0]
    assert shlex.split(example)[:3] == ["qmac", "walk-forward", "--sample"]


def test_commands_are_in_groups(monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    lines = inside("--help").stdout.splitlines()
    assert [line.removesuffix(":") for line in lines if line.endswith(":")] == [*GROUPS, "Options"]
    assert lines.index("Find the best windows:") < 6
    for name in NAMES:
        assert sum(line.startswith(f"  {name} ") for line in lines) == 1


def test_nothing_heavy_is_imported_for_help():
    source = Path(sys.modules["qmac.cli.help_page"].__file__).read_text()
    assert "import numpy" not in source and not re.search(r"^from rich", source, re.MULTILINE)
