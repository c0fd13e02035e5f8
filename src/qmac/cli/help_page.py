"""The help of a command: what it does, examples, and its options in groups, on any terminal.

Typer's help begins with arguments and options that belong to no group, has types of Python for the
values, and boxes that cut 40 columns to nothing.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from qmac.cli import streams
from qmac.cli.options.groups import GROUPS, OUTPUT

CONTINUED = " \\"
ARGUMENTS = "Argument"
USAGE = "Usage:"
EXAMPLE = "Example: "
MOST_COLUMNS = 100
"""Longer lines are hard to read."""
NAME_SHARE = 0.4
"""Largest part of a line for a name that shares it with its help."""
TIE = "\0"
"""A space at which no line ends."""
INDENT, GAP = 2, 2


class Entry(NamedTuple):
    """An option, an argument or a command."""

    name: str
    text: str


class _Page:
    """Lines of help on a console.

    Parameters
    ----------
    console : Console
        Where they are printed.
    """

    def __init__(self, console: Any) -> None:
        self.console = console
        self.columns = min(int(console.width), MOST_COLUMNS)

    def print_usage(self, words: Iterable[str]) -> None:
        """Print how a command is typed."""
        self._print_wrapped(" ".join([USAGE, *words, "[OPTIONS]"]), len(USAGE) + 1)

    def print_paragraphs(self, paragraphs: Iterable[str]) -> None:
        """Print paragraphs, an empty line before each."""
        for paragraph in paragraphs:
            self.print_line("")
            self._print_wrapped(paragraph, 0)

    def print_example(self, text: str) -> None:
        """Print a command that a shell takes as it is, on however many lines."""
        first, *lines = self._wrap(text, len(EXAMPLE) + len(CONTINUED))
        indent = " " * len(EXAMPLE)
        self.print_line(f"{CONTINUED}\n{indent}".join([EXAMPLE + first, *lines]))

    def print_heading(self, text: str) -> None:
        """Print the heading of a group."""
        self.print_line("")
        self.print_line(f"{text}:", style="bold")

    def print_groups(self, groups: dict[str, list[Entry]], order: Sequence[str]) -> None:
        """Print the groups, each below its heading; all names take the same columns."""
        most = int(self.columns * NAME_SHARE) - INDENT - GAP
        widths = [len(entry.name) for entries in groups.values() for entry in entries]
        width = max((each for each in widths if each <= most), default=0)
        for group in order:
            if group in groups:
                self.print_heading(group)
                for entry in groups[group]:
                    self._print_entry(entry, width)

    def print_line(self, name: str, rest: str = "", style: str = "") -> None:
        """Print a line whose first part may have a colour."""
        from rich.text import Text

        text = Text.assemble((name, style), rest)
        text.rstrip()
        self.console.print(text, soft_wrap=True, highlight=False)

    def _print_entry(self, entry: Entry, width: int) -> None:
        """Print a name and its help beside it, or below it where the name is too long."""
        begin = INDENT + width + GAP
        lines = self._wrap(entry.text, begin) or [""]
        if len(entry.name) <= width:
            self.print_line((" " * INDENT + entry.name).ljust(begin), lines.pop(0), "cyan")
        else:
            for line in self._wrap(entry.name, INDENT):
                self.print_line(" " * INDENT + line, style="cyan")
        for line in lines:
            self.print_line(" " * begin + line)

    def _print_wrapped(self, text: str, indent: int) -> None:
        first, *lines = self._wrap(text, indent)
        self.print_line(first)
        for line in lines:
            self.print_line(" " * indent + line)

    def _wrap(self, text: str, begin: int) -> list[str]:
        width = self.columns - begin
        lines = textwrap.wrap(text, width, break_on_hyphens=False)
        return [line.replace(TIE, " ") for line in lines]


def print_command(command: Any, context: Any) -> None:
    """Print the help of one command.

    Parameters
    ----------
    command : TyperCommand
        The command.
    context : typer.Context
        Its context, which knows what it is called.
    """
    page = _Page(streams.build_console())
    paragraphs = _split_paragraphs(command.help)
    examples = [each.removeprefix(EXAMPLE) for each in paragraphs if each.startswith(EXAMPLE)]
    arguments = [each for each in command.params if each.param_type_name == "argument"]
    page.print_usage([context.command_path, *map(_describe_place, arguments)])
    page.print_paragraphs(each for each in paragraphs if not each.startswith(EXAMPLE))
    page.print_line("")
    for example in examples:
        page.print_example(example)
    groups: dict[str, list[Entry]] = {}
    for parameter in command.get_params(context):
        if not parameter.hidden:
            groups.setdefault(_choose_group(parameter), []).append(_describe(parameter))
    page.print_groups(groups, (ARGUMENTS, *GROUPS))


def print_commands(command: Any, context: Any) -> None:
    """Print the list of commands.

    Parameters
    ----------
    command : TyperGroup
        The command line.
    context : typer.Context
        Its context.
    """
    page = _Page(streams.build_console())
    page.print_usage([context.command_path, "COMMAND"])
    page.print_paragraphs(_split_paragraphs(command.help))
    groups: dict[str, list[Entry]] = {}
    for name, each in command.commands.items():
        entry = Entry(name, _split_paragraphs(each.help)[0])
        groups.setdefault(each.rich_help_panel, []).append(entry)
    groups["Options"] = [_describe(each) for each in command.get_params(context)]
    page.print_groups(groups, tuple(groups))


def _split_paragraphs(text: str) -> list[str]:
    return [" ".join(each.split()) for each in text.split("\n\n") if each.strip()]


def _describe_place(argument: Any) -> str:
    """Return the word for an argument, in brackets where it may be left out."""
    word = str(argument.metavar)
    if " " in word:  # of several, whose brackets are in it
        return word
    dots = "" if argument.nargs == 1 or word.endswith("...") else "..."
    return f"{word}{dots}" if argument.required else f"[{word}{dots}]"


def _choose_group(parameter: Any) -> str:
    is_argument = parameter.param_type_name == "argument"
    return str(parameter.rich_help_panel or (ARGUMENTS if is_argument else OUTPUT))


def _describe(parameter: Any) -> Entry:
    """Return what the help says of an option or an argument."""
    word = parameter.metavar or "VALUE"
    if parameter.param_type_name == "argument":
        return Entry(word, parameter.help or "")
    names = ", ".join(sorted(parameter.opts, key=len))
    name = names if parameter.is_flag else f"{names} {word}"
    return Entry(name, f"{parameter.help}{_describe_default(parameter)}")


def _describe_default(parameter: Any) -> str:
    shown, default = parameter.show_default, parameter.default
    if not isinstance(shown, str):
        is_shown = shown and isinstance(default, str | int | float) and default is not False
        shown = str(default) if is_shown else ""
    return f" [default:{TIE}{shown}]" if shown else ""
