"""A report as one HTML file: text first, figures beside it, nothing fetched from anywhere."""

from __future__ import annotations

import base64
import functools
import gzip
import json
import math
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from qmac._version import __version__
from qmac.errors import OptionError, WriteError
from qmac.report.html import figures, style
from qmac.report.sections.equity import Equity
from qmac.report.sections.report import Report, report_of
from qmac.results.result import Result
from qmac.storage.atomic import write_whole
from qmac.strategy.formatting import format_value
from qmac.strategy.metrics import LOGARITHMS, PROFITS

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
"""Metrics of the table of best rows, beside the objective."""
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
HOTTEST = 0.15
"""Return of a month that has the full colour."""


def write_report(result: Result, path: Path) -> Path:
    """Write the report of a result, all or nothing; errors as in ``Result.report``."""
    return write_page(path, lambda: page(report_of(result)))


def write_page(path: Path, make: Callable[[], str]) -> Path:
    """Write what ``make()`` returns, a page; that it can be drawn and written is looked at first."""
    style.graph_objects()
    path = path.expanduser()
    try:
        if path.is_dir():
            raise WriteError(f"{path} is a directory. Name a file, such as {path / 'report.html'}.")
        if not path.parent.is_dir():
            raise WriteError(
                f"{path} cannot be written: there is no directory {path.parent}. Make it, or name another."
            )
        if path.exists() and path.suffix.lower() not in (".html", ".htm"):
            raise WriteError(
                f"{path} is there already, and is no page. Name another file, such as report.html."
            )
        write_whole(path, [make().encode("utf-8", "replace")])
    except OSError as error:
        raise WriteError(
            f"{path} cannot be written: {error.strerror or error}. Name another file."
        ) from None
    return path


def page(report: Report) -> str:
    """The HTML of a report."""
    course = report.course
    return rendered(
        "page.html",
        drawn(report),
        report=report,
        asked=report.asked,
        calendar=_calendar(course) if course else (),
        trades=_trades(course) if course else (),
        stats=("max" if report.asked.maximize else "min", "mean", "count"),
        columns=[name for name in COLUMNS if name != report.asked.objective],
        thinned=_thinned(course) if course else "",
    )


def drawn(report: Report) -> dict[str, Any]:
    """The figures of a report, by the identifier of their place in the page."""
    if report.course is None or report.outcomes is None or report.landscape is None:
        return {}
    objective = report.asked.objective
    best = "highest" if report.asked.maximize else "lowest"
    return {
        "equity": figures.plot_equity(report.course),
        "price": figures.plot_price(report.course),
        "trade-returns": figures.plot_trades(report.course),
        **{f"map-{k}": figures.plot_map(*maps) for k, maps in enumerate(report.landscape.maps)},
        "profiles": figures.plot_profiles(report.landscape.profiles, objective, best),
        "curve": figures.plot_curve(report.outcomes),
        "histogram": figures.plot_outcomes(report.outcomes),
        "surroundings": figures.plot_surroundings(report.strategies, objective),
    }


def rendered(template: str, plots: dict[str, Any], **values: Any) -> str:
    """A page from its template. Whatever is put in is escaped; only our own style and script are not."""
    try:
        from jinja2 import Environment, PackageLoader
        from markupsafe import Markup
    except ImportError:
        raise OptionError(
            'pages are made with Jinja, which is not installed: pip install "qmac[report]"'
        ) from None
    environment = Environment(
        loader=PackageLoader("qmac.report.html", ASSETS),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"words": _words, "heat": _heat, "percent": _percent, "sets": _sets}
    environment.tests["finite"] = math.isfinite
    return environment.get_template(template).render(
        css=Markup(_asset("page.css")),  # noqa: S704, no text of a user's is in it
        script=Markup(_asset("page.js")),  # noqa: S704
        library=_library(),
        figures=packed(_json(plots).encode()),
        version=__version__,
        number=format_value,
        logarithms=LOGARITHMS,
        profits=PROFITS,
        months=MONTHS,
        **values,
    )


def _asset(name: str) -> str:
    return (resources.files("qmac.report.html") / ASSETS / name).read_text(encoding="utf-8")


@functools.cache
def _library() -> str:
    from plotly.offline import get_plotlyjs

    return packed(get_plotlyjs().encode())


def packed(data: bytes) -> str:
    """Compressed, as text that needs no escaping: Plotly alone is 4.8 MB otherwise, and 2 MB so.

    Level 9 took twice the time of 6 for 0.8 % less.
    """
    return base64.b64encode(gzip.compress(data, 6, mtime=0)).decode()


def _json(plots: dict[str, Any]) -> str:
    """Without the templates, which the page has of its own, light and dark."""
    for figure in plots.values():
        figure.layout.template = None
    return (
        "{"
        + ",".join(f"{json.dumps(name)}:{figure.to_json()}" for name, figure in plots.items())
        + "}"
    )


def _words(name: str) -> str:
    return name.replace("_", " ")


def _sets(combinations: Any) -> str:
    return ", ".join(" ".join(map(str, combination)) for combination in combinations)


def _percent(value: float) -> str:
    """Nothing where there was no bar, no minus before what rounds to 0."""
    return "" if math.isnan(value) else f"{round(value, 3) + 0.0:.1%}"


def _heat(value: float) -> str:
    """The colour of a month: the sign by hue, the size by strength."""
    if not math.isfinite(value) or value == 0:
        return ""
    strength = min(abs(value) / HOTTEST, 1.0) * 0.75
    return f"--heat: rgba(var(--{'gain' if value > 0 else 'loss'}), {strength:.2f})"


def _calendar(course: Equity) -> list[tuple[int, list[float], float]]:
    years = zip(
        course.years.tolist(), course.months.tolist(), course.year_returns.tolist(), strict=True
    )
    return list(years)


def _trades(course: Equity) -> list[dict[str, Any]]:
    """The rows of the table of trades."""
    first = course.total_trades - course.returns.size + 1
    entries, exits = (_days(dates) for dates in (course.entry_dates, course.exit_dates))
    columns = zip(
        entries, exits, course.entry_prices.tolist(), course.exit_prices.tolist(), course.returns.tolist(), course.held.tolist(),
        course.exits, strict=True,
    )  # fmt: skip
    return [
        {"number": number, "entry": entry, "exit": "open" if by == "open" else left, "paid": paid, "brought": brought,
         "earned": earned, "bars": bars, "by": by}
        for number, (entry, left, paid, brought, earned, bars, by) in enumerate(columns, first)
    ]  # fmt: skip


def _days(dates: np.ndarray) -> list[str]:
    return [
        text[:16].replace("T", " ").removesuffix(" 00:00")
        for text in np.datetime_as_string(dates).tolist()
    ]


def _thinned(course: Equity) -> str:
    if course.dates.size == course.bars:
        return ""
    return f"{course.dates.size:,} of {course.bars:,} bars are drawn, the deepest falls and the last entries among them."
