"""The command that fetches prices by name."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from qmac.cli import exits, streams
from qmac.cli.interrupts import Interruption
from qmac.cli.options.tables import AsJson
from qmac.errors import shell_quote


def fetch(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME",
            help="A source, its symbols, and the length of a bar if it is not a day: yahoo:SPY,QQQ "
            "or binance:BTC/USDT:1h.",
        ),
    ],
    since: Annotated[
        str | None,
        typer.Option(
            metavar="DATE",
            help="First day, such as 2010 or 2010-01-04; by default that of the copy, or all that "
            "there is.",
        ),
    ] = None,
    raw: Annotated[
        bool, typer.Option("--raw", help="Prices that are not adjusted for dividends.")
    ] = False,
    max_age: Annotated[
        str | None,
        typer.Option(
            metavar="AGE",
            help="Use a copy up to this age, such as 30min or 2d; by default 12h, or the length of "
            "a shorter bar.",
        ),
    ] = None,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Fetch everything again, whatever the copy is.")
    ] = False,
    offline: Annotated[
        bool, typer.Option("--offline", help="Send no request: use copies, of any age.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Fetch prices from the market by name, and store a copy of them.

    Example: qmac fetch yahoo:SPY,QQQ binance:BTC/USDT:1h --since 2010
    """
    from qmac.data.sources.fetching import FetchOptions, update_copies
    from qmac.data.sources.names import label_names, parse_names

    options = FetchOptions(since, raw, max_age, refresh, offline)
    Interruption.written = "what came before is stored"
    labels = label_names(name for text in names for name in parse_names(text))
    with streams.show_fetch(len(labels)) as listener:
        fetched = update_copies(labels.values(), options, listener)
    if not fetched.copies and len(fetched.failed) == 1:
        raise next(iter(fetched.failed.values()))
    if as_json:
        _print_json(labels, fetched)
    else:
        for name, copy in fetched.copies.items():
            streams.print_line(_describe(str(name), copy))
    for name, error in fetched.failed.items():
        streams.print_note(f"{name}: {error}")
    if fetched.failed:
        raise typer.Exit(exits.LEFT_OUT if fetched.copies else exits.INPUT)


def _describe(name: str, copy: Any) -> str:
    """Return a line about a copy."""
    facts = copy.facts
    kind = "adjusted" if facts.adjusted else "raw"
    first, last = _format_moment(facts.first), _format_moment(facts.last)
    return (
        f"{name}: {facts.bars:,} bars, {first} to {last}, {kind} ({facts.adjustment}), "
        f"{shell_quote(copy.path)}"
    )


def _format_moment(text: str) -> str:
    """Return a moment as people write it."""
    return text.replace("T", " ").replace(":00+00:00", " UTC")


def _print_json(labels: dict[str, Any], fetched: Any) -> None:
    import dataclasses

    prices = [
        {
            "name": str(name),
            "label": label,
            **dataclasses.asdict(fetched.copies[name].facts),
            "path": str(Path(fetched.copies[name].path)),
        }
        for label, name in labels.items()
        if name in fetched.copies
    ]
    failed = {str(name): str(error) for name, error in fetched.failed.items()}
    streams.print_json({"prices": prices, "failed": failed})
