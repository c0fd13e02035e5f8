"""What was typed, as opposed to defaults."""

from typer.main import get_command

from qmac.cli.app import app
from qmac.cli.options.typed import find_explicit, is_explicit, repeat_words


def test_words_are_repeated_as_they_were_typed():
    command = get_command(app).commands["optimize"]
    words = ["a.csv", "--fees", "0.0", "--minimize", "--where", "win_rate > 0.1", "b.csv"]
    context = command.make_context("optimize", words)
    names = {"prices", "fees", "minimize", "where", "top"}
    assert is_explicit(context, "fees") and not is_explicit(context, "top")
    assert find_explicit(context, names) == ["fees", "minimize", "where", "prices"]
    repeated = repeat_words(context, names)
    assert repeated[:2] == ["a.csv", "b.csv"]
    assert set(repeated[2:]) == {"--fees", "0.0", "--minimize", "--where", "win_rate > 0.1"}
