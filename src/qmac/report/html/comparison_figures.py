"""Plotly figures of two results beside each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from qmac.report.html.style import (
    HOLD,
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
from qmac.report.sections.comparison import ComparisonSummary, DifferenceMap, SharedHistogram
from qmac.results.comparisons import Comparisons

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

FIRST, SECOND = WINNER, HOLD
"""Colours of the two results, in every figure and on every map."""
DIVERGING = (
    (0.0, "#2166ac"), (0.25, "#80b5dc"), (0.5, "#f4f4f4"), (0.75, "#f0ad52"), (1.0, "#b35806"),
)  # fmt: skip
"""From higher in a, through equal, to higher in b; the colour-blind tell both ends apart."""
LEAST_BAR_WIDTH = 1e-12


def plot_distributions(histogram: SharedHistogram, objective: str) -> Figure:
    """Return the distributions of two results on one axis, with their medians.

    Parameters
    ----------
    histogram : SharedHistogram
        Of both.
    objective : str
        Name of the metric.

    Returns
    -------
    plotly.graph_objects.Figure
        Bars that lie over each other.
    """
    edges, number = histogram.edges, value_format(objective)
    traces = []
    for name, shares, color in zip("ab", histogram.shares, (FIRST, SECOND), strict=True):
        bars = graph_objects().Bar(
            x=(edges[1:] + edges[:-1]) / 2,
            y=to_float32(shares),
            width=np.maximum(np.diff(edges), LEAST_BAR_WIDTH),
            name=name,
            marker={"color": color, "line": {"width": 0}},
            opacity=0.55,
            customdata=np.column_stack((edges[:-1], edges[1:])),
            hovertemplate=(
                f"{name}: %{{y:.2%}} of the combinations from %{{customdata[0]:{number}}} to "
                f"%{{customdata[1]:{number}}}<extra></extra>"
            ),
        )
        traces.append(bars)
    lines = [
        _median_line(median, color)
        for median, color in zip(histogram.medians, (FIRST, SECOND), strict=True)
    ]
    span = compute_range(float(edges[0]), float(edges[-1]))
    return build_figure(
        *traces,
        hovermode="closest",
        barmode="overlay",
        bargap=0,
        xaxis=build_axis(objective, range=span),
        yaxis={"title": {"text": "share of the combinations"}, "tickformat": ".1~%"},
        shapes=lines,
    )


def _median_line(median: float, color: str) -> dict[str, Any]:
    ends = {"x0": median, "x1": median, "y0": 0, "y1": 1, "yref": "paper"}
    return {"type": "line", **ends, "line": {"color": color, "width": 2, "dash": "dash"}}


def plot_difference(difference: DifferenceMap, summary: ComparisonSummary) -> Figure:
    """Return a map of differences, with a ring around each winner.

    Parameters
    ----------
    difference : DifferenceMap
        Of two windows.
    summary : ComparisonSummary
        Of the page, for the span of colours that all maps share.

    Returns
    -------
    plotly.graph_objects.Figure
        The values of both results and their difference are shown under the pointer.
    """
    rows, columns = _words(difference.rows), _words(difference.columns)
    number = value_format(difference.objective)
    means = [round_mantissa(each) for each in difference.means]
    heatmap = graph_objects().Heatmap(
        x=difference.column_windows,
        y=difference.row_windows,
        z=to_float32(round_mantissa(difference.values)),
        zmin=-summary.span,
        zmax=summary.span,
        colorscale=[list(stop) for stop in DIVERGING],
        customdata=np.stack([to_float32(each) for each in means], axis=-1),
        hoverongaps=False,
        colorbar={
            "tickformat": f"+{number}".replace(".1%", ".1~%"), "thickness": 12, "outlinewidth": 0,
        },
        hovertemplate=(
            f"{rows} %{{y:.4~g}}<br>{columns} %{{x:.4~g}}<br>b less a %{{z:+{number}}}"
            f"<br>a %{{customdata[0]:{number}}}, b %{{customdata[1]:{number}}}<extra></extra>"
        ),
    )  # fmt: skip
    rings = [
        _winner_ring(difference, side, winner.combination, size)
        for side, winner, size in zip("ab", summary.comparison.winners, (20, 14), strict=True)
        if winner is not None
    ]
    sides = [np.ptp(each) or 1 for each in (difference.column_windows, difference.row_windows)]
    return build_figure(
        heatmap,
        *rings,
        height=430,
        hovermode="closest",
        showlegend=False,
        title={"text": difference.text, "font": {"size": 12}, "x": 0.02},
        xaxis={"title": {"text": columns}, "constrain": "domain"},
        yaxis={
            "title": {"text": rows},
            "constrain": "domain",
            "scaleanchor": "x",  # a square on any screen
            "scaleratio": float(sides[0] / sides[1]),
        },
    )


def _winner_ring(
    difference: DifferenceMap, side: str, combination: tuple[int, ...], size: int
) -> Any:
    roles = ("buy_fast", "buy_slow", "sell_fast", "sell_slow")
    windows = dict(zip(roles, combination, strict=True))
    row, column = windows[difference.rows], windows[difference.columns]
    place = f"{_words(difference.rows)} {row}, {_words(difference.columns)} {column}"
    color = FIRST if side == "a" else SECOND
    return graph_objects().Scatter(
        x=[column],
        y=[row],
        mode="markers",
        hovertemplate=f"best of {side}: {place}<extra></extra>",
        marker={
            "symbol": "circle", "size": size, "color": color, "line": {"width": 2, "color": "black"}
        },
    )  # fmt: skip


def plot_medians(comparisons: Comparisons) -> Figure:
    """Return the medians of both runs of each symbol.

    Parameters
    ----------
    comparisons : Comparisons
        Of two runs.

    Returns
    -------
    plotly.graph_objects.Figure
        Two marks for each symbol.
    """
    table, objective = comparisons.table, comparisons.objective
    symbols = [escape(str(symbol)) for symbol in table.index]
    marks = (
        ("a", "median_a", {"color": FIRST, "symbol": "circle"}),
        ("b", "median_b", {"color": SECOND, "symbol": "diamond"}),
    )
    traces = [
        graph_objects().Scatter(
            x=symbols,
            y=table[column].to_numpy(),
            name=f"median of {name}",
            mode="markers",
            marker={**marker, "size": 10},
            hovertemplate=f"%{{y:{value_format(objective)}}}",
        )
        for name, column, marker in marks
    ]
    return build_figure(*traces, xaxis={"type": "category"}, yaxis=build_axis(objective))


def _words(name: str) -> str:
    return name.replace("_", " ")
