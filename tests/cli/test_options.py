"""Options: derived from dataclasses, completed by shells, overridden by the command line."""

import dataclasses
import os
import re
import subprocess
import sys
from typing import get_args

import pytest

from qmac.cli.options import (
    LIMITS,
    RULES,
    WINDOW_ROLES,
    build_options,
    check_prices_source,
    check_rank,
)
from qmac.errors import OptionError
from qmac.runtime.resources.limits import Limits
from qmac.strategy.grid import ROLES
from qmac.strategy.rules import Rules

COMPLETION_VARIABLES = {  # how each shell's script asks for what may follow
    "bash": lambda words: {"COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))},
    "zsh": lambda words: {"_TYPER_COMPLETE_ARGS": words},
    "fish": lambda words: {
        "_TYPER_COMPLETE_ARGS": words,
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    },
}


@pytest.mark.slow
@pytest.mark.parametrize("shell", COMPLETION_VARIABLES)
def test_completion(shell):
    def completed(words):
        asked = {"_QMAC_COMPLETE": f"complete_{shell}", **COMPLETION_VARIABLES[shell](words)}
        code = "import sys; sys.argv = ['qmac']\nfrom qmac.cli.app import app\napp()"
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            env={**os.environ, **asked},
        )
        return re.findall(
            r'^"?([\w-]+)', done.stdout.removeprefix("_arguments '*: :(("), re.MULTILINE
        )

    assert completed("qmac e") == ["explore", "evaluate", "export", "estimate"]
    assert completed("qmac optimize --objective sor") == ["sortino_ratio"]
    assert "--where" in completed("qmac optimize --w")
    assert completed("qmac optimize sp") == (
        ["_files"] if shell == "zsh" else []
    )  # left to the shell: files


@pytest.mark.parametrize(("settings", "options"), [(Rules, RULES), (Limits, LIMITS)])
def test_every_field_is_an_option_with_a_help_text(settings, options):
    fields = dataclasses.fields(settings)
    assert list(options) == [field.name for field in fields]
    for field in fields:
        annotation, option = get_args(options[field.name].annotation)[:2]
        assert option.help.startswith(field.metadata["help"])
        assert options[field.name].default == field.default
        assert option.hidden == field.metadata.get("is_hidden", False)
        members = get_args(annotation) or (annotation,)
        assert members[0] in (str, int, float, bool)


def test_a_new_field_needs_no_other_line():
    @dataclasses.dataclass(frozen=True)
    class Settings:
        delay: int | None = dataclasses.field(default=None, metadata={"help": "Bars to wait."})
        side: str = dataclasses.field(
            default="long", metadata={"help": "Side.", "choices": ("long", "short")}
        )

    globals()["Settings"] = Settings
    options = build_options(Settings)
    annotation, delay = get_args(options["delay"].annotation)[:2]
    assert (annotation, delay.help, options["delay"].default) == (int | None, "Bars to wait.", None)
    _, side = get_args(options["side"].annotation)[:2]
    assert side.help == "Side. One of: long, short." and side.autocompletion() == ["long", "short"]


def test_the_roles_are_those_of_the_grid():
    assert WINDOW_ROLES == ROLES


def test_prices_come_from_one_source(tmp_path):
    check_prices_source([tmp_path], sample=False)
    check_prices_source(None, sample=True)
    with pytest.raises(OptionError, match="prices are missing"):
        check_prices_source([], sample=False)
    with pytest.raises(OptionError, match="--sample exclude each other"):
        check_prices_source([tmp_path], sample=True)


def test_an_unknown_order_of_rows():
    assert check_rank("plateau") == "plateau"
    with pytest.raises(OptionError, match="Did you mean 'plateau'"):
        check_rank("plato")
