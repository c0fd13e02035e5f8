"""Figures of a report as PNG files, drawn by matplotlib: for slides and mails, without a browser.

Nothing else imports matplotlib, and this module does only when something is drawn.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from qmac.engine.backtest.backtest import backtest
from qmac.errors import OptionError, ResultError, WriteError, printable
from qmac.report.html.figures import DOUBLING, compounds, doubles, find_span, name_windows
from qmac.report.html.style import (
    GREEN,
    GREY,
    HOLD,
    RED,
    SKY,
    WINDOWS,
    WINNER,
    compute_range,
)
from qmac.report.sections.distribution import DistributionSummary, summarize_distribution
from qmac.report.sections.equity import Equity, build_equity
from qmac.report.sections.heatmaps import Heatmap, build_heatmaps
from qmac.results.result import Result
from qmac.storage.atomic import write_whole
from qmac.storage.files import make_directory, resolve_typed
from qmac.strategy.formatting import is_percent, to_words

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DOTS_PER_INCH = 150
WIDTH_INCHES = 10.0
NAMES = ("equity.png", "price.png", "outcomes.png", "maps.png")
"""Files that are written, in the order of the page."""
LONGEST_NAME = 60
"""Characters of a name of prices in a title."""


def write_images(result: Result, directory: Path) -> tuple[Path, ...]:
    """Write the figures of a result as PNG files, each whole or not at all.

    Parameters
    ----------
    result : Result
        A result with its prices.
    directory : pathlib.Path
        Where to write; created where its parent exists. Pictures of the same names are replaced.

    Returns
    -------
    tuple of pathlib.Path
        The files: equity, price, outcomes, maps.

    Raises
    ------
    OptionError
        If matplotlib is not installed.
    ResultError
        If no combination was scored, or the result has no prices.
    WriteError
        If a file cannot be written.
    """
    _check_matplotlib()
    pictures = draw_images(result)
    try:
        directory = resolve_typed(directory)
        _check_place(directory)
        make_directory(directory)
        for name, content in pictures.items():
            write_whole(directory / name, [content])
    except OSError as error:
        raise WriteError(
            f"{directory} cannot take the figures: {error.strerror or error}. "
            "Name another directory."
        ) from None
    return tuple(directory / name for name in pictures)


def _check_place(directory: Path) -> None:
    """Raise WriteError where there can be no directory of figures."""
    if directory.exists() and not directory.is_dir():
        raise WriteError(f"{directory} is a file. Name a directory, such as figures.")
    if not directory.parent.is_dir():
        raise WriteError(
            f"{directory} cannot be written: there is no directory {directory.parent}. "
            "Create it, or name another."
        )


def draw_images(result: Result) -> dict[str, bytes]:
    """Return the figures of a result as the contents of PNG files.

    Parameters
    ----------
    result : Result
        A result with its prices.

    Returns
    -------
    dict of str to bytes
        By the name of the file.

    Raises
    ------
    ResultError
        If no combination was scored, or the result has no prices.
    """
    distribution, heatmaps = summarize_distribution(result), build_heatmaps(result)
    if result.best is None or distribution is None or heatmaps is None:
        raise ResultError(
            f"figures need a winner, and none of {result.evaluated:,} combinations was scored. "
            "Loosen the constraints, such as --min-trades."
        )
    series = result.series
    run = backtest(series.prices, result.best, result.replay_rules, series.averages)
    equity, means = build_equity(run), [group[0] for group in heatmaps.maps]
    shown = " ".join(map(str, result.best))
    title = f"{printable(result.prices['name'])[:LONGEST_NAME]}, winner {shown}"
    drawn: tuple[Callable[[], Figure], ...] = (
        lambda: draw_equity(equity, title),
        lambda: draw_price(equity, title),
        lambda: draw_outcomes(distribution, title),
        lambda: draw_maps(means, title),
    )
    with _default_style():
        return {name: _encode(draw()) for name, draw in zip(NAMES, drawn, strict=True)}


def draw_equity(equity: Equity, title: str) -> Figure:
    """Return equity curve and drawdown beside buy & hold.

    Parameters
    ----------
    equity : Equity
        One combination.
    title : str
        Prices and windows.

    Returns
    -------
    matplotlib.figure.Figure
        Two panels over the same dates; the upper axis is logarithmic where equity compounds.
    """
    figure = _build_figure(6.0)
    upper, lower = figure.subplots(2, sharex=True, height_ratios=[7, 3])
    upper.plot(equity.dates, equity.equity, color=WINNER, linewidth=1.3, label="strategy")
    upper.plot(equity.dates, equity.hold, color=HOLD, linewidth=1.3, label="buy & hold")
    if compounds(equity):
        _set_log_axis(upper, np.concatenate((equity.equity, equity.hold)))
    else:
        _set_count_axis(upper.yaxis)
    _label(upper, title, y="equity")
    _put_legend(upper)
    for drawdown, color in ((equity.hold_drawdown, HOLD), (equity.drawdown, WINNER)):
        lower.fill_between(equity.dates, drawdown, 0, color=color, alpha=0.3, linewidth=0)
        lower.plot(equity.dates, drawdown, color=color, linewidth=0.8)
    _set_metric_axis(lower.yaxis, "max_drawdown")
    lower.set_ylim(top=0)
    lower.set_ylabel("drawdown")
    figure.align_ylabels()
    _set_dates(lower)
    return figure


def draw_price(equity: Equity, title: str) -> Figure:
    """Return the closes with their averages and a mark at each entry and exit.

    Parameters
    ----------
    equity : Equity
        One combination.
    title : str
        Prices and windows.

    Returns
    -------
    matplotlib.figure.Figure
        One panel.
    """
    figure = _build_figure(5.6)
    axes = figure.subplots()
    for (name, window), color in zip(name_windows(equity.combination), WINDOWS, strict=False):
        axes.plot(equity.dates, equity.averages[window], color=color, linewidth=1, label=name)
    axes.plot(equity.dates, equity.close, color=GREY, linewidth=0.8, label="close")
    is_closed = np.array([reason != "open" for reason in equity.exits], np.bool_)
    marks = (
        ("entry", "^", WINNER, equity.entry_dates, equity.entry_prices),
        ("exit", "v", HOLD, equity.exit_dates[is_closed], equity.exit_prices[is_closed]),
    )
    for name, marker, color, dates, prices in marks:
        axes.scatter(
            dates,
            prices,
            s=42,
            c=color,
            marker=marker,
            edgecolors="white",
            linewidths=0.6,
            label=name,
            zorder=3,
        )
    if doubles(equity.close):
        _set_log_axis(axes, equity.close)
        axes.yaxis.set_major_formatter("{x:g}")
    _label(axes, title, y="price")
    _put_legend(axes)
    _set_dates(axes)
    return figure


def draw_outcomes(summary: DistributionSummary, title: str) -> Figure:
    """Return the histogram of the objective, with winner, buy & hold and median.

    Parameters
    ----------
    summary : DistributionSummary
        Distribution of the objective.
    title : str
        Prices and windows.

    Returns
    -------
    matplotlib.figure.Figure
        Marks far outside the bulk are named at its edge, with an arrow.
    """
    from matplotlib.ticker import MaxNLocator

    figure = _build_figure(5.0)
    axes = figure.subplots()
    marks = [
        ("median", dict(summary.quantiles)[0.5], GREEN),
        ("buy & hold", summary.hold, HOLD),
        ("winner", summary.winner, RED),
    ]
    marks = [mark for mark in marks if np.isfinite(mark[1])]
    edges = np.asarray(summary.edges, np.float64)
    span = compute_range(float(edges[0]), float(edges[-1]), *(mark[1] for mark in marks))
    if span is None:  # one value only
        span = [float(edges[0]) - 1, float(edges[0]) + 1]
    least = (span[1] - span[0]) / 400
    axes.bar(edges[:-1], summary.counts, np.maximum(np.diff(edges), least), align="edge", color=SKY)
    for name, value, color in marks:
        text = name
        if value > span[1]:
            text = f"{name} \u2192"
        elif value < span[0]:
            text = f"\u2190 {name}"
        place = min(max(value, span[0]), span[1])
        axes.axvline(place, color=color, linewidth=2, label=text)
    axes.set_xlim(*span)
    _set_metric_axis(axes.xaxis, summary.objective)
    _set_count_axis(axes.yaxis)
    axes.yaxis.set_major_locator(MaxNLocator(8, integer=True))
    what = f"{title}: {summary.scored:,} combinations"
    _label(axes, what, x=to_words(summary.objective), y="combinations")
    _put_legend(axes)
    return figure


def draw_maps(heatmaps: Sequence[Heatmap], title: str) -> Figure:
    """Return the maps of all pairs of windows on one scale of colours.

    Parameters
    ----------
    heatmaps : sequence of Heatmap
        Six, of the same statistic.
    title : str
        Prices and windows.

    Returns
    -------
    matplotlib.figure.Figure
        With a ring around the winner in each.
    """
    figure = _build_figure(6.6)
    low, high = find_span(*heatmaps)
    panels = figure.subplots(2, 3).ravel()
    for axes, heatmap in zip(panels, heatmaps, strict=True):
        mesh = axes.pcolormesh(
            _find_edges(heatmap.column_windows),
            _find_edges(heatmap.row_windows),
            np.ma.masked_invalid(heatmap.values),
            cmap="viridis",
            vmin=low,
            vmax=high,
            rasterized=True,
        )
        axes.set_box_aspect(1)
        axes.set_xlabel(to_words(heatmap.columns))
        axes.set_ylabel(to_words(heatmap.rows))
        axes.grid(visible=False)
        if heatmap.winner is not None:
            row, column = heatmap.winner
            for size, color in ((130, "white"), (230, RED)):
                axes.scatter(
                    [column],
                    [row],
                    size,
                    "none",
                    edgecolors=color,
                    linewidths=2,
                    clip_on=False,
                    zorder=3,
                )
    first = heatmaps[0]
    bar = figure.colorbar(mesh, ax=list(panels), aspect=40, pad=0.02, extend="both")
    bar.outline.set_visible(False)
    _set_metric_axis(bar.ax.yaxis, first.objective)
    what = f"{title}: {first.stat} {to_words(first.objective)} over the other two windows"
    figure.suptitle(what, x=0.01, ha="left", fontsize=11)
    return figure


def _check_matplotlib() -> None:
    if find_spec("matplotlib") is None:
        raise OptionError(
            "PNG files need matplotlib, which is not installed. Install it: "
            'pip install "qmac[png]", or write a page: qmac report DIR.'
        )


@contextmanager
def _default_style() -> Iterator[None]:
    """Draw in the style of qmac, whatever the user's own is; of missing glyphs it is silent."""
    import matplotlib as mpl
    from matplotlib import style

    common: Any = {
        "font.size": 9,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": "#e6e6e6",
        "axes.edgecolor": GREY,
        "legend.frameon": False,
        "text.parse_math": False,  # a name of prices may have dollar signs
    }
    with style.context("default"), mpl.rc_context(common), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield


def _build_figure(height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(WIDTH_INCHES, height), dpi=DOTS_PER_INCH, layout="constrained")


def _encode(figure: Figure) -> bytes:
    """Return the content of a PNG file, equal for equal figures."""
    content = io.BytesIO()
    figure.savefig(content, format="png", metadata={"Software": None})
    return content.getvalue()


def _label(axes: Any, title: str, x: str = "", y: str = "") -> None:
    axes.set_title(title, loc="left", fontsize=11, pad=24)
    axes.set_xlabel(x)
    axes.set_ylabel(y)


def _put_legend(axes: Any) -> None:
    """Put the legend in one row between title and panel."""
    axes.legend(
        loc="lower left", bbox_to_anchor=(0, 1), ncols=8, borderaxespad=0.2, columnspacing=1.4,
        handlelength=1.4, borderpad=0.2,
    )  # fmt: skip


def _set_dates(axes: Any) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(minticks=4, maxticks=9)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    axes.margins(x=0.01)


def _set_count_axis(axis: Any) -> None:
    """Write large numbers short: 20k."""
    from matplotlib.ticker import EngFormatter

    axis.set_major_formatter(EngFormatter(sep=""))


def _set_metric_axis(axis: Any, metric: str) -> None:
    if is_percent(metric):
        axis.set_major_formatter(lambda value, _: f"{100 * value:.6g}%")


def _set_log_axis(axes: Any, values: np.ndarray) -> None:
    """Make an axis logarithmic, with some ticks however few decades it has."""
    from matplotlib.ticker import LogLocator, NullFormatter

    axes.set_yscale("log")
    decades = float(np.log10(values.max() / values.min()))
    subs = (1.0, 1.5, 2.0, 3.0, 5.0, 7.0) if decades <= 1 else (1.0, 2.0, 5.0)
    axes.yaxis.set_major_locator(LogLocator(subs=subs if decades <= DOUBLING else (1.0,)))
    axes.yaxis.set_minor_formatter(NullFormatter())
    _set_count_axis(axes.yaxis)


def _find_edges(windows: np.ndarray) -> np.ndarray:
    """Return the borders of the cells of a map, half-way between its windows.

    Parameters
    ----------
    windows : numpy.ndarray
        ``(W,)``, ascending.

    Returns
    -------
    numpy.ndarray
        ``(W + 1,)``.
    """
    if windows.size == 1:
        return np.array([windows[0] - 0.5, windows[0] + 0.5])
    middles = (windows[1:] + windows[:-1]) / 2
    first, last = 2 * windows[0] - middles[0], 2 * windows[-1] - middles[-1]
    return np.concatenate(([first], middles, [last]))
