"""How signals become trades, checked once at the border and frozen."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from qmac._checks import check_count
from qmac.errors import OptionError, RulesError, suggestion

AVERAGES = ("sma", "ema", "wma", "hma", "dema", "tema", "rma")
FILLS = ("close", "next_open")
CONFLICTS = ("ignore", "opposite")
STOPS = ("stop_loss", "take_profit", "trailing_stop")


@dataclass(frozen=True, kw_only=True)
class Rules:
    """How signals become trades. Fractions, not percent: ``slippage=0.0025`` is 0.25 %.

    Parameters
    ----------
    fees : share of a trade's value paid at each end, in [0, 1).
    slippage : share by which a fill is worse than the price, in [0, 1).
    average : kind of moving average: ``"sma"``, ``"ema"``, ``"wma"``, ``"hma"``, ``"dema"``, ``"tema"`` or
        ``"rma"`` (docs/strategy.md).
    fill : ``"close"``, at the close of the signal's bar, or ``"next_open"``, at the open after it.
    conflict : what an entry and an exit on one bar do: ``"ignore"``, neither acts (vectorbt's
        default), or ``"opposite"``, the one that applies to the present position acts.
    start : first bar whose signals count, a date; earlier bars only warm the averages up.
    end : last bar; later ones are not looked at. A date without a time (text or ``datetime.date``) is all of that
        day, in the time zone of the prices.
    stop_loss, take_profit, trailing_stop : fall, rise, or fall from the highest high since the entry, that
        closes a position, as a fraction in (0, 1) (take_profit: above 0); None for none.
    max_bars : bars after which a position is closed; None for no limit.
    fixed_fees : must be 0; there to say why.
    init_cash : cash at the start, in currency.
    periods_per_year : bars in a year, for annualised figures; inferred from the dates if None; from 1e-6 to 1e17.

    Raises
    ------
    RulesError : a value outside these bounds.

    Examples
    --------
    >>> Rules(fees=0.001).slippage
    0.0025
    >>> Rules(slippage=2.5)
    Traceback (most recent call last):
    ...
    qmac.errors.RulesError: slippage is 2.5, but must be at least 0 and below 1: it is a fraction, 0.0025 is 0.25 %.
    """

    fees: float = 0.0
    slippage: float = 0.0025
    average: str = "sma"
    fill: str = "close"
    conflict: str = "ignore"
    start: str | date | None = None
    end: str | date | None = None
    stop_loss: float | None = None
    take_profit: float | None = None
    trailing_stop: float | None = None
    max_bars: int | None = None
    init_cash: float = 100.0
    periods_per_year: float | None = None
    fixed_fees: float = 0.0

    def __post_init__(self) -> None:
        for name in ("fees", "slippage"):
            value = self._number(name)
            if not 0 <= value < 1:
                raise RulesError(
                    f"{name} is {value:g}, but must be at least 0 and below 1: it is a fraction, 0.0025 is 0.25 %."
                )
        if not 1e-9 <= self._number("init_cash") <= 1e18:
            raise RulesError(f"init_cash is {self.init_cash:g}, but must be from 1e-9 to 1e18.")
        if (
            self.periods_per_year is not None
            and not 1e-6 <= self._number("periods_per_year") <= 1e17
        ):
            raise RulesError(
                f"periods_per_year is {self.periods_per_year:g}, but must be from 1e-6 to 1e17: 252 for business days, "
                "365 for every day, or leave it out to have it inferred."
            )
        for name, known in (("average", AVERAGES), ("fill", FILLS), ("conflict", CONFLICTS)):
            value = getattr(self, name)
            if value not in known:
                raise RulesError(f"{name} {value!r} is not known. {suggestion(str(value), known)}")
        for name in ("start", "end"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, _moment(name, getattr(self, name)))
        self._check_stops()
        if self._number("fixed_fees") != 0:
            raise RulesError(
                f"fixed_fees is {self.fixed_fees:g}, but only 0 is possible: a fee in currency weighs more on a small "
                "account, so trades no longer add up and a sweep would need every bar of every combination. "
                "Use fees, a fraction of the value."
            )

    def _check_stops(self) -> None:
        for name in STOPS:
            if getattr(self, name) is None:
                continue
            value = self._number(name)
            if not (0 < value < 1 or (name == "take_profit" and 1 <= value < math.inf)):
                above = "above 0" if name == "take_profit" else "above 0 and below 1"
                raise RulesError(
                    f"{name} is {value:g}, but must be {above}: it is a fraction, 0.05 is 5 %."
                )
        if self.max_bars is not None:
            try:
                object.__setattr__(self, "max_bars", check_count("max_bars", self.max_bars, 1))
            except OptionError as error:
                raise RulesError(str(error)) from None

    def _number(self, name: str) -> float:
        value = getattr(self, name)
        try:
            number = float(value)
        except (TypeError, ValueError):
            raise RulesError(f"{name} is {value!r}, but must be a number.") from None
        object.__setattr__(self, name, number)
        return number

    @property
    def has_stops(self) -> bool:
        """Whether anything but a signal can close a position."""
        return any(getattr(self, name) is not None for name in (*STOPS, "max_bars"))

    @property
    def buy_factor(self) -> float:
        """What one unit bought costs, in units of its price."""
        return (1 + self.slippage) * (1 + self.fees)

    @property
    def sell_factor(self) -> float:
        """What one unit sold brings, in units of its price."""
        return (1 - self.slippage) * (1 - self.fees)

    @classmethod
    def of(cls, rules: Rules | None) -> Rules:
        """The rules, or the usual ones for None."""
        if rules is not None and not isinstance(rules, Rules):
            raise OptionError(
                f"rules are a {type(rules).__name__}, but must be qmac.Rules, such as Rules(fees=0.001)."
            )
        return rules or cls()

    def to_dict(self) -> dict[str, Any]:
        """Plain values; ``Rules(**rules.to_dict()) == rules``."""
        return dataclasses.asdict(self)


def _moment(name: str, value: str | date) -> str:
    """ISO text of a date or a date and time."""
    try:
        moment = value if isinstance(value, date) else datetime.fromisoformat(value)
        moment.toordinal()  # what pandas calls NaT has none
    except (TypeError, ValueError):
        raise RulesError(f"{name} is {value!r}, but must be a date such as 2010-01-04.") from None
    if isinstance(value, str) and len(value) <= len("2010-01-04"):
        return moment.isoformat()[: len("2010-01-04")]
    return moment.isoformat()
