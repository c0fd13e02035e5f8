"""Measures of the source: how dense functions are, and what docstrings lack.

``python tests/helpers/source.py [src/qmac/engine ...]`` prints them for files and folders.
"""

from __future__ import annotations

import ast
import re
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
METAPHORS = re.compile(r"\b(mend|books\b|stranger|nobody|somebody|passport|crew\b)", re.IGNORECASE)
"""Words that docs/glossary.md replaces."""
LISTS = ("Parameters", "Other Parameters", "Returns", "Yields", "Raises", "Warns", "Attributes")
"""Sections of entries: a line of name or type, then its description, indented."""
SECTIONS = (*LISTS, "Notes", "Examples", "See Also", "References", "Warnings")
Definition = ast.FunctionDef | ast.AsyncFunctionDef


class Function(NamedTuple):
    """A function and where it stands."""

    file: Path
    node: Definition
    is_public: bool

    @property
    def place(self) -> str:
        """File, line and name."""
        file = self.file.relative_to(ROOT) if self.file.is_relative_to(ROOT) else self.file
        return f"{file}:{self.node.lineno} {self.node.name}"


def python_files(places: list[Path]) -> list[Path]:
    """Return the Python files at and below some places."""
    files: list[Path] = []
    for place in places:
        files += [place] if place.is_file() else place.rglob("*.py")
    return sorted(files)


def functions(files: list[Path]) -> Iterator[Function]:
    """Yield every function of some files.

    Public is a function at the top of a module or class that neither its name nor that of its
    class hides; a function within a function never is.
    """
    for file in files:
        yield from _functions(file, ast.parse(file.read_text("utf-8")), is_public=True)


def _functions(file: Path, parent: ast.AST, *, is_public: bool) -> Iterator[Function]:
    for node in ast.iter_child_nodes(parent):
        if isinstance(node, Definition):
            yield Function(file, node, is_public and not node.name.startswith("_"))
            yield from _functions(file, node, is_public=False)
        elif isinstance(node, ast.ClassDef):
            shows = is_public and not node.name.startswith("_")
            yield from _functions(file, node, is_public=shows)
        else:  # a condition, a with-block, an expression: what it holds is where it is
            yield from _functions(file, node, is_public=is_public)


def density(function: Function) -> float | None:
    """Return nodes of the syntax tree over lines of the body, its docstring included.

    None for a body of fewer than ``LEAST_LINES`` lines.
    """
    node = function.node
    lines = (node.end_lineno or node.lineno) - node.body[0].lineno + 1
    if lines < LEAST_LINES:
        return None
    nodes = sum(1 for statement in node.body for _ in ast.walk(statement))
    return nodes / lines


def densities(files: list[Path]) -> dict[str, float]:
    """Return the density of each function that is measured, by its place."""
    measured = {function.place: density(function) for function in functions(files)}
    return {place: value for place, value in measured.items() if value is not None}


def docstring_faults(function: Function) -> Iterator[str]:
    """Yield what is wrong with the docstring of a function."""
    node = function.node
    if "overload" in _decorators(node):
        return
    text = ast.get_docstring(node)
    if text is None:
        if function.is_public and not _is_trivial(node):
            yield "no docstring"
        return
    yield from text_faults(text)
    yield from _entry_faults(text)
    if not function.is_public:
        return
    has_result = "\nReturns\n-------" in text or "\nYields\n------" in text
    if not has_result and _returns(node) and not _is_stub(node):
        yield "no Returns"
    is_help_text = function.file.parent.name == "commands"  # the command line prints it
    if _raises(node) and "\nRaises\n------" not in text and not is_help_text:
        yield "no Raises"


def module_and_class_faults(file: Path) -> Iterator[str]:
    """Yield what is wrong with the docstrings of a module and of its public classes."""
    tree = ast.parse(file.read_text("utf-8"))
    places: list[tuple[str, ast.Module | ast.ClassDef]] = [("module", tree)]
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            places.append((f"class {node.name}", node))
    for name, node in places:
        text = ast.get_docstring(node)
        faults = ["no docstring"] if text is None else [*text_faults(text), *_entry_faults(text)]
        yield from (f"{name}: {fault}" for fault in faults)


def text_faults(text: str) -> Iterator[str]:
    """Yield what is wrong with the words of a docstring, whatever it documents."""
    first = text.splitlines()[0]
    for word in FIRST_WORDS:
        if first.startswith(f"{word} "):
            yield f"the first line begins with {word!r}"
    if not first.rstrip().endswith((".", "?", "!", ".)", "``")):
        yield "the first line is not a sentence that ends there"
    for word in METAPHORS.findall(text):
        yield f"says {word!r}"


def _entry_faults(text: str) -> Iterator[str]:
    """Yield where a section is not as numpydoc writes it."""
    lines = [*text.splitlines(), "", ""]
    section = ""
    for number, line in enumerate(lines[:-2]):
        after = lines[number + 1]
        if line in SECTIONS:
            section = line
            if set(after) != {"-"}:
                yield f"{line} is not underlined"
        elif section in LISTS and line and not line.startswith((" ", "-")):
            if not after.startswith("    "):
                yield f"{section}: {line!r} has no description, indented on the next line"
            elif section == "Parameters" and " : " not in line:
                yield f"{section}: {line!r} has no type"


def _decorators(node: Definition) -> str:
    return " ".join(ast.unparse(decorator) for decorator in node.decorator_list)


def _is_trivial(node: Definition) -> bool:
    """Whether it is a dunder, a setter, or has one statement, as overrides and stubs have."""
    is_setter = ".setter" in _decorators(node)
    return node.name.startswith("__") or is_setter or len(node.body) == 1


def _is_stub(node: Definition) -> bool:
    """Whether nothing but ``...`` follows the docstring, as in a protocol."""
    return all(
        isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        for statement in node.body
    )


def _returns(node: Definition) -> bool:
    """Whether it is a function (no property) that returns something."""
    decorators = _decorators(node)
    if "property" in decorators or ".setter" in decorators or "contextmanager" in decorators:
        return False
    if node.returns is not None:
        return ast.unparse(node.returns) not in ("None", "NoReturn", "Never")
    returns = [inner for inner in _statements(node) if isinstance(inner, ast.Return)]
    return any(inner.value is not None for inner in returns)


def _raises(node: Definition) -> bool:
    """Whether it raises an error of its own, not one that it caught."""
    raised = [inner.exc for inner in _statements(node) if isinstance(inner, ast.Raise)]
    names = [ast.unparse(exc.func) for exc in raised if isinstance(exc, ast.Call)]
    return any(name not in ("NotImplementedError", "SystemExit", "typer.Exit") for name in names)


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what is inside a function, but not inside functions within it."""
    for inner in ast.iter_child_nodes(node):
        if not isinstance(inner, Definition | ast.Lambda | ast.ClassDef):
            yield inner
            yield from _statements(inner)


def main(arguments: list[str]) -> None:
    """Print the measures of some files and folders."""
    files = python_files([Path(argument).resolve() for argument in arguments] or [SOURCE])
    measured = densities(files)
    for file in files:
        for fault in module_and_class_faults(file):
            print(f"{file.relative_to(ROOT)}: {fault}")
    for function in functions(files):
        for fault in docstring_faults(function):
            print(f"{function.place}: {fault}")
    if measured:
        print("densest:")
        for place, value in sorted(measured.items(), key=lambda item: -item[1])[:25]:
            print(f"  {value:5.1f}  {place}")
        median = statistics.median(measured.values())
        print(f"median density {median:.2f} of {len(measured)} functions")


if __name__ == "__main__":
    main(sys.argv[1:])
