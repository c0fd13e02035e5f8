"""Prices by name: from the copy on disk if it is new enough, else from the source."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from qmac._checks import check_callable, check_flag, describe
from qmac.data.description import warn_of_prices
from qmac.data.origin import Origin
from qmac.data.prices import Prices
from qmac.data.sources import base
from qmac.data.sources.base import Bars, BarsRequest, Source
from qmac.data.sources.cache import Copy, hold_copy, read_copy, write_copy
from qmac.data.sources.names import (
    SourceName,
    interval_seconds,
    label_names,
    parse_age,
    parse_names,
)
from qmac.data.sources.registry import find_source
from qmac.data.sources.request_queue import RequestQueue
from qmac.errors import OptionError, PricesError, QmacError, SourceError, warn

MOST_AGE_SECONDS = 12 * 3600.0
"""A copy of daily bars is used so long; one of shorter bars for the length of a bar."""
SINCE = re.compile(r"(\d{4})(-\d{2}(-\d{2})?)?")
LATE_BARS, LATE_SECONDS = 3, 86_400.0
"""How long before the present the last bar may begin where there are bars around the clock."""
LISTED = 3
"""Symbols that a message names."""


@dataclass(frozen=True)
class FetchOptions:
    """How prices are fetched; see ``fetch``."""

    since: Any = None
    raw: bool = False
    max_age: Any = None
    refresh: bool = False
    offline: bool = False

    def __post_init__(self) -> None:
        shown = describe(self.refresh)
        for name in ("raw", "refresh", "offline"):
            object.__setattr__(self, name, check_flag(name, getattr(self, name)))
        object.__setattr__(self, "since", _parse_since(self.since))
        if self.max_age is not None:
            object.__setattr__(self, "max_age", parse_age(self.max_age))
        if self.refresh and self.offline:
            raise OptionError(
                f"refresh and offline exclude each other, got {shown} for both. Use one of them."
            )

    def find_most_age(self, interval: str) -> float:
        """Return the age in seconds below which a copy is used as it is.

        Parameters
        ----------
        interval : str
            Length of its bars.

        Returns
        -------
        float
            ``max_age``, or the usual age.
        """
        if self.max_age is not None:
            return float(self.max_age)
        return min(MOST_AGE_SECONDS, interval_seconds(interval))


class FetchStatus(NamedTuple):
    """How far a fetch is, for its listener."""

    name: str
    """Series that is fetched."""
    done: int
    """Series that are finished."""
    total: int
    bars: int
    """Bars of this series that came so far."""


FetchListener = Callable[[FetchStatus], None]


@dataclass(frozen=True)
class Fetched:
    """What there is of several series, in order."""

    copies: dict[SourceName, Copy]
    failed: dict[SourceName, SourceError]
    """Why others have none."""


def fetch(
    names: str | Iterable[str],
    since: str | date | None = None,
    *,
    raw: bool = False,
    max_age: str | float | None = None,
    refresh: bool = False,
    offline: bool = False,
    progress: FetchListener | None = None,
) -> Prices | dict[str, Prices]:
    """Return prices from the market by name, and store a copy of them.

    Names are those of a source, a colon, and its symbols: ``"yahoo:SPY"`` (with the extra
    ``qmac[yahoo]``), ``"yahoo:SPY,QQQ"``, ``"binance:BTC/USDT:1h"`` (any exchange of ccxt, with
    ``qmac[crypto]``). A length of the bars may follow, days by default.

    Parameters
    ----------
    names : str or sequence of str
        One or several names.
    since : str or date, optional
        First day, such as ``"2010"`` or ``"2010-01-04"``. By default that of the copy, or all that
        the source has where there is no copy.
    raw : bool, default False
        Whether prices are not to be adjusted for dividends.
    max_age : str or float, optional
        Age up to which a copy is used without a request, such as ``"2d"``, or seconds: 12 hours by
        default, and the length of a bar where bars are shorter.
    refresh : bool, default False
        Whether everything is fetched again, whatever the copy is.
    offline : bool, default False
        Whether no request is sent: the copy is used, of any age.
    progress : callable, optional
        Called with a ``FetchStatus`` as bars come.

    Returns
    -------
    Prices or dict of str to Prices
        Prices for a text with one symbol; else a dict by symbol, as ``optimize_many`` takes it. A
        symbol of several intervals or sources is called by its whole name.

    Raises
    ------
    PricesError
        If there are neither prices from the source nor a copy. Where only the source fails, a
        warning says so and the copy is used.
    OptionError
        If another argument is invalid.
    WriteError
        If the copy cannot be written.

    Examples
    --------
    >>> import qmac
    >>> qmac.fetch("SPY")
    Traceback (most recent call last):
    ...
    qmac.errors.SourceError: 'SPY' names no prices at a source. Use a name such as yahoo:SPY or \
binance:BTC/USDT:1h.
    """
    options = FetchOptions(since, raw, max_age, refresh, offline)
    check_callable("progress", progress)
    labels = label_names(_parse_all(names))
    fetched = update_copies(labels.values(), options, progress)
    if fetched.failed:
        raise _build_error(fetched.failed)
    prices = {
        label: _cut(fetched.copies[name], options.since, label) for label, name in labels.items()
    }
    warn_of_prices(prices.values(), stacklevel=2)
    if isinstance(names, str) and len(prices) == 1:
        return next(iter(prices.values()))
    return prices


def _parse_all(names: Any) -> list[SourceName]:
    """Return the names in a text or a sequence of texts."""
    if isinstance(names, str):
        return parse_names(names)
    try:
        each_name = iter(() if isinstance(names, bytes | Mapping) else names)
    except TypeError:
        each_name = iter(())
    parsed = []
    for each in each_name:  # which may never end
        if not isinstance(each, str):
            raise SourceError(f"names must be texts such as 'yahoo:SPY', got {describe(each)}.")
        parsed += parse_names(each)
    if not parsed:
        raise SourceError(f"names must be a text such as 'yahoo:SPY', got {describe(names)}.")
    return parsed


def _parse_since(since: Any) -> pd.Timestamp | None:
    """Return the first day without a zone; a year is its first day."""
    if since is None:
        return None
    is_text = isinstance(since, str) and SINCE.fullmatch(since.strip()) is not None
    moment = None
    if is_text or isinstance(since, date):
        try:
            moment = pd.Timestamp(since.strip() if isinstance(since, str) else since)
        except ValueError:
            moment = None
    if moment is None or pd.isna(moment):
        raise OptionError(
            f"since must be a day such as 2010-01-04, or a year, got {describe(since)}."
        )
    day = moment.tz_localize(None).normalize()
    if day > base.utc_now():
        raise OptionError(f"since must not be in the future, got {describe(str(since))}.")
    return day


def _build_error(failed: Mapping[SourceName, SourceError]) -> SourceError:
    """Return one error for all series without prices."""
    errors = list(failed.values())
    if len(errors) == 1:
        return errors[0]
    names = ", ".join(str(name) for name in list(failed)[:LISTED])
    more = f" and {len(failed) - LISTED} more" if len(failed) > LISTED else ""
    return SourceError(
        f"there are no prices of {names}{more}; the others are stored. The first: {errors[0]}"
    )


def _cut(copy: Copy, since: pd.Timestamp | None, label: str) -> Prices:
    """Return the prices of a copy from a day on."""
    frame = copy.frame
    if since is not None:
        index = pd.DatetimeIndex(frame.index)
        frame = frame[index >= (since if index.tz is None else since.tz_localize(index.tz))]
    if len(frame) == 0:
        raise SourceError(
            f"{label} has no bars since {since:%Y-%m-%d}: the last is of {copy.facts.last}. "
            "Use an earlier day."
        )
    facts = copy.facts
    origin = Origin(layout=f"a copy of {facts.source}", adjusted=facts.adjusted)
    return replace(Prices.of(frame, label), origin=origin)


def update_copies(
    names: Iterable[SourceName], options: FetchOptions, progress: FetchListener | None = None
) -> Fetched:
    """Bring the copies of several series up to date, where they are too old.

    Parameters
    ----------
    names : iterable of SourceName
        Series; requests to each source form one queue.
    options : FetchOptions
        From when, how old, whether at all.
    progress : callable, optional
        Called as bars come.

    Returns
    -------
    Fetched
        A copy of each series, or why there is none.

    Raises
    ------
    WriteError
        If a copy cannot be written.
    """
    names = list(names)
    fetcher = _Fetcher(options)
    fetched = Fetched({}, {})
    for place, name in enumerate(names):

        def report(bars: int, name: SourceName = name, place: int = place) -> None:
            if progress is not None:
                progress(FetchStatus(str(name), place, len(names), bars))

        report(0)
        try:
            fetched.copies[name] = fetcher.update(name, report)
        except SourceError as error:
            fetched.failed[name] = error
    return fetched


class _Fetcher:
    """Fetches series after series; each source is opened once and has one queue."""

    def __init__(self, options: FetchOptions) -> None:
        self._options = options
        self._sources: dict[str, tuple[Source, RequestQueue]] = {}

    def update(self, name: SourceName, report: Callable[[int], None]) -> Copy:
        """Return the copy of a series, as new as the options want it."""
        options = self._options
        copy = read_copy(name, is_raw=options.raw)
        if options.offline:
            return _check_offline(name, copy, options)
        if copy is not None and self._is_enough(copy):
            return copy
        with hold_copy(name, is_raw=options.raw):
            copy = read_copy(name, is_raw=options.raw)  # another process may have written it
            if copy is not None and self._is_enough(copy):
                return copy
            try:
                return self._fetch(name, copy, report)
            except SourceError as error:
                if copy is None:
                    raise
                _warn_of_copy(name, copy, error)
                return copy

    def _is_enough(self, copy: Copy) -> bool:
        """Return whether a copy is used as it is."""
        options = self._options
        if options.refresh or not copy.facts.complete or not _covers(copy, options.since):
            return False
        age = copy.compute_age(base.utc_now())
        return 0 <= age < options.find_most_age(copy.facts.interval)

    def _fetch(self, name: SourceName, copy: Copy | None, report: Callable[[int], None]) -> Copy:
        """Return a new copy: all bars again, or those of the old one and what came since."""
        source, queue = self._open(name.source)
        since = self._options.since
        if copy is not None and _covers(copy, since):
            since = copy.since
        request = BarsRequest(name, since, self._options.raw)
        can_append = copy is not None and source.appends and not self._options.refresh
        if copy is not None and can_append and _covers(copy, since):
            newer = replace(request, since=_find_last(copy.frame))
            bars, trouble = _collect(source, newer, queue, report)
            joined = _join(copy, bars, name)
            if joined is not None:
                return _store(request, joined, source, trouble)
        bars, trouble = _collect(source, request, queue, report)
        if copy is not None:
            _check_length(copy, bars, request, trouble, is_refresh=self._options.refresh)
        return _store(request, bars, source, trouble)

    def _open(self, name: str) -> tuple[Source, RequestQueue]:
        if name not in self._sources:
            source = find_source(name)
            self._sources[name] = source, RequestQueue(source.pause_seconds)
        return self._sources[name]


def _covers(copy: Copy, since: pd.Timestamp | None) -> bool:
    """Return whether a copy begins early enough."""
    return since is None or copy.since is None or copy.since <= since


def _check_offline(name: SourceName, copy: Copy | None, options: FetchOptions) -> Copy:
    if copy is None:
        raw = " --raw" if options.raw else ""
        raise SourceError(
            f"{name} has no copy on this machine. Fetch it once with a network: qmac fetch "
            f"{name}{raw}"
        )
    if not _covers(copy, options.since):
        warn(f"the copy of {name} begins on {copy.facts.first}.", stacklevel=3)
    return copy


def _warn_of_copy(name: SourceName, copy: Copy, error: SourceError) -> None:
    reason = str(error).removesuffix(".")
    facts = copy.facts
    warn(
        f"{reason}. The copy of {name} from {facts.fetched[:16]} UTC is used: {facts.bars:,} bars, "
        f"{facts.first} to {facts.last}.",
        stacklevel=3,
    )


def _collect(
    source: Source, request: BarsRequest, queue: RequestQueue, report: Callable[[int], None]
) -> tuple[Bars, BaseException | None]:
    """Return the bars of a request, and what stopped the source on the way, as Ctrl-C may."""
    pieces: list[Bars] = []
    trouble: BaseException | None = None
    count = 0
    try:
        for piece in _take_valid(source, request, queue):
            pieces.append(piece)
            count += len(piece.frame)
            report(count)
    except BaseException as error:
        if not pieces or not source.appends:
            raise
        trouble = error
    if not pieces:
        since = "" if request.since is None else f" since {request.since:%Y-%m-%d}"
        raise SourceError(
            f"{request.name.source} answered without bars of {request.symbol}{since}."
        )
    frame = pd.concat([piece.frame for piece in pieces])
    frame = frame[[column for column in base.COLUMNS if column in frame]]
    frame = frame[~frame.index.duplicated(keep="last")].sort_index()
    _check(frame, request, source)
    if trouble is None and source.appends:
        trouble = _find_early_end(frame, request)
    return replace(pieces[-1], frame=frame), trouble


def _check_length(
    copy: Copy,
    bars: Bars,
    request: BarsRequest,
    trouble: BaseException | None,
    *,
    is_refresh: bool,
) -> None:
    """Refuse bars in place of a copy that has more of them: an answer may be cut."""
    name, old, new = request.name, copy.frame.index, bars.frame.index
    if trouble is not None and new[-1] < old[-1]:
        raise trouble
    is_window = request.is_intraday and bars.adjustment != base.AS_TRADED  # Yahoo's last weeks
    if is_refresh or is_window or (new[0] <= old[0] and new[-1] >= old[-1]):
        return
    raise SourceError(
        f"{name.source} answered with bars of {name.symbol} from {new[0]:%Y-%m-%d} to "
        f"{new[-1]:%Y-%m-%d}, and the copy has more. If that is right, add --refresh"
    )


def _find_early_end(frame: pd.DataFrame, request: BarsRequest) -> SourceError | None:
    """Return that a source stopped before the present, as one in trouble may do silently."""
    last = _find_last(frame)
    most = max(LATE_BARS * interval_seconds(request.interval), LATE_SECONDS)
    if (base.utc_now() - last).total_seconds() <= most:
        return None
    return SourceError(f"{request.name.source} gave no bars of {request.symbol} after {last}")


def _take_valid(source: Source, request: BarsRequest, queue: RequestQueue) -> Iterator[Bars]:
    """Yield what a source gives, which may be of another package, and end in any error."""
    name = request.name.source
    try:
        for piece in source.fetch(request, queue.call):
            is_frame = isinstance(getattr(piece, "frame", None), pd.DataFrame)
            if not is_frame or not isinstance(piece.frame.index, pd.DatetimeIndex):
                raise SourceError(f"{name} gave no bars, but {describe(piece)}.")
            if len(piece.frame):
                yield piece
    except QmacError:
        raise
    except Exception as error:
        raise SourceError(f"{name} failed: {type(error).__name__}: {error}") from error


def _check(frame: pd.DataFrame, request: BarsRequest, source: Source) -> None:
    """Check that bars are prices, and no nearer to each other than their length."""
    try:
        Prices.of(frame, str(request.name))
    except SourceError:
        raise
    except PricesError as error:
        raise SourceError(str(error)) from None
    index = pd.DatetimeIndex(frame.index)
    if request.is_intraday and index.tz is None:
        raise SourceError(f"{request.name}: the source gave bars of a day without a time zone.")
    if source.appends and len(index) > 1 and not request.interval.endswith("mo"):
        steps = np.diff(index.as_unit("ms").asi8) / 1000
        place = int(np.argmin(steps))
        if steps[place] < interval_seconds(request.interval):
            raise SourceError(
                f"{request.name}: the source gave bars at {index[place]} and {index[place + 1]}, "
                f"which are no bars of {request.interval}."
            )


def _find_last(frame: pd.DataFrame) -> pd.Timestamp:
    """Return the moment of the last bar, without a zone."""
    last = pd.DatetimeIndex(frame.index)[-1]
    return last if last.tz is None else last.tz_convert("UTC").tz_localize(None)


def _join(copy: Copy, bars: Bars, name: SourceName) -> Bars | None:
    """Return the bars of a copy and newer ones; None if the copy's are no longer the source's.

    The newer ones begin with the last of the copy, which shows that nothing is missing between.
    """
    old, new = copy.frame, bars.frame
    last = old.index[-1]
    if new.index[0] > last:
        raise SourceError(
            f"{name.source} has bars of {name.symbol} from {new.index[0]} on, and the copy ends "
            f"at {last}: some would be missing. Add --refresh to begin again without the older ones"
        )
    if last not in new.index or not old.loc[last].equals(new.loc[last]):
        return None
    return replace(bars, frame=pd.concat([old.iloc[:-1], new]))


def _store(request: BarsRequest, bars: Bars, source: Source, trouble: BaseException | None) -> Copy:
    """Write a copy, and say if it is not complete; what interrupted it goes on."""
    copy = write_copy(request, bars, source.library, base.utc_now(), is_complete=trouble is None)
    if trouble is not None and not isinstance(trouble, SourceError):
        raise trouble
    if trouble is not None:
        reason = str(trouble).removesuffix(".")
        warn(
            f"{reason}. {request.name} is stored up to {copy.facts.last}. Fetch it again for the "
            "rest.",
            stacklevel=3,
        )
    return copy
