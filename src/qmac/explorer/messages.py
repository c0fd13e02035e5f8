"""Messages of the page, which may say anything: each is one of a few kinds, or refused."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from qmac._checks import check_choice, check_count, check_flag
from qmac.errors import OptionError, suggestion
from qmac.explorer.question import Question, build_question
from qmac.strategy.grid import ROLES, Combination
from qmac.strategy.request import check_type

STATS = ("mean", "best", "count")
"""What a map shows of the combinations of a cell; the first unless the page says another."""
MOST_WINDOW = 10**9
MOST_ID = 2**53
MOST_BYTES = 2**16
"""Of a message; a question with every constraint has two thousand."""


@dataclass(frozen=True)
class Cell:
    """A cell of a map: one value each of two of the four windows."""

    rows: str
    columns: str
    row: int
    column: int


@dataclass(frozen=True)
class View:
    """What is shown of an answer; none of it is swept for."""

    stat: str = STATS[0]
    combination: Combination | None = None
    """What is drawn in place of the winner."""
    cell: Cell | None = None
    """Where the best combination of a map's cell is drawn."""


@dataclass(frozen=True)
class Ask:
    """A question, and how its answer is shown."""

    number: int
    """By which the page knows the answer."""
    question: Question
    is_exact: bool
    """Whether the whole grid is swept, and not a coarse one."""
    view: View


@dataclass(frozen=True)
class Order:
    """Something that is done with the last exact answer."""

    number: int
    kind: str
    """``"save"``, ``"luck"`` or ``"stop"``, which ends the luck."""


ORDERS = ("save", "luck", "stop")
KINDS = ("ask", *ORDERS)
KEYS = {"ask": ("type", "id", "question", "exact", "view")} | dict.fromkeys(ORDERS, ("type", "id"))


def read_message(text: Any) -> Ask | Order:
    """Return what the page says.

    Parameters
    ----------
    text : object
        JSON of a browser; bytes are refused.

    Returns
    -------
    Ask or Order
        Checked.

    Raises
    ------
    InputError
        If it is no message, or something in it is invalid.
    """
    values = _parse(text)
    kind = check_choice("type", values.get("type"), KINDS)
    _check_keys("message", values, KEYS[kind])
    number = check_count("id", values.get("id"), 0, MOST_ID)
    if kind != "ask":
        return Order(number, kind)
    return Ask(
        number,
        build_question(values.get("question", {})),
        check_flag("exact", values.get("exact", False)),
        _build_view(values.get("view", {})),
    )


def find_number(text: Any) -> int | None:
    """Return the number of a message that may be invalid.

    Parameters
    ----------
    text : object
        JSON of a browser.

    Returns
    -------
    int or None
        None where it has none.
    """
    try:
        return check_count("id", _parse(text).get("id"), 0, MOST_ID)
    except OptionError:
        return None


def _parse(text: Any) -> dict[str, Any]:
    if not isinstance(text, str) or len(text) > MOST_BYTES:
        raise OptionError(f"a message must be JSON of at most {MOST_BYTES:,} characters.")
    try:
        values = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise OptionError("a message must be JSON. Reload the page.") from None
    check_type("message", values, dict)
    return dict(values)


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def _check_keys(subject: str, values: dict[str, Any], known: tuple[str, ...]) -> None:
    for name in values:
        if name not in known:
            raise OptionError(f"{subject}: {name!r} is not known. {suggestion(name, known)}")


def _build_view(values: Any) -> View:
    check_type("view", values, dict)
    _check_keys("view", values, ("stat", "combination", "cell"))
    return View(
        check_choice("stat", values.get("stat", STATS[0]), STATS),
        _check_combination(values.get("combination")),
        _build_cell(values.get("cell")),
    )


def _check_combination(values: Any) -> Combination | None:
    if values is None:
        return None
    check_type("combination", values, list)
    if len(values) != len(ROLES):
        raise OptionError(f"combination must be four windows, got {len(values)}.")
    buy_fast, buy_slow, sell_fast, sell_slow = (
        check_count("combination", window, 1, MOST_WINDOW) for window in values
    )
    return buy_fast, buy_slow, sell_fast, sell_slow


def _build_cell(values: Any) -> Cell | None:
    if values is None:
        return None
    check_type("cell", values, dict)
    _check_keys("cell", values, ("rows", "columns", "row", "column"))
    cell = Cell(
        check_choice("rows", values.get("rows"), ROLES),
        check_choice("columns", values.get("columns"), ROLES),
        check_count("row", values.get("row"), 1, MOST_WINDOW),
        check_count("column", values.get("column"), 1, MOST_WINDOW),
    )
    if cell.rows == cell.columns:
        raise OptionError(f"a map needs two different windows, but both are {cell.rows!r}.")
    return cell
