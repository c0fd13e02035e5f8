"""How signals become trades, checked once at the border and frozen."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from qmac._checks import check_choice, check_count, check_instance, check_number, describe
from qmac.errors import RulesError
from qmac.strategy.averages import AVERAGES

FILLS = {
    "close": "Orders are filled at the close of the bar that signals.",
    "next_open": "Orders are filled at the open of the bar after the signal.",
}
"""Where signals are filled, each in a sentence."""
CONFLICTS = {
    "ignore": "Where a bar signals both entry and exit, neither acts.",
    "opposite": "Where a bar signals both entry and exit, the one that applies to the present "
    "position acts.",
}
"""What an entry and an exit on one bar do, each in a sentence."""
STOPS = ("stop_loss", "take_profit", "trailing_stop")


def _words(
    text: str, *, choices: Iterable[str] = (), sentence: str = "", is_hidden: bool = False
) -> dict[str, Any]:
    """Return the metadata of a field of ``Rules``.

    ``dataclasses.fields(Rules)`` is the one list of rules: the command line derives its options
    from it, and the report its sentences. ``field.metadata`` has

    - ``help``: the help text of the option;
    - ``choices``: the names that a field takes, empty if it takes something else;
    - ``is_hidden``: whether the help of a command leaves the option out;
    - ``sentence``: what the report says where the rule is set, a template for
      ``sentence.format(value=value, percent=100 * value)``; empty where it says it otherwise.

    ``typing.get_type_hints(Rules)[field.name]`` is its type; where that allows a ``date`` the
    option takes text.
    """
    return {
        "help": text,
        "choices": tuple(choices),
        "is_hidden": is_hidden,
        "sentence": sentence,
    }


@dataclass(frozen=True, kw_only=True)
class Rules:
    """How signals become trades. Fractions, not percent: ``slippage=0.0025`` is 0.25 %.

    Parameters
    ----------
    fees : float
        Fees at each end of a trade, as a fraction of its value, in [0, 1).
    slippage : float
        Fraction by which a fill is worse than the price, in [0, 1).
    average : str
        Kind of moving average, such as ``"sma"`` or ``"ema"``; docs/strategy.md defines all of
        them, and ``qmac.strategy.averages.AVERAGES`` lists them.
    fill : str
        ``"close"``, at the close of the signal's bar, or ``"next_open"``, at the open after it.
    conflict : str
        What an entry and an exit on one bar do: ``"ignore"``, neither acts (vectorbt's default), or
        ``"opposite"``, the one that applies to the present position acts.
    start : str or datetime.date, optional
        First bar whose signals count; earlier bars only warm the averages up.
    end : str or datetime.date, optional
        Last bar; later ones are ignored. A date without a time is all of that day, in the time
        zone of the prices.
    stop_loss : float, optional
        Stop-loss distance as a fraction of the entry price, in (0, 1).
    take_profit : float, optional
        Take-profit distance as a fraction of the entry price, above 0.
    trailing_stop : float, optional
        Trailing-stop distance as a fraction of the highest high since the entry, in (0, 1).
    max_bars : int, optional
        Bars after which a position is closed.
    init_cash : float
        Cash at the start, in currency.
    periods_per_year : float, optional
        Bars in a year, from 1e-6 to 1e17, for annualised metrics; inferred from the dates if None.
    fixed_fees : float
        Must be 0. Another value raises an error that says why.

    Raises
    ------
    RulesError
        If a value is outside these bounds.

    Examples
    --------
    >>> Rules(fees=0.001).slippage
    0.0025
    >>> Rules(slippage=2.5)
    Traceback (most recent call last):
    ...
    qmac.errors.RulesError: slippage must be in [0, 1), got 2.5. Use a fraction: 0.0025 is 0.25 %.
    """

    fees: float = field(
        default=0.0,
        metadata=_words("Fees at each end, as a fraction of a trade's value; 0.001 is 0.1 %."),
    )
    slippage: float = field(
        default=0.0025, metadata=_words("Fraction by which a fill is worse than its price.")
    )
    average: str = field(
        default="sma", metadata=_words("Kind of moving average.", choices=AVERAGES)
    )
    fill: str = field(
        default="close",
        metadata=_words("Where a signal is filled: on its bar or the next.", choices=FILLS),
    )
    conflict: str = field(
        default="ignore",
        metadata=_words("What an entry and an exit on one bar do.", choices=CONFLICTS),
    )
    start: str | date | None = field(
        default=None,
        metadata=_words(
            "First date whose signals count; earlier bars only warm up.",
            sentence="Trading starts at {value}; bars before it only warm the averages up.",
        ),
    )
    end: str | date | None = field(
        default=None,
        metadata=_words(
            "Last date; later bars are ignored.",
            sentence="Bars after {value} are ignored.",
        ),
    )
    stop_loss: float | None = field(
        default=None,
        metadata=_words(
            "Stop-loss distance as a fraction of the entry price; 0.05 is 5 %.",
            sentence="A fall of {percent:.4g} % below the entry price closes a position.",
        ),
    )
    take_profit: float | None = field(
        default=None,
        metadata=_words(
            "Take-profit distance as a fraction of the entry price.",
            sentence="A rise of {percent:.4g} % above the entry price closes a position.",
        ),
    )
    trailing_stop: float | None = field(
        default=None,
        metadata=_words(
            "Trailing-stop distance as a fraction of the highest high since the entry.",
            sentence="A fall of {percent:.4g} % below the highest high since the entry closes a "
            "position.",
        ),
    )
    max_bars: int | None = field(
        default=None,
        metadata=_words(
            "Bars after which a position is closed.",
            sentence="A position is closed after {value} bars.",
        ),
    )
    init_cash: float = field(default=100.0, metadata=_words("Cash at the start."))
    periods_per_year: float | None = field(
        default=None, metadata=_words("Bars in a year; inferred from the dates by default.")
    )
    fixed_fees: float = field(
        default=0.0, metadata=_words("Must be 0; the error says why.", is_hidden=True)
    )

    def __post_init__(self) -> None:
        for name in ("fees", "slippage"):
            self._check_fraction(name)
        self._check_range("init_cash", 1e-9, 1e18)
        if self.periods_per_year is not None:
            advice = "Use 252 for business days, 365 for every day, or leave it out to infer it."
            self._check_range("periods_per_year", 1e-6, 1e17, advice)
        for rule in dataclasses.fields(self):
            choices = rule.metadata["choices"]
            if choices:
                check_choice(rule.name, getattr(self, rule.name), choices, RulesError)
        for name in ("start", "end"):
            moment = getattr(self, name)
            if moment is not None:
                object.__setattr__(self, name, _format_moment(name, moment))
        self._check_stops()
        if self._number("fixed_fees") != 0:
            raise RulesError(
                f"fixed_fees must be 0, got {self.fixed_fees:g}: a fee in currency weighs more on "
                "a small account, so trades no longer add up and a sweep would need every bar of "
                "every combination. Use fees, a fraction of the value."
            )

    def _check_fraction(self, name: str) -> None:
        value = self._number(name)
        if not 0 <= value < 1:
            raise RulesError(
                f"{name} must be in [0, 1), got {value:g}. Use a fraction: 0.0025 is 0.25 %."
            )

    def _check_range(self, name: str, low: float, high: float, advice: str = "") -> None:
        value = self._number(name)
        if not low <= value <= high:
            bounds = f"{name} must be in [{low:g}, {high:g}], got {value:g}."
            raise RulesError(f"{bounds} {advice}".rstrip())

    def _check_stops(self) -> None:
        for name in STOPS:
            if getattr(self, name) is None:
                continue
            value = self._number(name)
            highest = math.inf if name == "take_profit" else 1.0
            if not 0 < value < highest:
                raise RulesError(
                    f"{name} must be in (0, {highest:g}), got {value:g}. "
                    "Use a fraction: 0.05 is 5 %."
                )
        if self.max_bars is not None:
            bars = check_count("max_bars", self.max_bars, 1, error=RulesError)
            object.__setattr__(self, "max_bars", bars)

    def _number(self, name: str) -> float:
        """Return a field as a float, which replaces it."""
        value = getattr(self, name)
        if isinstance(value, str):
            with suppress(ValueError):
                value = float(value)
        number = check_number(name, value, RulesError)
        object.__setattr__(self, name, number)
        return number

    @property
    def has_stops(self) -> bool:
        """Whether anything but a signal can close a position."""
        return any(getattr(self, name) is not None for name in (*STOPS, "max_bars"))

    @property
    def buy_factor(self) -> float:
        """Cash that one unit bought costs, as a multiple of its price."""
        return (1 + self.slippage) * (1 + self.fees)

    @property
    def sell_factor(self) -> float:
        """Cash that one unit sold brings, as a multiple of its price."""
        return (1 - self.slippage) * (1 - self.fees)

    @classmethod
    def of(cls, rules: Rules | None) -> Rules:
        """Return the rules, or the defaults for None.

        Parameters
        ----------
        rules : Rules, optional
            Rules of a call.

        Returns
        -------
        Rules
            ``rules``, or ``Rules()``.

        Raises
        ------
        OptionError
            If it is anything else.
        """
        if rules is None:
            return cls()
        return check_instance("rules", rules, Rules, "Use Rules(fees=0.001).")

    def to_dict(self) -> dict[str, Any]:
        """Return plain values; ``Rules(**rules.to_dict()) == rules``.

        Returns
        -------
        dict
            Values by field.
        """
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}


def _format_moment(name: str, value: str | date) -> str:
    """Return the ISO text of a date or a date and time."""
    try:
        moment = value if isinstance(value, date) else datetime.fromisoformat(value)
        moment.toordinal()  # pandas' NaT has none
    except (TypeError, ValueError):
        raise RulesError(
            f"{name} must be a date such as 2010-01-04, got {describe(value)}."
        ) from None
    text = moment.isoformat()
    is_day = isinstance(value, str) and len(value) <= len("2010-01-04")
    return text[: len("2010-01-04")] if is_day else text
