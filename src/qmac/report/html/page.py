"""A report as one HTML file: text first, figures beside it, nothing fetched from the network."""

from __future__ import annotations

import base64
import functools
import gzip
import json
import math
from collections.abc import Callable, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from qmac._version import __version__
from qmac.errors import OptionError, WriteError, printable_lines, shell_quote
from qmac.report.html import figures, style
from qmac.report.sections.equity import Equity
from qmac.report.sections.report import Report, build_report
from qmac.report.sections.walk_forward import METRICS as ACCOUNT_METRICS
from qmac.report.sections.walk_forward import ForwardSummary
from qmac.results.pages import check_page
from qmac.results.result import Result
from qmac.robustness.forward.answer import Forward
from qmac.robustness.luck.answer import Luck
from qmac.robustness.tries.answer import Tries
from qmac.storage.atomic import write_whole
from qmac.strategy.formatting import format_value, to_words
from qmac.strategy.grid import Combination
from qmac.strategy.metrics import LOGARITHMS, PROFITS

if TYPE_CHECKING:
    from jinja2 import Environment

ASSETS = "assets"
COLUMNS = (
    "annualized_return",
    "max_drawdown",
    "sharpe_ratio",
    "calmar_ratio",
    "total_trades",
    "win_rate",
    "exposure",
    "profit_factor",
)
"""Metrics in the table of best rows, beside the objective."""
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
STRONGEST_RETURN = 0.15
"""Return of a month that has the full colour."""
STRONGEST_ALPHA = 0.75
COMPRESSION_LEVEL = 6
"""Level 9 took twice the time for 0.8 % less."""


def write_page(path: Path, render: Callable[[], str]) -> Path:
    """Write a page, after checking that it can be drawn and written.

    Parameters
    ----------
    path : pathlib.Path
        File to write.
    render : callable
        Returns the page.

    Returns
    -------
    pathlib.Path
        The file, with ``~`` expanded.

    Raises
    ------
    WriteError
        If the file cannot be written.
    """
    style.graph_objects()
    try:
        path = check_page(path)
        write_whole(path, [render().encode("utf-8", "replace")])
    except OSError as error:
        raise WriteError(
            f"{path} cannot be written: {error.strerror or error}. Name another file."
        ) from None
    return path


def render_result(
    result: Result,
    luck: Luck | None = None,
    tries: Tries | None = None,
    forward: Forward | None = None,
) -> str:
    """Return the page of a result.

    Parameters
    ----------
    result : Result
        A result with its prices.
    luck : Luck, optional
        What random markets say about its winner.
    tries : Tries, optional
        How many tries its search is worth.
    forward : Forward, optional
        The walk-forward of the same request and prices.

    Returns
    -------
    str
        HTML.

    Raises
    ------
    ResultError
        If the result has no prices.
    OptionError
        If an answer is not about this result.
    """
    return render_report(build_report(result, luck, tries=tries, forward=forward))


def render_report(report: Report) -> str:
    """Return the page of a report.

    Parameters
    ----------
    report : Report
        All its numbers.

    Returns
    -------
    str
        HTML.
    """
    settings, equity = report.settings, report.equity
    plots = draw_figures(report)
    return render(
        "page.html",
        plots,
        log={name for name in ("equity", "price") if _is_log(plots.get(name))},
        report=report,
        settings=settings,
        calendar=_build_calendar(equity) if equity else (),
        trades=_build_trades(equity) if equity else (),
        stats=("mean", "max" if settings.maximize else "min", "count"),
        columns=[name for name in COLUMNS if name != settings.objective],
        thinned=_describe_thinning(equity) if equity else "",
    )


def draw_figures(report: Report) -> dict[str, Any]:
    """Return the figures of a report.

    Parameters
    ----------
    report : Report
        All its numbers.

    Returns
    -------
    dict of str to plotly.graph_objects.Figure
        By the identifier of their place in the page; empty where nothing was scored.
    """
    equity, distribution, heatmaps = report.equity, report.distribution, report.heatmaps
    if equity is None or distribution is None or heatmaps is None:
        return {}
    objective = report.settings.objective
    best = "highest" if report.settings.maximize else "lowest"
    spans = [figures.find_span(*group) for group in zip(*heatmaps.maps, strict=True)]
    maps = {
        f"map-{number}": figures.plot_heatmaps(*group, spans=spans)
        for number, group in enumerate(heatmaps.maps)
    }
    return {
        "equity": figures.plot_equity(equity),
        "price": figures.plot_price(equity),
        "trade-returns": figures.plot_trades(equity),
        **({"random-markets": figures.plot_luck(report.luck)} if report.luck else {}),
        **draw_forward(report.forward),
        **maps,
        "profiles": figures.plot_profiles(heatmaps.profiles, objective, best),
        "curve": figures.plot_curve(distribution),
        "histogram": figures.plot_histogram(distribution),
        "surroundings": figures.plot_neighbourhoods(report.strategies, objective),
    }


def draw_forward(forward: ForwardSummary | None) -> dict[str, Any]:
    """Return the figures of a walk-forward.

    Parameters
    ----------
    forward : ForwardSummary or None
        None where there is none.

    Returns
    -------
    dict of str to plotly.graph_objects.Figure
        By the identifier of their place in the page.
    """
    if forward is None:
        return {}
    return {
        "walk-forward": figures.plot_forward(forward),
        "ranks": figures.plot_ranks(forward),
        "winners-windows": figures.plot_winners(forward),
    }


def render(template: str, plots: Mapping[str, Any], **values: Any) -> str:
    """Return a page from its template.

    Parameters
    ----------
    template : str
        Name of a file in ``assets``.
    plots : mapping of str to plotly.graph_objects.Figure
        Figures by the identifier of their place.
    **values : object
        What the template shows. All of it is escaped; only our own style and script are not.

    Returns
    -------
    str
        HTML with everything that it needs.

    Raises
    ------
    OptionError
        If Jinja is not installed.
    """
    environment = _build_environment()
    return environment.get_template(template).render(
        library=_pack_plotly(),
        has_figures=bool(plots),
        figures=pack(_to_json(plots).encode()),
        version=__version__,
        number=format_value,
        logarithms=LOGARITHMS,
        profits=PROFITS,
        months=MONTHS,
        account_metrics=ACCOUNT_METRICS,
        **values,
    )


def _build_environment() -> Environment:
    """Return Jinja's environment with our filters, style and script."""
    try:
        from jinja2 import Environment, PackageLoader
        from markupsafe import Markup
    except ImportError:
        raise OptionError("pages need Jinja, which is not installed: pip install jinja2") from None
    environment = Environment(
        loader=PackageLoader("qmac.report.html", ASSETS),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_to_printable,
    )
    environment.filters["minute"] = _drop_seconds
    environment.filters["words"] = to_words
    environment.filters["heat"] = _to_heat
    environment.filters["percent"] = _to_percent
    environment.filters["quoted"] = shell_quote
    environment.filters["sets"] = _list_combinations
    environment.tests["finite"] = math.isfinite
    environment.globals["css"] = Markup(_read_asset("page.css"))  # noqa: S704, no text of a user's
    environment.globals["script"] = Markup(_read_asset("page.js"))  # noqa: S704, nor here
    return environment


def _to_printable(value: Any) -> Any:
    """Return what a template shows; text of ours that is HTML already is no plain ``str``."""
    return printable_lines(value) if type(value) is str else value


def _read_asset(name: str) -> str:
    return (resources.files("qmac.report.html") / ASSETS / name).read_text(encoding="utf-8")


@functools.cache
def _pack_plotly() -> str:
    """Return Plotly's script, packed: 2 MB instead of 4.8."""
    from plotly.offline import get_plotlyjs

    return pack(get_plotlyjs().encode())


def pack(data: bytes) -> str:
    """Return data compressed, as text that needs no escaping.

    Parameters
    ----------
    data : bytes
        Anything.

    Returns
    -------
    str
        Base64 of gzip.
    """
    return base64.b64encode(gzip.compress(data, COMPRESSION_LEVEL, mtime=0)).decode()


def _to_json(plots: Mapping[str, Any]) -> str:
    """Return figures without their templates: the page has its own, light and dark."""
    parts = []
    for name, figure in plots.items():
        figure.layout.template = None
        parts.append(f"{json.dumps(name)}:{figure.to_json()}")
    return f"{{{','.join(parts)}}}"


def _list_combinations(combinations: Sequence[Combination]) -> str:
    return ", ".join(" ".join(map(str, combination)) for combination in combinations)


def _to_percent(value: float) -> str:
    """Return nothing where there was no bar, and no minus before what rounds to 0."""
    return "" if math.isnan(value) else f"{round(value, 3) + 0.0:.1%}"


def _to_heat(value: float) -> str:
    """Return the colour of a month: its hue for the sign, its strength for the size."""
    if not math.isfinite(value) or value == 0:
        return ""
    strength = STRONGEST_ALPHA * min(abs(value) / STRONGEST_RETURN, 1.0)
    color = "gain" if value > 0 else "loss"
    return f"--heat: rgba(var(--{color}), {strength:.2f})"


def _build_calendar(equity: Equity) -> list[tuple[int, list[float], float]]:
    """Return year, returns of its months, and its own return."""
    years, months = equity.years.tolist(), equity.months.tolist()
    return list(zip(years, months, equity.year_returns.tolist(), strict=True))


def _build_trades(equity: Equity) -> list[dict[str, Any]]:
    """Return the rows of the table of trades."""
    first = equity.total_trades - equity.returns.size + 1
    entry_dates = _format_dates(equity.entry_dates)
    exit_dates = _format_dates(equity.exit_dates)
    return [
        {
            "number": first + row,
            "entry_date": entry_dates[row],
            "exit_date": "open" if reason == "open" else exit_dates[row],
            "entry_price": float(equity.entry_prices[row]),
            "exit_price": float(equity.exit_prices[row]),
            "return": float(equity.returns[row]),
            "bars": int(equity.held[row]),
            "reason": reason,
        }
        for row, reason in enumerate(equity.exits)
    ]


def _drop_seconds(moment: str) -> str:
    """Return a moment to the minute, without its offset to UTC: dates are those of the exchange."""
    return moment[:16]


def _is_log(figure: Any) -> bool:
    return figure is not None and figure.layout.yaxis.type == "log"


def _format_dates(dates: np.ndarray) -> list[str]:
    """Return dates to the minute, and without a time at midnight."""
    texts = np.datetime_as_string(dates).tolist()
    return [text[:16].replace("T", " ").removesuffix(" 00:00") for text in texts]


def _describe_thinning(equity: Equity) -> str:
    if equity.dates.size == equity.bars:
        return ""
    return (
        f"{equity.dates.size:,} of {equity.bars:,} bars are drawn, the deepest drawdowns and the "
        "last entries among them."
    )
