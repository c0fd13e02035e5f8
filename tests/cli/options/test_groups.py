"""The groups of options in the help."""

from typer.main import get_command

from qmac.cli.app import app
from qmac.cli.options.groups import GROUPS


def test_every_option_of_a_command_is_in_a_group():
    commands = get_command(app).commands.values()
    used = {option.rich_help_panel for command in commands for option in command.params}
    assert used - {None} <= set(GROUPS) and len(set(GROUPS)) == len(GROUPS)
