"""The command that says what a combination does today, and what would change it tomorrow."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

import qmac
from qmac.cli import exits, streams
from qmac.cli.commands.combinations import WINDOWS_EACH, parse_windows
from qmac.cli.commands.prices import describe, print_head
from qmac.cli.options import groups
from qmac.cli.options.job import takes_rules
from qmac.cli.options.last_result import use_last_result
from qmac.cli.options.reading import Reading, find_symbols, say_warnings, takes_reading
from qmac.cli.options.tables import RULES, AsJson, OneSymbol, Sample
from qmac.cli.options.typed import find_explicit
from qmac.errors import OptionError, PricesError, QmacError, shell_quote, suggestion
from qmac.runtime.resources.limits import Limits
from qmac.storage.files import is_directory, list_names, look_up, resolve_typed

if TYPE_CHECKING:
    import pandas as pd

OLD_BARS, OLD_DAYS = 5.0, 4.0
"""A last bar is old where the file was written so many usual bars, and so many days, after it."""
DAYS_PER_YEAR = 365.25
OLDEST_STEP = 100
"""Bars from whose steps the usual length of one is taken."""


class Answers(NamedTuple):
    """The signals of some symbols."""

    signals: dict[str, Any]
    prices: Mapping[str, Any]
    """Prices of each, by symbol."""
    left_out: dict[str, str]
    """Why others have none."""
    what: str
    """What the combination is, as text that follows its windows."""
    notes: list[str]
    """Which last bars are old."""


@takes_reading
@takes_rules
def signal(  # noqa: PLR0913 - options of the command line
    *,
    context: typer.Context,
    rules: qmac.Rules,
    reading: Reading,
    arguments: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="DIR | [PRICES] BUY_FAST BUY_SLOW SELL_FAST SELL_SLOW",
            help="A directory that 'qmac optimize --out' wrote, whose best combination counts, by "
            "default the last result; or files of prices, or names such as yahoo:SPY, and four "
            "windows.",
        ),
    ] = None,
    sample: Sample = False,
    combination: Annotated[
        str | None,
        typer.Option(
            metavar="'W W W W'",
            rich_help_panel=groups.PRICES,
            help="Four windows in place of the best combination of DIR.",
        ),
    ] = None,
    prices: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            rich_help_panel=groups.PRICES,
            help="File of the prices of DIR with the bars since; can be repeated.",
        ),
    ] = None,
    symbol: OneSymbol = None,
    exit_code: Annotated[
        bool,
        typer.Option(
            "--exit-code", help="Exit with 10 if all is flat, 11 if long, 12 at a signal today."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Say what a combination does today, and at which prices it buys or sells at the next bar.

    Example: qmac signal

    Example: qmac signal runs/spy --prices spy.csv

    Example: qmac signal --sample 10 50 20 100
    """
    words = arguments or []
    windows = _split_windows(words, sample=sample)
    if windows is None:
        _refuse_rules(context)
        path = Path(words[0]) if words else use_last_result(context)
        answers = _read_run(path, combination, prices, symbol, reading)
    else:
        _refuse_run_options(combination, prices, symbol, windows)
        files = [Path(word) for word in words[: len(words) - WINDOWS_EACH]]
        answers = _read_prices(files, windows, rules, reading, sample=sample)
    if as_json:
        _print_json(answers)
    else:
        _print(answers)
    _exit(answers, exit_code=exit_code)


def _split_windows(arguments: list[str], *, sample: bool) -> tuple[int, ...] | None:
    """Return the windows on the command line; None where it names a run instead."""
    last = arguments[-WINDOWS_EACH:]
    if len(arguments) <= 1 and not sample:
        return None
    if len(last) < WINDOWS_EACH or not all(word.isdecimal() for word in last):
        raise OptionError(
            f"signal takes a directory of a run, or prices and four windows, got "
            f"{' '.join(arguments) or '--sample alone'}. Example: qmac signal spy.csv 10 50 20 100"
        )
    return parse_windows(last)


def _refuse_rules(context: typer.Context) -> None:
    explicit = find_explicit(context, set(RULES))
    if explicit:
        raise OptionError(
            f"--{explicit[0].replace('_', '-')} goes with prices and four windows: a run has rules "
            "already. Leave it out."
        )


def _refuse_run_options(
    combination: str | None,
    prices: list[Path] | None,
    symbol: str | None,
    windows: tuple[int, ...],
) -> None:
    if prices:
        words = " ".join([*map(shell_quote, prices), *map(str, windows)])
        raise OptionError(
            "--prices goes with a run, and four windows follow the prices themselves. Leave the "
            f"option out: qmac signal {words}"
        )
    values = {"combination": combination, "symbol": symbol}
    for name, value in values.items():
        if value:
            raise OptionError(
                f"--{name} goes with the directory of a run, and there are four windows. Leave it "
                "out, or the windows."
            )


def _read_prices(
    files: list[Path],
    windows: tuple[int, ...],
    rules: qmac.Rules,
    reading: Reading,
    *,
    sample: bool,
) -> Answers:
    """Return the signals of one combination on the prices of files."""
    from qmac.data.symbols import check_symbols

    found = check_symbols(find_symbols(files, Limits(), reading, sample=sample))
    say_warnings(found.prices.values(), reading)
    signals: dict[str, Any] = {}
    left_out = {name: str(error) for name, error in found.bad.items()}
    for name, series in found.prices.items():
        try:
            signals[name] = qmac.backtest(series, windows, rules).signal
        except PricesError as error:
            if len(found.prices) == 1 and not left_out:
                raise
            left_out[name] = str(error)
    # With an end, the last bar is older than the file because the user chose it.
    written = files if rules.end is None else []
    return _complete(signals, found.prices, left_out, written, "")


def _read_run(
    path: Path,
    combination: str | None,
    files: list[Path] | None,
    symbol: str | None,
    reading: Reading,
) -> Answers:
    """Return the signals of the winners of a run, or of one combination in their place."""
    from qmac.results.reader import read_results

    directory = resolve_typed(path)
    if not is_directory(directory):
        reason = "is no directory of a run" if look_up(directory) else "does not exist"
        raise OptionError(
            f"{path} {reason}. Name one that 'qmac optimize --out' wrote, or add four windows to "
            "prices: qmac signal spy.csv 10 50 20 100"
        )
    windows = None if combination is None else _parse_combination(combination)
    results = read_results(directory, symbol)
    later = _read_later(files, results, reading)
    signals: dict[str, Any] = {}
    prices: dict[str, Any] = {}
    left_out = dict(results.left_out)
    for name in results:
        try:
            if later is not None and name not in later:
                raise OptionError(f"there are no prices of {name!r}. {suggestion(name, later)}")
            result = results[name]
            signals[name] = result.signal(windows, None if later is None else later[name])
            prices[name] = result.series.prices if later is None else later[name]
        except QmacError as error:
            if len(results) == 1:
                raise
            left_out[name] = f"{name}: {error}"
    what = ", the best combination" if windows is None else ""
    return _complete(signals, prices, left_out, files or [], what)


def _read_later(
    files: list[Path] | None, results: Mapping[str, Any], reading: Reading
) -> dict[str, Any] | None:
    """Return prices by the symbols of a run; those of a file of one stand for those of one."""
    from qmac.data.symbols import check_symbols

    if not files:
        return None
    found = check_symbols(find_symbols(files, Limits(), reading, sample=False))
    say_warnings(found.prices.values(), reading)
    if len(results) == 1 and len(found.prices) == 1:
        return dict(zip(results, found.prices.values(), strict=True))
    return dict(found.prices)


def _parse_combination(text: str) -> tuple[int, ...]:
    words = text.replace(",", " ").split()
    if len(words) != WINDOWS_EACH:
        raise OptionError(
            f"--combination must be four windows, got {text!r}. Example: --combination '10 50 20 "
            "100'"
        )
    return parse_windows(words)


def _complete(
    signals: dict[str, Any],
    prices: Mapping[str, Any],
    left_out: dict[str, str],
    files: list[Path],
    what: str,
) -> Answers:
    """Return the answers, with notes about last bars that are old; without any, raise why."""
    if not signals:
        raise PricesError(next(iter(left_out.values()), "there are no prices."))
    notes = _describe_ages(signals, prices, files)
    return Answers(signals, prices, left_out, what, notes)


def _describe_ages(
    signals: Mapping[str, Any], prices: Mapping[str, Any], files: list[Path]
) -> list[str]:
    """Return which last bars may be open, or are old beside other symbols or the files."""
    from qmac.report.terminal.signal import format_day

    days = {name: _read_day(each.date) for name, each in signals.items()}
    usual = {
        name: max(OLD_DAYS, OLD_BARS * DAYS_PER_YEAR / prices[name].periods_per_year)
        for name in signals
    }
    newest = max(days, key=lambda name: days[name])
    notes = [
        f"the last bar of {name}, of {format_day(signals[name].date)}, may not be over: until its "
        "close is final, all of this can change."
        for name in signals
        if is_open(signals[name].date, prices[name].index)
    ]
    for name, day in days.items():
        age = _count_days(day, days[newest])
        if age > usual[name]:
            notes.append(f"the last bar of {name} is {age:,.0f} days before that of {newest}.")
    written = _find_change(files)
    age = 0.0 if written is None else _count_days(days[newest], written)
    if written is not None and age > usual[newest]:
        notes.append(
            f"the last bar, of {days[newest].date()}, is {age:,.0f} days before the file was "
            f"written, on {written.date()}. Is it up to date?"
        )
    return notes


def is_open(date: pd.Timestamp, index: pd.DatetimeIndex, now: pd.Timestamp | None = None) -> bool:
    """Return whether a bar may still be open: less time has passed than bars usually take.

    Parameters
    ----------
    date : Timestamp
        Of the bar, at which it begins.
    index : DatetimeIndex
        Of all bars.
    now : Timestamp, optional
        In the time zone of the bars, or without one; the present by default.

    Returns
    -------
    bool
        Of prices without a time zone by the clock of this machine.
    """
    import pandas as pd

    steps = index[-OLDEST_STEP:].to_series().diff().dropna()
    if steps.empty:
        return False
    now = pd.Timestamp.now(index.tz) if now is None else now
    return bool(date <= now < date + steps.median())


def _read_day(date: Any) -> dt.datetime:
    moment: dt.datetime = date.to_pydatetime()
    return moment.replace(tzinfo=None)


def _find_change(files: list[Path]) -> dt.datetime | None:
    """Return when files of prices were last written; None where there is none."""
    from qmac.jobs.prices import split_names

    times = []
    for path in map(resolve_typed, split_names(files)[0]):
        is_one = not is_directory(path)
        inner = [path] if is_one else [path / name for name in list_names(path)]
        times += [status.st_mtime for status in map(look_up, inner) if status is not None]
    return dt.datetime.fromtimestamp(max(times), dt.UTC).replace(tzinfo=None) if times else None


def _count_days(begin: dt.datetime, end: dt.datetime) -> float:
    return (end - begin).total_seconds() / 86_400


def _print(answers: Answers) -> None:
    from qmac.report.terminal.signal import show_signal, show_signals

    console = streams.build_console()
    print_head(answers.prices)
    if len(answers.signals) == 1 and not answers.left_out:
        ((each),) = answers.signals.values()
        show_signal(each, console, answers.what)
    else:
        show_signals(list(answers.signals.values()), answers.left_out, console)
    for note in answers.notes:
        streams.print_note(f"note: {note}")


def _print_json(answers: Answers) -> None:
    described = describe(answers.prices)
    plain = {
        name: each.to_dict() | {"prices": described[name]} for name, each in answers.signals.items()
    }
    streams.print_json({"signals": plain, "left_out": answers.left_out, "notes": answers.notes})


def _exit(answers: Answers, *, exit_code: bool) -> None:
    """Exit with what the signals say, if that is wanted, or because symbols were left out."""
    if answers.left_out:
        raise typer.Exit(exits.LEFT_OUT)
    if not exit_code:
        return
    signals = answers.signals.values()
    if any(each.today is not None for each in signals):
        raise typer.Exit(exits.SIGNAL)
    is_long = any(each.position == "long" for each in signals)
    raise typer.Exit(exits.LONG if is_long else exits.FLAT)
