"""An option is declared once; those of a dataclass are its fields."""

import dataclasses
import inspect
from typing import get_args

import pytest
import typer

from qmac.cli.options.declaration import Declared, declare, declare_fields, takes, with_parameters
from qmac.cli.options.tables import LIMITS, RULES
from qmac.runtime.resources.limits import Limits
from qmac.strategy.rules import Rules


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
        kind: str = dataclasses.field(
            default="simple", metadata={"help": "Kind.", "choices": ("simple", "exponential")}
        )

    globals()["Settings"] = Settings
    options = declare_fields("Settings", Settings)
    annotation, delay = get_args(options["delay"].annotation)[:2]
    assert (annotation, delay.help, options["delay"].default) == (int | None, "Bars to wait.", None)
    _, side = get_args(options["side"].annotation)[:2]
    assert (side.help, side.metavar) == ("Side.", "long|short")
    assert side.autocompletion() == ["long", "short"]
    _, kind = get_args(options["kind"].annotation)[:2]
    assert (kind.help, kind.metavar) == ("Kind. One of: simple, exponential.", "NAME")


def test_a_switch_has_no_opposite_and_stands_in_its_group():
    table = declare("Grid", shared_windows=Declared(bool, "Share.", False))
    _, option = get_args(table["shared_windows"].annotation)[:2]
    assert (option.default, option.rich_help_panel) == ("--shared-windows", "Grid")
    parameter = table["shared_windows"].to_parameter("shared_windows")
    assert parameter.default is False and parameter.kind is inspect.Parameter.KEYWORD_ONLY


def test_a_command_takes_a_table_in_place_of_a_parameter():
    table = declare("Grid", low=Declared(int, "Low.", 1), high=Declared(int, "High.", 9))
    seen = []

    @takes("span", lambda low, high, scale: (low * scale, high * scale), table, uses=("scale",))
    def command(*, span: tuple, scale: int = 1) -> None:
        seen.append((span, scale))

    assert list(inspect.signature(command).parameters) == ["scale", "low", "high"]
    command(scale=2, low=3)
    assert seen == [((6, 18), 2)]


def test_the_signature_is_what_typer_reads():
    def command(**values):
        return values

    parameter = inspect.Parameter("top", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
    assert with_parameters(command, [parameter]).__annotations__ == {"top": typer.Context}
