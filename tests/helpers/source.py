"""Measures of the source: how dense functions are, and what docstrings lack.

``python tests/helpers/source.py [src/qmac/engine ...]`` prints them for files and folders.
"""

from __future__ import annotations

import ast
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "qmac"
LEAST_LINES = 5
"""Shorter bodies are not measured."""
FIRST_WORDS = ("Of", "Those", "The same", "That", "As", "By")
"""What the first line of a docstring never begins with."""
METAPHORS = ("mend", "books", "stranger", "nobody", "somebody", "passport", "crew")
"""Words that docs/glossary.md replaces."""
SECTIONS = (
    "Parameters",
    "Returns",
    "Yields",
    "Raises",
    "Notes",
    "Examples",
    "Attributes",
    "See Also",
    "References",
)


class Function(NamedTuple):
    """A function and where it stands."""

    file: Path
    node: ast.FunctionDef | ast.AsyncFunctionDef
    is_public: bool

    @property
    def place(self) -> str:
        """Return file, line and name."""
        return f"{self.file.relative_to(ROOT)}:{self.node.lineno} {self.node.name}"


def python_files(places: list[Path]) -> list[Path]:
    """Return the Python files at and below some places."""
    return sorted(
        file for place in places for file in ([place] if place.is_file() else place.rglob("*.py"))
    )


def functions(files: list[Path]) -> Iterator[Function]:
    """Yield every function of some files; public are those that neither they nor their class hide."""
    for file in files:
        yield from _functions(file, ast.parse(file.read_text()).body, is_public=True)


def _functions(file: Path, body: list[ast.stmt], *, is_public: bool) -> Iterator[Function]:
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield from _functions(
                file, node.body, is_public=is_public and not node.name.startswith("_")
            )
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield Function(file, node, is_public and not node.name.startswith("_"))
            yield from _functions(file, node.body, is_public=False)


def density(function: Function) -> float | None:
    """Return nodes of the syntax tree over lines of the body, docstring included; None for a short body."""
    node = function.node
    lines = (node.end_lineno or node.lineno) - node.body[0].lineno + 1
    if lines < LEAST_LINES:
        return None
    return sum(1 for statement in node.body for _ in ast.walk(statement)) / lines


def densities(files: list[Path]) -> dict[str, float]:
    """Return the density of each function that is measured, by its place."""
    found = {function.place: density(function) for function in functions(files)}
    return {place: value for place, value in found.items() if value is not None}


def docstring_faults(function: Function) -> Iterator[str]:
    """Yield what is wrong with the docstring of a function."""
    text = ast.get_docstring(function.node)
    if text is None:
        if function.is_public and not _is_trivial(function.node):
            yield "no docstring"
        return
    first = text.splitlines()[0]
    if any(first.startswith(f"{word} ") for word in FIRST_WORDS):
        yield f"the first line begins with {first.split()[0]!r}"
    lowered = text.lower()
    yield from (f"says {word!r}" for word in METAPHORS if f" {word}" in f" {lowered}")
    if (
        function.is_public
        and _returns(function.node)
        and "\nReturns\n-------" not in text
        and "\nYields\n------" not in text
    ):
        yield "no Returns"
    lines = text.splitlines()
    for number, line in enumerate(lines[1:], 1):
        if line in SECTIONS and set(lines[min(number + 1, len(lines) - 1)]) != {"-"}:
            yield f"{line} is not underlined"


def _is_trivial(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether it is a dunder, an override of one line or a stub."""
    return node.name.startswith("__") or len(node.body) == 1


def _returns(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether it is a function (no property) that returns something."""
    decorators = [ast.unparse(decorator) for decorator in node.decorator_list]
    if any("property" in decorator or "setter" in decorator for decorator in decorators):
        return False
    if node.returns is None:
        return any(
            isinstance(inner, ast.Return) and inner.value is not None for inner in ast.walk(node)
        )
    return ast.unparse(node.returns) not in ("None", "NoReturn", "Never")


def main(arguments: list[str]) -> None:
    """Print the measures of some files and folders."""
    files = python_files([Path(argument).resolve() for argument in arguments] or [SOURCE])
    measured = densities(files)
    for function in functions(files):
        for fault in docstring_faults(function):
            print(f"{function.place}: {fault}")
    if measured:
        print("densest: ")
        for place, value in sorted(measured.items(), key=lambda item: -item[1])[:25]:
            print(f"  {value:5.1f}  {place}")
        print(
            f"median density {statistics.median(measured.values()):.2f} of {len(measured)} functions"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
