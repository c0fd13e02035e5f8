"""Plotly figures of the sections. Only what drawing needs is computed; the page sets the theme."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from qmac.engine.backtest.backtest import Backtest
from qmac.report.html.dates_axis import build_dates_axis
from qmac.report.html.style import (
    GREEN,
    GREY,
    HOLD,
    RED,
    SKY,
    WINDOWS,
    WINNER,
    build_axis,
    build_figure,
    compute_range,
    graph_objects,
    round_mantissa,
    to_float32,
    value_format,
)
from qmac.report.html.text import escape
from qmac.report.sections.distribution import DistributionSummary
from qmac.report.sections.equity import Equity, build_equity
from qmac.report.sections.heatmaps import Heatmap, Profile, build_heatmap
from qmac.report.sections.luck import LuckSummary, NullSummary, summarize_luck
from qmac.report.sections.strategies import Strategies
from qmac.report.sections.walk_forward import ACCOUNTS, ForwardSummary, summarize_forward
from qmac.results.result import Result
from qmac.robustness.forward.answer import Forward
from qmac.robustness.luck.answer import Luck
from qmac.strategy.formatting import to_words
from qmac.strategy.grid import ROLES

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from qmac.report.sections.symbols import SymbolRow

SCALE = "Viridis"
"""Even in brightness, and so readable for the colour-blind."""
CLIPPED_SHARE = 0.002
"""Share of a heatmap's cells at each end that do not stretch its colours."""
FEW_WINDOWS = 30
"""Profiles of fewer windows have a mark at each."""
LEAST_BAR_WIDTH = 1e-12
MEDIAN = 0.5
"""Share of all window sets that the median one is better than."""
FOLD_AXIS = {"type": "category", "title": {"text": "test from"}, "nticks": 5}
"""Of figures with something for each fold; more dates do not fit side by side on a phone."""
DOUBLING = 2
TITLE_SHARE = 0.16
"""Share of the room of a histogram of random markets that its title takes."""


class _Mark(NamedTuple):
    """A value that is marked in the histogram."""

    name: str
    value: float
    color: str
    height: float
    """Place of the name above the figure, as a multiple of its height."""


def plot_equity(equity: Equity) -> Figure:
    """Return equity curve and drawdown beside buy & hold.

    Parameters
    ----------
    equity : Equity
        One combination.

    Returns
    -------
    plotly.graph_objects.Figure
        The page switches its upper axis between linear and logarithmic.
    """
    go = graph_objects()
    traces = [
        _equity_line(equity.dates, equity.equity, "strategy", WINNER),
        _equity_line(equity.dates, equity.hold, "buy & hold", HOLD),
    ]
    falls = (
        ("buy & hold", equity.hold_drawdown, HOLD),
        ("strategy", equity.drawdown, WINNER),
    )
    for name, drawdown, color in falls:
        trace = go.Scatter(
            x=equity.dates,
            y=to_float32(drawdown),
            name=f"drawdown, {name}",
            yaxis="y2",
            line={"color": color, "width": 1},
            fill="tozeroy",
            showlegend=False,
            hovertemplate="%{y:.1%}",
        )
        traces.append(trace)
    return build_figure(
        *traces,
        height=520,
        xaxis=_build_dates(equity) | {"anchor": "y2"},
        yaxis={
            "domain": [0.34, 1],
            "title": {"text": "equity"},
            "tickformat": "~s",
            "type": "log" if compounds(equity) else "linear",
        },
        yaxis2={"domain": [0, 0.28], "title": {"text": "drawdown"}, "tickformat": ".0%"},
    )


def _build_dates(equity: Equity) -> dict[str, Any]:
    """Return the axis of a combination's dates."""
    return build_dates_axis(equity.dates, equity.entry_dates, equity.exit_dates)


def compounds(equity: Equity) -> bool:
    """Return whether a curve doubles or halves: a linear axis would hide its first years.

    Parameters
    ----------
    equity : Equity
        One combination.

    Returns
    -------
    bool
        Never where an account falls to 0.
    """
    return doubles(np.concatenate((equity.equity, equity.hold)))


def doubles(values: np.ndarray) -> bool:
    """Return whether the highest of some values is twice the lowest, and all are above 0.

    Parameters
    ----------
    values : numpy.ndarray
        Prices, or an account.

    Returns
    -------
    bool
        True where a logarithmic axis shows more.
    """
    return bool(values.min() > 0 and values.max() >= DOUBLING * values.min())


def _equity_line(dates: np.ndarray, values: np.ndarray, name: str, color: str) -> Any:
    return graph_objects().Scatter(
        x=dates,
        y=to_float32(values),
        name=name,
        line={"color": color, "width": 1.6},
        hovertemplate="%{y:,.2f}",
    )


def plot_price(equity: Equity) -> Figure:
    """Return the closes with their averages and a mark at each entry and exit.

    Parameters
    ----------
    equity : Equity
        One combination.

    Returns
    -------
    plotly.graph_objects.Figure
        Lines and marks.
    """
    traces = []
    for (name, window), color in zip(name_windows(equity.combination), WINDOWS, strict=False):
        traces.append(_price_line(equity.dates, equity.averages[window], name, color))
    traces.append(_price_line(equity.dates, equity.close, "close", GREY))  # on top
    is_closed = np.array([reason != "open" for reason in equity.exits], np.bool_)
    exit_dates, exit_prices = equity.exit_dates[is_closed], equity.exit_prices[is_closed]
    entry_mark = {"symbol": "triangle-up", "color": WINNER}
    exit_mark = {"symbol": "triangle-down", "color": HOLD}
    traces += [
        _price_marks("entry", equity.entry_dates, equity.entry_prices, entry_mark),
        _price_marks("exit", exit_dates, exit_prices, exit_mark),
    ]
    return build_figure(
        *traces,
        height=460,
        xaxis=_build_dates(equity),
        yaxis={
            "title": {"text": "price"},
            "tickformat": ".6~g",
            "type": "log" if doubles(equity.close) else "linear",
        },
    )


def name_windows(combination: Sequence[int]) -> list[tuple[str, int]]:
    """Return the name of each average, such as "buy fast 7", and its window.

    Parameters
    ----------
    combination : sequence of int
        Four windows.

    Returns
    -------
    list of (str, int)
        One for each window, however many roles it has.
    """
    roles: dict[int, list[str]] = {}
    for role, window in zip(ROLES, combination, strict=True):
        roles.setdefault(window, []).append(to_words(role))
    return [(f"{', '.join(names)} {window}", window) for window, names in roles.items()]


def _price_line(dates: np.ndarray, values: np.ndarray, name: str, color: str) -> Any:
    line = {"color": color, "width": 1.2}
    return graph_objects().Scatter(x=dates, y=to_float32(values), name=name, line=line)


def _price_marks(name: str, dates: np.ndarray, prices: np.ndarray, marker: dict[str, Any]) -> Any:
    return graph_objects().Scatter(
        x=dates,
        y=prices,
        name=name,
        mode="markers",
        hovertemplate="%{y:.6~g}",
        marker={**marker, "size": 11, "line": {"width": 1, "color": "white"}},
    )


def plot_backtest(equity: Equity) -> Figure:
    """Return price, equity and drawdown above each other, for a notebook.

    Parameters
    ----------
    equity : Equity
        One combination.

    Returns
    -------
    plotly.graph_objects.Figure
        Three panels over the same dates.
    """
    go = graph_objects()
    upper, lower = plot_price(equity), plot_equity(equity)
    traces = [go.Scatter(trace, yaxis="y3") for trace in upper.data]
    layout = lower.layout.to_plotly_json()
    layout["height"] = 800
    layout["title"] = {"text": " ".join(map(str, equity.combination))}
    layout["yaxis"] |= {"domain": [0.24, 0.55]}
    layout["yaxis2"] |= {"domain": [0, 0.2]}
    layout["yaxis3"] = upper.layout.yaxis.to_plotly_json() | {"domain": [0.6, 1]}
    layout["margin"] |= {"t": 90}
    return go.Figure([*traces, *lower.data], layout)


def plot_trades(equity: Equity) -> Figure:
    """Return a histogram of the returns of trades; no bar mixes gains and losses.

    Parameters
    ----------
    equity : Equity
        One combination.

    Returns
    -------
    plotly.graph_objects.Figure
        Losses in another colour than gains.
    """
    edges, counts = equity.return_edges, equity.return_counts
    middles = (edges[1:] + edges[:-1]) / 2
    bars = graph_objects().Bar(
        x=middles,
        y=counts,
        width=np.diff(edges),
        marker={"color": np.where(middles < 0, HOLD, WINNER)},
        customdata=np.column_stack((edges[:-1], edges[1:])),
        hovertemplate="%{customdata[0]:.1%} to %{customdata[1]:.1%}: %{y}<extra></extra>",
    )
    is_low = counts.max(initial=0) < 8  # ticks at whole numbers of trades
    return build_figure(
        bars,
        height=340,
        hovermode="closest",
        xaxis=build_axis("return", title={"text": "return of a trade"}, tickformat=".0%"),
        yaxis={"title": {"text": "trades"}, "dtick": 1 if is_low else None},
    )


def find_span(*heatmaps: Heatmap) -> list[float]:
    """Return the values between which the colours of heatmaps run.

    Parameters
    ----------
    *heatmaps : Heatmap
        Those that share a scale.

    Returns
    -------
    list of float
        Two quantiles, so that a few cells do not take all colours.
    """
    values = np.concatenate([heatmap.values.ravel() for heatmap in heatmaps])
    defined = values[np.isfinite(values)]
    if not defined.size:
        return [0.0, 1.0]
    return np.quantile(defined, (CLIPPED_SHARE, 1 - CLIPPED_SHARE)).tolist()  # type: ignore[no-any-return]


def build_heatmap_trace(heatmap: Heatmap, span: Sequence[float], *, is_visible: bool = True) -> Any:
    """Return the trace of a heatmap.

    Parameters
    ----------
    heatmap : Heatmap
        Values by two windows.
    span : sequence of float
        Values between which its colours run.
    is_visible : bool
        Whether it is drawn before a button chooses it.

    Returns
    -------
    plotly.graph_objects.Heatmap
        With what was aggregated as its ``meta``.
    """
    is_count = heatmap.stat == "count"
    values = heatmap.values if is_count else round_mantissa(heatmap.values)
    low, high = span
    number = ",.0f" if is_count else value_format(heatmap.objective)
    ticks = "~s" if is_count else number.replace(".1%", ".1~%")
    name = "combinations" if is_count else f"{heatmap.stat} {to_words(heatmap.objective)}"
    return graph_objects().Heatmap(
        x=heatmap.column_windows,
        y=heatmap.row_windows,
        z=to_float32(values),
        zmin=low,
        zmax=high,
        visible=is_visible,
        colorscale=SCALE,
        name=heatmap.stat,
        meta=heatmap.text,
        hoverongaps=False,
        colorbar={"tickformat": ticks, "thickness": 12, "outlinewidth": 0},
        hovertemplate=(
            f"{to_words(heatmap.rows)} %{{y:.4~g}}<br>{to_words(heatmap.columns)} %{{x:.4~g}}"
            f"<br>{name} %{{z:{number}}}<extra></extra>"
        ),
    )


def plot_heatmaps(*heatmaps: Heatmap, spans: Sequence[Sequence[float]] | None = None) -> Figure:
    """Return heatmaps of the same two windows in one figure, the first of them visible.

    Parameters
    ----------
    *heatmaps : Heatmap
        One or several.
    spans : sequence, optional
        Values between which the colours of each run, where it shares them with maps of other
        windows; its own by default. The page switches between both.

    Returns
    -------
    plotly.graph_objects.Figure
        With a ring around the winner, and what was aggregated as its title.
    """
    first = heatmaps[0]
    own = [find_span(heatmap) for heatmap in heatmaps]
    common = own if spans is None else list(spans)
    traces = [
        build_heatmap_trace(heatmap, span, is_visible=heatmap is first)
        for heatmap, span in zip(heatmaps, common, strict=True)
    ]
    sides = [np.ptp(windows) or 1 for windows in (first.column_windows, first.row_windows)]
    if first.winner is not None:
        traces += [  # red around white, to be seen on any colour
            _winner_ring(first, 14, "white"),
            _winner_ring(first, 20, RED),
        ]
    return build_figure(
        *traces,
        height=430,
        hovermode="closest",
        title={"text": first.text, "font": {"size": 12}, "x": 0.02},
        meta={"common": common, "own": own},
        xaxis={"title": {"text": to_words(first.columns)}, "constrain": "domain"},
        yaxis={
            "title": {"text": to_words(first.rows)},
            "constrain": "domain",
            "scaleanchor": "x",  # a square on any screen
            "scaleratio": float(sides[0] / sides[1]),
        },
    )


def _winner_ring(heatmap: Heatmap, size: int, color: str) -> Any:
    assert heatmap.winner is not None
    row, column = heatmap.winner
    place = f"{to_words(heatmap.rows)} {row}, {to_words(heatmap.columns)} {column}"
    return graph_objects().Scatter(
        x=[column],
        y=[row],
        mode="markers",
        name="winner",
        showlegend=False,
        hovertemplate=f"winner: {place}<extra></extra>",
        marker={"symbol": "circle-open", "size": size, "color": color, "line": {"width": 3}},
    )


def plot_profiles(profiles: tuple[Profile, ...], objective: str, best: str) -> Figure:
    """Return the objective over each window, aggregated over the other three.

    Parameters
    ----------
    profiles : tuple of Profile
        One for each average.
    objective : str
        Name of the metric.
    best : str
        ``"highest"`` or ``"lowest"``.

    Returns
    -------
    plotly.graph_objects.Figure
        Solid lines for the best, dashed for the mean, a ring at the winner's windows.
    """
    traces = []
    for profile, color in zip(profiles, WINDOWS, strict=True):
        solid, dashed = {"color": color, "dash": "solid"}, {"color": color, "dash": "dash"}
        traces += [
            _profile_line(profile, profile.best, objective, best, solid),
            _profile_line(profile, profile.mean, objective, "mean", dashed),
            _profile_ring(profile, color),
        ]
    return build_figure(
        *traces,
        height=440,
        xaxis={"title": {"text": "window, bars"}},
        yaxis=build_axis(objective),
    )


def _profile_line(
    profile: Profile, values: np.ndarray, objective: str, stat: str, line: dict[str, Any]
) -> Any:
    name = to_words(profile.role)
    return graph_objects().Scatter(
        x=profile.windows,
        y=to_float32(values),
        name=f"{name}, {stat}",
        line={**line, "width": 1.6},
        mode="lines+markers" if profile.windows.size < FEW_WINDOWS else "lines",
        legendgroup=name,
        hovertemplate=f"%{{y:{value_format(objective)}}}",
    )


def _profile_ring(profile: Profile, color: str) -> Any:
    place = int(np.searchsorted(profile.windows, profile.winner))
    return graph_objects().Scatter(
        x=[profile.winner],
        y=[profile.best[place]],
        mode="markers",
        showlegend=False,
        legendgroup=to_words(profile.role),
        marker={"symbol": "circle-open", "size": 13, "color": color, "line": {"width": 3}},
        hoverinfo="skip",
    )


def plot_histogram(summary: DistributionSummary) -> Figure:
    """Return the histogram of the objective, with winner, buy & hold and median.

    Parameters
    ----------
    summary : DistributionSummary
        Distribution of the objective.

    Returns
    -------
    plotly.graph_objects.Figure
        Marks far outside the bulk are arrows at its edge.
    """
    marks = [
        _Mark("winner", summary.winner, RED, 1.0),
        _Mark("buy & hold", summary.hold, HOLD, 1.07),
        _Mark("median", dict(summary.quantiles)[0.5], GREEN, 1.14),
    ]
    marks = [mark for mark in marks if np.isfinite(mark.value)]
    first, last = float(summary.edges[0]), float(summary.edges[-1])
    span = compute_range(first, last, *(mark.value for mark in marks))
    shapes = [_mark_line(mark) for mark in marks if _is_within(mark.value, span)]
    is_large = summary.counts.max() >= 1000
    return build_figure(
        _histogram_bars(summary),
        hovermode="closest",
        xaxis=build_axis(summary.objective, range=span),
        yaxis={"title": {"text": "combinations"}, "tickformat": "~s" if is_large else ",d"},
        shapes=shapes,
        annotations=[_mark_text(mark, span) for mark in marks],
        bargap=0,
        margin={"l": 60, "r": 20, "t": 85, "b": 45},
    )


def _histogram_bars(summary: DistributionSummary) -> Any:
    edges, number = summary.edges, value_format(summary.objective)
    shares = summary.counts / summary.scored
    return graph_objects().Bar(
        x=(edges[1:] + edges[:-1]) / 2,
        y=summary.counts,
        width=np.maximum(np.diff(edges), LEAST_BAR_WIDTH),
        marker={"color": SKY, "line": {"width": 0}},
        customdata=np.column_stack((edges[:-1], edges[1:], shares)),
        hovertemplate=(
            f"%{{customdata[0]:{number}}} to %{{customdata[1]:{number}}}"
            "<br>%{y:,} combinations (%{customdata[2]:.2%})<extra></extra>"
        ),
    )


def _is_within(value: float, span: list[float] | None) -> bool:
    return span is None or span[0] <= value <= span[1]


def _mark_line(mark: _Mark) -> dict[str, Any]:
    line = {"color": mark.color, "width": 2}
    ends = {"x0": mark.value, "x1": mark.value, "y0": 0, "y1": 1}
    return {"type": "line", **ends, "yref": "paper", "line": line}


def _mark_text(mark: _Mark, span: list[float] | None) -> dict[str, Any]:
    """Return the name of a mark above its line, or with an arrow at the edge of the figure."""
    place, text = mark.value, mark.name
    if span is not None and mark.value > span[1]:
        place, text = span[1], f"{mark.name} \u2192"
    elif span is not None and mark.value < span[0]:
        place, text = span[0], f"\u2190 {mark.name}"
    is_left = span is not None and place < (span[0] + span[1]) / 2
    return {
        "x": place,
        "y": mark.height,
        "yref": "paper",
        "yanchor": "bottom",
        "text": text,
        "showarrow": False,
        "xanchor": "left" if is_left else "right",
        "font": {"color": mark.color},
    }


def plot_luck(luck: LuckSummary) -> Figure:
    """Return the histograms of the best values of random markets, one above the other.

    Parameters
    ----------
    luck : LuckSummary
        What random markets say about a winner.

    Returns
    -------
    plotly.graph_objects.Figure
        A panel for each null hypothesis, over the same axis, with winner and buy & hold; bars that
        are at least as good as the winner have another colour.
    """
    marks = [
        _Mark("winner", luck.winner, RED, 1.0),
        _Mark("buy & hold", luck.hold, HOLD, 1.07),
    ]
    marks = [mark for mark in marks if np.isfinite(mark.value)]
    ends = (float(luck.edges[0]), float(luck.edges[-1]), luck.winner)
    span = compute_range(min(ends), max(ends), luck.hold)
    lines = [mark for mark in marks if _is_within(mark.value, span)]
    room = 1 / len(luck.nulls)
    bars, titles, shapes, axes = [], [], [], {}
    for place, null in enumerate(luck.nulls):
        axis = f"y{place + 1}" if place else "y"
        top = 1 - place * room
        bars.append(_luck_bars(luck, null, axis))
        titles.append(_panel_title(null, top))
        shapes += [_mark_line(mark) | {"yref": f"{axis} domain"} for mark in lines]
        is_low = null.counts.max(initial=0) < 8
        axes[axis.replace("y", "yaxis")] = {
            "domain": [max(top - room, 0), top - TITLE_SHARE * room],
            "title": {"text": "random markets"},
            "dtick": 1 if is_low else None,
        }
    return build_figure(
        *bars,
        height=140 + 190 * len(luck.nulls),
        hovermode="closest",
        showlegend=False,
        xaxis=build_axis(luck.objective, range=span, anchor=bars[-1].yaxis),
        shapes=shapes,
        annotations=[*titles, *(_mark_text(mark, span) for mark in marks)],
        bargap=0,
        margin={"l": 60, "r": 20, "t": 65, "b": 45},
        **axes,
    )


def _luck_bars(luck: LuckSummary, null: NullSummary, axis: str) -> Any:
    edges, number = luck.edges, value_format(luck.objective)
    return graph_objects().Bar(
        x=(edges[1:] + edges[:-1]) / 2,
        y=null.counts,
        yaxis=axis,
        name=null.name,
        width=np.maximum(np.diff(edges), LEAST_BAR_WIDTH),
        marker={"color": np.where(luck.is_as_good, RED, SKY), "opacity": 0.75},
        customdata=np.column_stack((edges[:-1], edges[1:])),
        hovertemplate=(
            f"%{{customdata[0]:{number}}} to %{{customdata[1]:{number}}}"
            "<br>the best of %{y:,} random markets<extra></extra>"
        ),
    )


def _panel_title(null: NullSummary, top: float) -> dict[str, Any]:
    text = f"{null.name}: {null.at_least:,} of {null.resamples:,} at least as good"
    place = {"x": 0, "xshift": -30, "xref": "paper", "xanchor": "left", "y": top, "yref": "paper"}
    return {**place, "yanchor": "top", "text": text, "showarrow": False, "font": {"size": 11}}


def plot_curve(summary: DistributionSummary) -> Figure:
    """Return all combinations sorted by the objective: the optimization profile of the grid.

    Parameters
    ----------
    summary : DistributionSummary
        Distribution of the objective.

    Returns
    -------
    plotly.graph_objects.Figure
        With buy & hold as a dashed line.
    """
    go = graph_objects()
    number = value_format(summary.objective)
    curve = go.Scatter(
        x=summary.shares,
        y=to_float32(summary.curve),
        fill="tozeroy",
        line={"color": SKY, "width": 2},
        name="all combinations",
        hovertemplate=f"%{{x:.1%}} of the combinations are below %{{y:{number}}}<extra></extra>",
    )
    traces = [curve]
    if np.isfinite(summary.hold):
        hold = go.Scatter(
            x=[0, 1],
            y=[summary.hold, summary.hold],
            mode="lines",
            line={"color": HOLD, "dash": "dash"},
            name="buy & hold",
            hoverinfo="skip",
        )
        traces.append(hold)
    bulk = float(summary.curve[4]), float(summary.curve[-5])  # 1 % and 99 %
    span = compute_range(*bulk, summary.low, summary.high)
    return build_figure(
        *traces,
        height=340,
        hovermode="closest",
        xaxis={"title": {"text": "share of all combinations"}, "tickformat": ".0%"},
        yaxis=build_axis(summary.objective, range=span),
    )


def plot_neighbourhoods(strategies: Strategies, objective: str) -> Figure:
    """Return each strategy beside its neighbours within two steps.

    Parameters
    ----------
    strategies : Strategies
        Best rows with their neighbourhoods.
    objective : str
        Name of the metric.

    Returns
    -------
    plotly.graph_objects.Figure
        Bars from the worst to the best neighbour, marks at their median and at the strategy.
    """
    go = graph_objects()
    rows = [row for row in strategies.rows if row.near and row.near[-1].neighbours]
    ranks = np.array([row.rank for row in rows])
    worst = np.array([row.near[-1].worst for row in rows])
    median = np.array([row.near[-1].median for row in rows])
    best = np.array([row.near[-1].best for row in rows])
    number = value_format(objective)
    ranges = go.Bar(
        x=ranks,
        y=best - worst,
        base=worst,
        name="neighbours, worst to best",
        marker={"color": SKY, "opacity": 0.45},
        width=0.6,
        customdata=np.column_stack((worst, best)) if rows else None,
        hovertemplate=f"%{{customdata[0]:{number}}} to %{{customdata[1]:{number}}}",
    )
    medians = go.Scatter(
        x=ranks,
        y=median,
        name="their median",
        mode="markers",
        marker={"color": GREEN, "size": 9, "symbol": "diamond"},
        hovertemplate=f"%{{y:{number}}}",
    )
    themselves = go.Scatter(
        x=ranks,
        y=np.array([row.metrics[objective] for row in rows]),
        name="itself",
        mode="markers",
        marker={"color": RED, "size": 8},
        text=[" ".join(map(str, row.combination)) for row in rows],
        hovertemplate=f"%{{text}}: %{{y:{number}}}",
    )
    return build_figure(
        ranges,
        medians,
        themselves,
        height=380,
        xaxis={"title": {"text": "rank"}},
        yaxis=build_axis(objective),
    )


ACCOUNT_LINES = {
    "hindsight": {"color": GREY, "dash": "dot"},
    "first": {"color": SKY, "dash": "dash"},
    "hold": {"color": HOLD},
    "followed": {"color": WINNER},
}
"""Lines of accounts, the last drawn over the others."""


def plot_forward(forward: ForwardSummary) -> Figure:
    """Return the equity of the accounts over all tests, with a line where each test begins.

    Parameters
    ----------
    forward : ForwardSummary
        Any walk-forward.

    Returns
    -------
    plotly.graph_objects.Figure
        The best in hindsight is hidden until it is chosen in the legend: it could not be followed.
    """
    traces = []
    shown = {row.account for row in forward.shown_accounts}
    for account, style in ACCOUNT_LINES.items():
        if account not in shown:
            continue
        trace = graph_objects().Scatter(
            x=forward.dates,
            y=to_float32(forward.equity[account]),
            name=ACCOUNTS[account],
            line={**style, "width": 2 if account == "followed" else 1.4},
            visible="legendonly" if account == "hindsight" else True,
            hovertemplate="%{y:,.4~g}",
        )
        traces.append(trace)
    borders = [
        {
            "type": "line",
            "x0": border,
            "x1": border,
            "y0": 0,
            "y1": 1,
            "yref": "paper",
            "line": {"color": GREY, "width": 1, "dash": "dot"},
        }
        for border in forward.borders
    ]
    return build_figure(
        *traces,
        height=440,
        xaxis={"type": "date"},
        yaxis={"title": {"text": "equity"}, "tickformat": "~s"},
        shapes=borders,
    )


def plot_ranks(forward: ForwardSummary) -> Figure:
    """Return how many window sets each winner is better than in its test.

    Parameters
    ----------
    forward : ForwardSummary
        Any walk-forward.

    Returns
    -------
    plotly.graph_objects.Figure
        A bar for each fold, with a line at the median window set.
    """
    folds = forward.folds
    shares = np.array([fold.better_than for fold in folds])
    ranks = ["-" if fold.rank is None else f"{fold.rank:,} of {fold.scored:,}" for fold in folds]
    bars = graph_objects().Bar(
        x=[fold.test_start for fold in folds],
        y=shares,
        marker={"color": np.where(shares > MEDIAN, WINNER, HOLD)},
        customdata=ranks,
        hovertemplate="better than %{y:.1%}, rank %{customdata}<extra></extra>",
    )
    median = {"type": "line", "x0": 0, "x1": 1, "xref": "paper", "y0": MEDIAN, "y1": MEDIAN}
    return build_figure(
        bars,
        height=300,
        hovermode="closest",
        xaxis=FOLD_AXIS,
        yaxis={"title": {"text": "better than"}, "tickformat": ".0%", "range": [0, 1]},
        shapes=[{**median, "line": {"color": GREEN, "width": 2}}],
    )


def plot_winners(forward: ForwardSummary) -> Figure:
    """Return the four windows of each winner.

    Parameters
    ----------
    forward : ForwardSummary
        Any walk-forward.

    Returns
    -------
    plotly.graph_objects.Figure
        A line for each window over the folds; level ones are stable.
    """
    folds = forward.folds
    traces = [
        graph_objects().Scatter(
            x=[fold.test_start for fold in folds],
            y=[None if fold.winner is None else fold.winner[place] for fold in folds],
            name=to_words(role),
            mode="lines+markers",
            line={"color": color, "width": 1.4},
        )
        for place, (role, color) in enumerate(zip(ROLES, WINDOWS, strict=True))
    ]
    return build_figure(
        *traces,
        height=320,
        xaxis=FOLD_AXIS,
        yaxis={"title": {"text": "window, bars"}, "rangemode": "tozero"},
    )


def plot_symbols(rows: Sequence[SymbolRow], objective: str) -> Figure:
    """Return the winner of each symbol beside buy & hold and the median of its grid.

    Parameters
    ----------
    rows : sequence of SymbolRow
        One for each symbol.
    objective : str
        Name of the metric.

    Returns
    -------
    plotly.graph_objects.Figure
        Three marks for each symbol.
    """
    winners = [row.metrics.get(objective, np.nan) for row in rows]
    holds = [row.hold for row in rows]
    medians = [row.median for row in rows]
    marks = (
        ("winner", winners, {"color": RED, "symbol": "circle"}),
        ("buy & hold", holds, {"color": HOLD, "symbol": "line-ew-open"}),
        ("median of the grid", medians, {"color": GREEN, "symbol": "diamond"}),
    )
    symbols = [escape(row.symbol) for row in rows]
    traces = [
        graph_objects().Scatter(
            x=symbols,
            y=values,
            name=name,
            mode="markers",
            marker={**marker, "size": 10, "line": {"width": 2}},
            hovertemplate=f"%{{y:{value_format(objective)}}}",
        )
        for name, values, marker in marks
    ]
    return build_figure(*traces, xaxis={"type": "category"}, yaxis=build_axis(objective))


def plot_run(run: Backtest) -> Figure:
    """Return the figure of ``Backtest.plot``.

    Parameters
    ----------
    run : Backtest
        One combination on its prices.

    Returns
    -------
    plotly.graph_objects.Figure
        Price, equity and drawdown.
    """
    return plot_backtest(build_equity(run))


def plot_result_map(result: Result, rows: str, columns: str, stat: str = "max") -> Figure:
    """Return the figure of ``Result.plot_map``.

    Parameters
    ----------
    result : Result
        Any result.
    rows, columns : str
        Two averages.
    stat : str
        ``"max"``, ``"min"``, ``"mean"`` or ``"count"``.

    Returns
    -------
    plotly.graph_objects.Figure
        One heatmap.
    """
    return plot_heatmaps(build_heatmap(result, rows, columns, stat))


def plot_forward_answer(forward: Forward) -> Figure:
    """Return the figure of ``Forward.plot``.

    Parameters
    ----------
    forward : Forward
        Any answer.

    Returns
    -------
    plotly.graph_objects.Figure
        Equity of the accounts.
    """
    return plot_forward(summarize_forward(forward))


def plot_answer(luck: Luck) -> Figure:
    """Return the figure of ``Luck.plot``.

    Parameters
    ----------
    luck : Luck
        Any answer.

    Returns
    -------
    plotly.graph_objects.Figure
        A histogram for each null hypothesis.
    """
    return plot_luck(summarize_luck(luck))
