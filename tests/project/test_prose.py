"""How docstrings, names and messages read; CONTRIBUTING.md has the rules."""

import ast
import re

import pytest
from helpers import source

FILES = [file for file in source.python_files([source.SOURCE]) if file.name != "_version.py"]
JARGON = {"asked", "kept", "own", "found", "given", "made", "told", "said", "here", "nobody"}
"""Words that say nothing as the name of a function, parameter or attribute."""
UNHELPFUL = re.compile(r"\bmend|\bcannot be used\b|\bnobody\b|\bstranger", re.IGNORECASE)
"""What a message says in other words: "fix", and what the value must be."""


def test_docstrings_of_functions():
    """Numpydoc with types; the first line stands alone."""
    faults = [
        f"{function.place}: {fault}"
        for function in source.functions(FILES)
        for fault in source.docstring_faults(function)
    ]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(source.SOURCE)))
def test_docstrings_of_modules_and_classes(file):
    faults = list(source.module_and_class_faults(file))
    assert not faults, "\n".join(faults)


def test_functions_have_a_verb():
    """``compute_years``, not ``years_of``; the classmethods ``of`` are public."""
    names = [function.place for function in source.functions(FILES)]
    without = [name for name in names if name.endswith("_of")]
    assert not without, "\n".join(without)


def declared_names(node):
    """Yield the functions, classes, parameters and attributes in a tree, with their lines."""
    for inner in ast.walk(node):
        if isinstance(inner, source.Definition | ast.ClassDef):
            yield inner.lineno, inner.name
        elif isinstance(inner, ast.arg):
            yield inner.lineno, inner.arg
        if isinstance(inner, ast.Module | ast.ClassDef):
            for statement in inner.body:
                if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                    yield statement.lineno, statement.target.id


def test_names_are_words_of_the_field():
    places = [
        f"{file.relative_to(source.SOURCE)}:{line} {name}"
        for file in FILES
        for line, name in declared_names(ast.parse(file.read_text("utf-8")))
        if name.lower() in JARGON
    ]
    assert not places, "\n".join(places)


def texts(tree):
    """Yield the strings of a tree that are no docstrings, with their lines."""
    documentation = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in documentation:
            yield node.lineno, str(node.value)


def test_messages_name_the_constraint():
    places = [
        f"{file.relative_to(source.SOURCE)}:{line} {text!r}"
        for file in FILES
        for line, text in texts(ast.parse(file.read_text("utf-8")))
        if UNHELPFUL.search(text)
    ]
    assert not places, "\n".join(places)


def find_faults(code):
    (function,) = source.functions([code])
    return list(source.docstring_faults(function))


GOOD = '''
def average(prices, window):
    """Return the mean of the last ``window`` closes.

    Parameters
    ----------
    prices : Prices
        Checked bars.
    window : int
        Bars.

    Returns
    -------
    float
        The mean.

    Raises
    ------
    PricesError
        If there are too few.
    """
    if window > len(prices):
        raise PricesError("too few")
    return prices[-window:].mean()
'''


UNDESCRIBED = "has no description, indented on the next line"


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("", "", None),
        ("Return the", "Of the", "the first line begins with 'Of'"),
        ("closes.", "closes", "the first line is not a sentence that ends there"),
        ("Checked bars", "Books", "says 'Books'"),
        ("Returns\n    -------", "Notes\n    -----", "no Returns"),
        ("Raises\n    ------", "Notes\n    -----", "no Raises"),
        ("window : int\n", "window\n", "Parameters: 'window' has no type"),
        ("----------\n", "\n", "Parameters is not underlined"),
        (
            "PricesError\n        If",
            "PricesError : if",
            f"Raises: 'PricesError : if there are too few.' {UNDESCRIBED}",
        ),
        ('    """Return', '    x = """Return', "no docstring"),
    ],
)
def test_faults_are_seen(tmp_path, old, new, fault):
    file = tmp_path / "a.py"
    file.write_text(GOOD.replace(old, new, 1) if old else GOOD)
    assert find_faults(file) == ([] if fault is None else [fault])


@pytest.mark.parametrize(
    "code",
    [
        '@property\ndef f(self) -> int:\n    """The number."""\n    x = 1\n    return x',
        "@overload\ndef f(self, x: int) -> int: ...",
        'def f(self) -> int:\n    """Return the number."""\n    ...',
        "def __len__(self):\n    x = 1\n    return x",
        "def _f(self):\n    x = 1\n    return x",
        'def f(self):\n    """Call it."""\n    g(lambda: 1)',
        'def f(self):\n    """Try it."""\n    try:\n        g()\n    except E:\n        raise',
    ],
)
def test_what_needs_no_more(tmp_path, code):
    file = tmp_path / "a.py"
    file.write_text(code + "\n")
    assert find_faults(file) == []


def test_a_function_within_a_function_is_not_public(tmp_path):
    file = tmp_path / "a.py"
    file.write_text(
        "def _f():\n    if x:\n        def g():\n            y = 1\n            return y\n"
    )
    assert [function.is_public for function in source.functions([file])] == [False, False]
