"""Options that several commands take: rules and limits."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

import qmac

RULES: dict[str, tuple[Any, Any]] = {
    "fees": (Annotated[float, typer.Option(help="Share of a trade's value paid at each end; 0.001 is 0.1 %.")], 0.0),
    "slippage": (Annotated[float, typer.Option(help="Share by which a fill is worse than its price.")], 0.0025),
    "average": (Annotated[str, typer.Option(help="sma | ema | wma | hma | dema | tema | rma.")], "sma"),
    "fill": (Annotated[str, typer.Option(help="close (of the signal's bar) | next_open.")], "close"),
    "conflict": (Annotated[str, typer.Option(help="Entry and exit on one bar: ignore | opposite.")], "ignore"),
    "start": (
        Annotated[str | None, typer.Option(help="First date whose signals count; earlier bars only warm up.")],
        None,
    ),
    "end": (Annotated[str | None, typer.Option(help="Last date; later bars are not looked at.")], None),
    "stop_loss": (Annotated[float | None, typer.Option(help="Fall that closes a position; 0.05 is 5 %.")], None),
    "take_profit": (Annotated[float | None, typer.Option(help="Rise that closes a position.")], None),
    "trailing_stop": (
        Annotated[float | None, typer.Option(help="Fall from the highest high that closes a position.")],
        None,
    ),
    "max_bars": (Annotated[int | None, typer.Option(help="Bars after which a position is closed.")], None),
    "init_cash": (Annotated[float, typer.Option(help="Cash at the start.")], 100.0),
    "periods_per_year": (
        Annotated[float | None, typer.Option(help="Bars in a year; inferred from the dates by default.")],
        None,
    ),
    "fixed_fees": (Annotated[float, typer.Option(help="Refused, with the reason.", hidden=True)], 0.0),
}
"""Options that make up the ``Rules``, each with its default."""
LIMITS: dict[str, tuple[Any, Any]] = {
    "threads": (
        Annotated[int | None, typer.Option(help="Threads; all CPUs by default. The answer is the same.")],
        None,
    ),
    "memory": (Annotated[str | None, typer.Option(help="Most memory to use, 4GiB or 80%.")], None),
    "cpu_share": (Annotated[float | None, typer.Option(help="Share of the CPUs to use, 0.5 for half.")], None),
    "disk_free": (Annotated[str, typer.Option(help="Space to leave free where --out is.")], "256MiB"),
    "polite": (Annotated[bool, typer.Option("--polite", help="Make way for other programs.")], False),
    "max_time": (Annotated[str | None, typer.Option(help="Stop with a snapshot after 90s, 30min, 2h.")], None),
    "governor": (Annotated[str, typer.Option(help="act | observe (only write down what it would do).")], "act"),
}
"""Options that make up the ``Limits``."""


def takes(name: str, made_by: str, options: dict[str, tuple[Any, Any]]) -> Callable[..., Any]:
    """Give a command ``options`` in place of its parameter ``name``, which gets ``qmac.<made_by>`` of them."""

    def decorator(command: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(command)
        def wrapper(**given: Any) -> None:
            made = getattr(qmac, made_by)(**{option: given.pop(option) for option in options})
            command(**{name: made}, **given)

        signature = inspect.signature(command, eval_str=True)
        own = [parameter for parameter in signature.parameters.values() if parameter.name != name]
        added = [
            inspect.Parameter(option, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
            for option, (kind, default) in options.items()
        ]
        wrapper.__signature__ = signature.replace(parameters=[*own, *added])  # type: ignore[attr-defined]
        wrapper.__annotations__ = {parameter.name: parameter.annotation for parameter in (*own, *added)}
        return wrapper

    return decorator


takes_rules = takes("rules", "Rules", RULES)
takes_limits = takes("limits", "Limits", LIMITS)
