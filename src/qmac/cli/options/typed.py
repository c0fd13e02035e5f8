"""What was typed on the command line, as opposed to defaults."""

from __future__ import annotations

from collections.abc import Collection

import typer


def find_explicit(context: typer.Context, names: Collection[str]) -> list[str]:
    """Return which parameters are set on the command line.

    Parameters
    ----------
    context : typer.Context
        Of the command.
    names : collection of str
        Parameters.

    Returns
    -------
    list of str
        Their names, in the order in which they were typed.
    """
    return [name for name in context.params if name in names and is_explicit(context, name)]


def repeat_words(context: typer.Context, names: Collection[str]) -> list[str]:
    """Return the words of the command line that set some parameters.

    Parameters
    ----------
    context : typer.Context
        Of the command.
    names : collection of str
        Parameters.

    Returns
    -------
    list of str
        Of those that were typed, arguments first.
    """
    parameters = {each.name: each for each in context.command.params}
    arguments: list[str] = []
    options: list[str] = []
    for name in find_explicit(context, names):
        parameter, value = parameters[name], context.params[name]
        values = list(value) if isinstance(value, list | tuple) else [value]
        if parameter.param_type_name == "argument":
            arguments += map(str, values)
        elif value is True:
            options.append(parameter.opts[0])
        else:
            options += [word for each in values for word in (parameter.opts[0], str(each))]
    return arguments + options


def is_explicit(context: typer.Context, name: str) -> bool:
    """Return whether an option is on the command line, as opposed to its default.

    Parameters
    ----------
    context : typer.Context
        Of the command.
    name : str
        Parameter.

    Returns
    -------
    bool
        Whether it was typed.
    """
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"
