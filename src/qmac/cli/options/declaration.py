"""How typer reads an option, and how several of them become one parameter of a command."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from types import NoneType
from typing import Annotated, Any, NamedTuple, get_args, get_type_hints

import typer

Command = Callable[..., None]
SHORT_CHOICES = 16
"""Characters of choices that stand behind the name of an option; more are in its help."""


class CommandOption(NamedTuple):
    """How typer reads an option, and its default."""

    annotation: Any
    default: Any = None

    def to_parameter(self, name: str) -> inspect.Parameter:
        """Return the option as a parameter of a command.

        Parameters
        ----------
        name : str
            Name of the parameter, from which typer derives the flag.

        Returns
        -------
        inspect.Parameter
            A keyword with a default.
        """
        return inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=self.default,
            annotation=self.annotation,
        )


class Declared(NamedTuple):
    """One row of a table of options; its name and its group are those of the table."""

    kind: Any
    """Type of the value; bool for a switch."""
    help: str
    default: Any = None
    metavar: str | None = None
    """Word for the value in the help."""
    choices: Sequence[str] | Callable[[], list[str]] = ()
    """What a shell completes, or a function that returns it."""
    show_default: bool | str = True
    is_hidden: bool = False

    def to_option(self, name: str, group: str) -> CommandOption:
        """Return the option.

        Parameters
        ----------
        name : str
            Name of the parameter.
        group : str
            Heading above it in the help.

        Returns
        -------
        CommandOption
            With the flag of that name.
        """
        flags = [f"--{name.replace('_', '-')}"] if self.kind is bool else []
        choices = self.choices
        option = typer.Option(
            *flags,
            help=self.help,
            metavar=self.metavar or _choose_word(self.kind),
            hidden=self.is_hidden,
            show_default=self.show_default,
            rich_help_panel=group,
            autocompletion=choices if callable(choices) else _complete(choices),
        )
        return CommandOption(Annotated[self.kind, option], self.default)


def declare(group: str, **rows: Declared) -> dict[str, CommandOption]:
    """Return a table of options.

    Parameters
    ----------
    group : str
        Heading above them in the help.
    **rows : Declared
        By name.

    Returns
    -------
    dict of str to CommandOption
        By name, in this order.
    """
    return {name: row.to_option(name, group) for name, row in rows.items()}


def declare_fields(group: str, settings: type) -> dict[str, CommandOption]:
    """Return an option for each field of a frozen dataclass such as ``Rules``.

    Parameters
    ----------
    group : str
        Heading above these options in the help.
    settings : type
        A dataclass whose fields have ``metadata`` with ``help``, and where they apply ``choices``
        (a sequence of str), ``metavar`` (str) and ``is_hidden`` (bool).

    Returns
    -------
    dict of str to CommandOption
        In the order of the fields, by their names.
    """
    kinds = get_type_hints(settings)
    fields = dataclasses.fields(settings)
    return declare(group, **{field.name: _read_field(field, kinds[field.name]) for field in fields})


def _read_field(field: dataclasses.Field[Any], kind: Any) -> Declared:
    text = field.metadata["help"]
    metavar = field.metadata.get("metavar") or ("DATE" if date in get_args(kind) else None)
    choices = tuple(field.metadata.get("choices", ()))
    if choices and len("|".join(choices)) <= SHORT_CHOICES:
        metavar = "|".join(choices)
    elif choices:
        text, metavar = f"{text} One of: {', '.join(choices)}.", "NAME"
    return Declared(
        _typer_type(kind),
        text,
        field.default,
        metavar,
        choices,
        is_hidden=field.metadata.get("is_hidden", False),
    )


def _choose_word(kind: Any) -> str | None:
    """Return the word for a value of a type; None for a switch, which has none."""
    members = get_args(kind) or (kind,)
    if bool in members:
        return None
    return "TEXT" if str in members else "NUMBER"


def _typer_type(kind: Any) -> Any:
    """Return the type in which the command line reads a field: text where the field takes text."""
    members = get_args(kind) or (kind,)
    plain = next(known for known in (str, float, int, bool) if known in members)
    return plain | None if NoneType in members else plain


def _complete(choices: Sequence[str]) -> Callable[[], list[str]] | None:
    """Return a function of the choices, which typer calls when a shell completes."""
    return (lambda: list(choices)) if choices else None


def takes(
    name: str,
    build: Callable[..., Any],
    options: Mapping[str, CommandOption],
    uses: Sequence[str] = (),
) -> Callable[[Command], Command]:
    """Return a decorator that gives a command several options in place of one parameter.

    Parameters
    ----------
    name : str
        Parameter of the command. It gets what ``build`` returns.
    build : callable
        Called with the value of each option by its name.
    options : mapping of str to CommandOption
        What the command line takes instead.
    uses : sequence of str
        Other parameters of the command that ``build`` is called with.

    Returns
    -------
    callable
        The decorator.
    """

    def decorator(command: Command) -> Command:
        signature = inspect.signature(command, eval_str=True)
        others = [each for each in signature.parameters.values() if each.name != name]
        added = [option.to_parameter(key) for key, option in options.items()]

        @functools.wraps(command)
        def wrapper(*arguments: Any, **values: Any) -> None:
            used = {key: values[key] for key in uses}
            given = {key: values.pop(key, option.default) for key, option in options.items()}
            command(*arguments, **{name: build(**given, **used)}, **values)

        return with_parameters(wrapper, [*others, *added])

    return decorator


def with_parameters(command: Command, parameters: Sequence[inspect.Parameter]) -> Command:
    """Return a command with the signature that typer reads.

    Parameters
    ----------
    command : callable
        Takes these parameters by name.
    parameters : sequence of inspect.Parameter
        In the order of the help.

    Returns
    -------
    callable
        The same command.
    """
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {each.name: each.annotation for each in parameters}
    return command
