"""The entries of ``result.json`` have their types before anything is done with them."""

from __future__ import annotations

import reprlib
import sys
from collections.abc import Mapping
from typing import Any

from qmac.data.origin import MOST_NOTES
from qmac.errors import OptionError
from qmac.strategy.grid import ROLES
from qmac.strategy.metrics import METRICS
from qmac.strategy.request import check_type

COUNTS = ("evaluated", "scored", "unscored", "filtered", "threads")
"""Entries that are whole numbers, 0 or more."""
AMOUNTS = ("elapsed", "years", "periods_per_year")
"""Entries that are numbers above 0."""
TEXTS_OF_PRICES = ("name", "first", "last", "averages")
OBJECTS = ("degradations", "failed")
"""Entries that are lists of objects, which earlier versions did not write."""
MOST = 2**63
"""Above every count."""
UNDEFINED = ("nan", "inf", "-inf")
"""How JSON has a metric of buy & hold that is not finite."""


def check_header(values: Mapping[str, Any]) -> None:
    """Check the entries that are used as they stand, of a file that is not trusted.

    Those of the request are checked where it is built.

    Parameters
    ----------
    values : mapping
        Content of ``result.json``.

    Raises
    ------
    OptionError
        If an entry is missing, has another type, or a value outside its bounds.
    """
    for name in COUNTS:
        _check_count(name, values.get(name))
    for name in AMOUNTS:
        _check_amount(name, values.get(name))
    if values.get("limit") is not None:
        _check_number("limit", values["limit"])
    for name, kind in (("filtered_by", dict), ("prices", dict), ("hold", dict), ("digest", str)):
        check_type(name, values.get(name), kind)
    for metric, count in values["filtered_by"].items():
        _check_count(f"filtered_by.{metric}", count)
    _check_prices(values["prices"])
    _check_hold(values["hold"])
    for name in OBJECTS:
        _check_objects(name, values.get(name, []))
    _check_failed(values.get("failed", []))


def check_outline(values: Mapping[str, Any]) -> None:
    """Check what a list of many symbols shows of a result, of a file that is not trusted.

    Parameters
    ----------
    values : mapping
        A line of the table of a run.

    Raises
    ------
    OptionError
        If an entry is missing or has another type.
    """
    for name, kind in (("prices", dict), ("hold", dict), ("failed", list), ("digest", str)):
        check_type(name, values.get(name), kind)
    _check_prices(values["prices"])
    _check_failed(values["failed"])
    rows = {"hold": values["hold"], "best": values.get("best")}
    for place, row in rows.items():
        if place == "best" and row is None:
            continue
        check_type(place, row, dict)
        for name, value in row.items():
            check_type(f"{place}.{name}", value, float)
    if rows["hold"].keys() != METRICS.keys():
        raise OptionError("hold must have every metric once, and no other.")
    if rows["best"] is not None and not {*ROLES, *METRICS} <= rows["best"].keys():
        raise OptionError("best must have every window and metric.")
    for name in ("median", "share_positive", "share_better_than_hold", "sigmas", "elapsed"):
        check_type(name, values.get(name), float)
    _check_count("threads", values.get("threads"))


def _check_failed(values: Any) -> None:
    _check_objects("failed", values)
    for place, cell in enumerate(values):
        _check_count(f"failed[{place}].cell", cell.get("cell"))
        _check_count(f"failed[{place}].combinations", cell.get("combinations"), least=-MOST)
        check_type(f"failed[{place}].reason", cell.get("reason"), str)


def _check_prices(prices: Mapping[str, Any]) -> None:
    """Check what is said of the prices; earlier versions wrote no checksum."""
    _check_count("prices.bars", prices.get("bars"))
    for name in TEXTS_OF_PRICES:
        check_type(f"prices.{name}", prices.get(name), str)
    for name in ("sha256", "basis", "layout", "close"):
        check_type(f"prices.{name}", prices.get(name, ""), str)
    if "layout" in prices:
        _check_origin(prices)


def _check_origin(prices: Mapping[str, Any]) -> None:
    """Check what was read, which earlier versions did not write."""
    check_type("prices.close", prices.get("close"), str)
    if prices.get("adjusted") not in (True, False, None):
        check_type("prices.adjusted", prices["adjusted"], bool)
    warnings: Any = prices.get("warnings")
    check_type("prices.warnings", warnings, list)
    if len(warnings) > MOST_NOTES:
        raise OptionError(f"prices.warnings must be {MOST_NOTES} at most, got {len(warnings)}.")
    for place, text in enumerate(warnings):
        check_type(f"prices.warnings[{place}]", text, str)


def _check_hold(hold: Mapping[str, Any]) -> None:
    if hold.keys() != METRICS.keys():
        names = ", ".join(map(reprlib.repr, hold.keys() ^ METRICS.keys()))
        raise OptionError(f"hold must have every metric once, and no other: see {names}.")
    for metric, value in hold.items():
        if value not in UNDEFINED:
            _check_number(f"hold.{metric}", value)


def _check_objects(name: str, values: Any) -> None:
    check_type(name, values, list)
    for place, value in enumerate(values):
        check_type(f"{name}[{place}]", value, dict)


def _check_count(name: str, value: Any, least: int = 0) -> None:
    check_type(name, value, int)
    if not least <= value < MOST:
        raise OptionError(f"{name} must be in [{least}, {MOST}), got {reprlib.repr(value)}.")


def _check_amount(name: str, value: Any) -> None:
    _check_number(name, value)
    if value <= 0:
        raise OptionError(f"{name} must be above 0, got {reprlib.repr(value)}.")


def _check_number(name: str, value: Any) -> None:
    """Check that a value is a finite number; an integer of JSON may be larger than any."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not abs(value) <= sys.float_info.max:  # NaN is not, either
        raise OptionError(f"{name} must be a finite number, got {reprlib.repr(value)}.")
