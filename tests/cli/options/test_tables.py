"""The tables of options, which shells complete."""

import contextlib
import io
import re

import pytest

from qmac.cli.app import app
from qmac.cli.options.tables import WINDOW_ROLES
from qmac.strategy.grid import ROLES

COMPLETION_VARIABLES = {  # how each shell's script asks for what may follow
    "bash": lambda words: {"COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))},
    "zsh": lambda words: {"_TYPER_COMPLETE_ARGS": words},
    "fish": lambda words: {
        "_TYPER_COMPLETE_ARGS": words,
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    },
}


@pytest.mark.parametrize("shell", COMPLETION_VARIABLES)
def test_completion(shell, monkeypatch):
    def completed(words):
        asked = {"_QMAC_COMPLETE": f"complete_{shell}", **COMPLETION_VARIABLES[shell](words)}
        for name, value in asked.items():
            monkeypatch.setenv(name, value)
        out = io.StringIO()
        with pytest.raises(SystemExit), contextlib.redirect_stdout(out):
            app([], prog_name="qmac")
        return re.findall(
            r'^"?([\w-]+)', out.getvalue().removeprefix("_arguments '*: :(("), re.MULTILINE
        )

    assert completed("qmac e") == ["explore", "estimate", "evaluate", "export"]
    assert completed("qmac optimize --objective sor") == ["sortino_ratio"]
    assert "--where" in completed("qmac optimize --w")
    assert "--all-rows" in completed("qmac show --al")  # without its argument, no result is read
    assert completed("qmac optimize sp") == (
        ["_files"] if shell == "zsh" else []
    )  # left to the shell: files


def test_the_roles_are_those_of_the_grid():
    assert WINDOW_ROLES == ROLES
