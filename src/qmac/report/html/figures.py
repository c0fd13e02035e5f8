"""Numbers become Plotly figures. Nothing is computed here but what a drawing needs; the page gives them their theme."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from qmac.engine.backtest.backtest import Backtest
from qmac.report.html.style import (
    GREEN,
    GREY,
    HOLD,
    RED,
    SKY,
    WINDOWS,
    WINNER,
    axis,
    figure,
    graph_objects,
    light,
    near,
    rounded,
    value_format,  # fmt: skip
)
from qmac.report.sections.distribution import DistributionSummary
from qmac.report.sections.equity import Equity, equity_of
from qmac.report.sections.heatmaps import Heatmap, Profile, map_of
from qmac.report.sections.strategies import Strategies
from qmac.results.result import Result

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from qmac.report.sections.symbols import SymbolRow
SCALE = "Viridis"
"""Even in brightness, and so for the colour-blind."""
CLIPPED = 0.002
"""Share of a map's cells at each end that do not stretch the colours."""


def plot_equity(course: Equity) -> Figure:
    """Equity and drawdown beside buy & hold; the upper axis can be turned to logarithms."""
    go = graph_objects()
    lines = (
        ("strategy", course.equity, course.drawdown, WINNER),
        ("buy & hold", course.hold, course.hold_drawdown, HOLD),
    )
    traces = [
        go.Scatter(
            x=course.dates,
            y=light(equity),
            name=name,
            line={"color": color, "width": 1.6},
            hovertemplate="%{y:,.2f}",
        )
        for name, equity, _, color in lines
    ]
    traces += [
        go.Scatter(
            x=course.dates, y=light(fall), name=f"drawdown, {name}", yaxis="y2", line={"color": color, "width": 1}, fill="tozeroy",
            showlegend=False, hovertemplate="%{y:.1%}",
        )
        for name, _, fall, color in reversed(lines)
    ]  # fmt: skip
    return figure(
        *traces,
        height=520,
        xaxis={"type": "date", "anchor": "y2"},
        yaxis={"domain": [0.34, 1], "title": {"text": "equity"}, "tickformat": "~s"},
        yaxis2={"domain": [0, 0.28], "title": {"text": "drawdown"}, "tickformat": ".0%"},
    )


def plot_price(course: Equity) -> Figure:
    """The close with its averages, and where it was bought and sold."""
    go = graph_objects()
    traces = [
        go.Scatter(
            x=course.dates, y=light(course.close), name="close", line={"color": GREY, "width": 1.2}
        )
    ]
    traces += [
        go.Scatter(
            x=course.dates, y=light(values), name=str(window), line={"color": color, "width": 1.2}
        )
        for (window, values), color in zip(sorted(course.averages.items()), WINDOWS, strict=False)
    ]
    closed = np.array([kind != "open" for kind in course.exits], np.bool_)
    marks = (
        ("bought", course.entry_dates, course.entry_prices, "triangle-up", WINNER),
        ("sold", course.exit_dates[closed], course.exit_prices[closed], "triangle-down", HOLD),
    )
    traces += [
        go.Scatter(
            x=dates, y=prices, name=name, mode="markers", hovertemplate="%{y:.6~g}",
            marker={"symbol": symbol, "size": 11, "color": color, "line": {"width": 1, "color": "white"}},
        )
        for name, dates, prices, symbol, color in marks
    ]  # fmt: skip
    return figure(
        *traces,
        height=460,
        xaxis={"type": "date"},
        yaxis={"title": {"text": "price"}, "tickformat": ".6~g"},
    )


def plot_backtest(course: Equity) -> Figure:
    """Price, equity and drawdown above each other, for a notebook."""
    go = graph_objects()
    price, equity = plot_price(course), plot_equity(course)
    traces = [go.Scatter(trace, yaxis="y3") for trace in price.data]
    layout = equity.layout.to_plotly_json() | {
        "height": 800,
        "title": {"text": f"{' '.join(map(str, course.combination))}"},
    }
    layout["yaxis"] |= {"domain": [0.24, 0.55]}
    layout["yaxis2"] |= {"domain": [0, 0.2]}
    layout["yaxis3"] = price.layout.yaxis.to_plotly_json() | {"domain": [0.6, 1]}
    layout["margin"] |= {"t": 90}
    return go.Figure([*traces, *equity.data], layout)


def plot_trades(course: Equity) -> Figure:
    """How many trades brought how much; no bar mixes gains and losses."""
    go = graph_objects()
    edges = course.return_edges
    middles = (edges[1:] + edges[:-1]) / 2
    bars = go.Bar(
        x=middles, y=course.return_counts, width=np.diff(edges), marker={"color": np.where(middles < 0, HOLD, WINNER)},
        customdata=np.column_stack((edges[:-1], edges[1:])),
        hovertemplate="%{customdata[0]:.1%} to %{customdata[1]:.1%}: %{y}<extra></extra>",
    )  # fmt: skip
    return figure(
        bars, height=340, hovermode="closest", xaxis=axis("return", title={"text": "return of a trade"}, tickformat=".0%"),
        yaxis={"title": {"text": "trades"}, "dtick": 1 if course.return_counts.max(initial=0) < 8 else None},
    )  # fmt: skip


def heatmap(found: Heatmap, *, visible: bool = True) -> Any:
    """The trace of a map. Its colours run from one robust end to the other, so that a few cells do not take them all."""
    go = graph_objects()
    count = found.stat == "count"
    values = found.values if count else rounded(found.values)
    defined = found.values[np.isfinite(found.values)]
    low, high = np.quantile(defined, (CLIPPED, 1 - CLIPPED)) if defined.size else (0.0, 1.0)
    form = ",.0f" if count else value_format(found.objective)
    of = "combinations" if count else f"{found.stat} {found.objective.replace('_', ' ')}"
    return go.Heatmap(
        x=found.column_windows, y=found.row_windows, z=light(values), zmin=float(low), zmax=float(high), visible=visible,
        colorscale=SCALE, name=found.stat, meta=found.text, hoverongaps=False,
        colorbar={"tickformat": "~s" if count else form.replace(".1%", ".1~%"), "thickness": 12, "outlinewidth": 0},
        hovertemplate=(
            f"{found.rows.replace('_', ' ')} %{{y:.4~g}}<br>{found.columns.replace('_', ' ')} %{{x:.4~g}}"
            f"<br>{of} %{{z:{form}}}<extra></extra>"
        ),
    )  # fmt: skip


def plot_map(*maps: Heatmap) -> Figure:
    """A map; of several of the same windows the first is seen. What was aggregated stands above it."""
    go = graph_objects()
    first = maps[0]
    traces = [heatmap(found, visible=found is first) for found in maps]
    if first.winner is not None:
        row, column = first.winner
        text = f"winner: {first.rows.replace('_', ' ')} {row}, {first.columns.replace('_', ' ')} {column}<extra></extra>"
        traces += [  # red around white, to be seen on any colour
            go.Scatter(
                x=[column], y=[row], mode="markers", name="winner", showlegend=False, hovertemplate=text,
                marker={"symbol": "circle-open", "size": size, "color": color, "line": {"width": 3}},
            )
            for size, color in ((14, "white"), (20, RED))
        ]  # fmt: skip
    return figure(
        *traces, height=430, hovermode="closest", title={"text": first.text, "font": {"size": 12}, "x": 0.02},
        xaxis={"title": {"text": first.columns.replace("_", " ")}, "constrain": "domain"},
        yaxis={"title": {"text": first.rows.replace("_", " ")}},
    )  # fmt: skip


def plot_profiles(profiles: tuple[Profile, ...], objective: str, best: str) -> Figure:
    """The objective over each window, aggregated over the other three: best drawn through, mean dashed."""
    go = graph_objects()
    traces = []
    for profile, color in zip(profiles, WINDOWS, strict=True):
        name = profile.role.replace("_", " ")
        for values, stat, dash in ((profile.best, best, "solid"), (profile.mean, "mean", "dash")):
            traces.append(
                go.Scatter(
                    x=profile.windows, y=light(values), name=f"{name}, {stat}", line={"color": color, "dash": dash, "width": 1.6},
                    mode="lines+markers" if profile.windows.size < 30 else "lines", legendgroup=name,
                    hovertemplate=f"%{{y:{value_format(objective)}}}",
                )
            )  # fmt: skip
        place = int(np.searchsorted(profile.windows, profile.winner))
        traces.append(
            go.Scatter(
                x=[profile.winner], y=[profile.best[place]], mode="markers", showlegend=False, legendgroup=name,
                marker={"symbol": "circle-open", "size": 13, "color": color, "line": {"width": 3}}, hoverinfo="skip",
            )
        )  # fmt: skip
    return figure(
        *traces, height=440, xaxis={"title": {"text": "window, bars"}}, yaxis=axis(objective)
    )


def plot_outcomes(outcomes: DistributionSummary) -> Figure:
    """The histogram of all outcomes, with buy & hold, median and winner."""
    go = graph_objects()
    edges, form = outcomes.edges, value_format(outcomes.objective)
    middles = (edges[1:] + edges[:-1]) / 2
    bars = go.Bar(
        x=middles, y=outcomes.counts, width=np.maximum(np.diff(edges), 1e-12), marker={"color": SKY, "line": {"width": 0}},
        customdata=np.column_stack((edges[:-1], edges[1:], outcomes.counts / outcomes.scored)),
        hovertemplate=f"%{{customdata[0]:{form}}} to %{{customdata[1]:{form}}}<br>%{{y:,}} combinations (%{{customdata[2]:.2%}})<extra></extra>",
    )  # fmt: skip
    lines = (
        ("winner", outcomes.winner, RED, 1.0),
        ("buy & hold", outcomes.hold, HOLD, 1.07),
        ("median", dict(outcomes.quantiles)[0.5], GREEN, 1.14),
    )
    values = [value for _, value, _, _ in lines if np.isfinite(value)]
    span = near(float(edges[0]), float(edges[-1]), *values)
    shapes, notes = [], []
    for name, value, color, height in lines:
        if not np.isfinite(value):
            continue
        place, text = value, name
        if span and not span[0] <= value <= span[1]:  # far out: said, not drawn
            place, text = (
                (span[1], f"{name} \u2192") if value > span[1] else (span[0], f"\u2190 {name}")
            )
        else:
            line = {"color": color, "width": 2}
            shapes.append(
                {
                    "type": "line",
                    "x0": value,
                    "x1": value,
                    "y0": 0,
                    "y1": 1,
                    "yref": "paper",
                    "line": line,
                }
            )
        side = "left" if span and place < (span[0] + span[1]) / 2 else "right"
        notes.append(
            {
                "x": place,
                "y": height,
                "yref": "paper",
                "yanchor": "bottom",
                "text": text,
                "showarrow": False,
                "xanchor": side,
                "font": {"color": color},
            }
        )
    return figure(
        bars, hovermode="closest", xaxis=axis(outcomes.objective, range=span),
        yaxis={"title": {"text": "combinations"}, "tickformat": "~s" if outcomes.counts.max() >= 1000 else ",d"},
        shapes=shapes, annotations=notes, bargap=0, margin={"l": 60, "r": 20, "t": 85, "b": 45},
    )  # fmt: skip


def plot_curve(outcomes: DistributionSummary) -> Figure:
    """All outcomes sorted: the optimization profile of the whole grid."""
    go = graph_objects()
    form = value_format(outcomes.objective)
    curve = go.Scatter(
        x=outcomes.shares, y=light(outcomes.curve), fill="tozeroy", line={"color": SKY, "width": 2}, name="all outcomes",
        hovertemplate=f"%{{x:.1%}} of the combinations make less than %{{y:{form}}}<extra></extra>",
    )  # fmt: skip
    traces = [curve]
    for name, value, color in (("buy & hold", outcomes.hold, HOLD),):
        if np.isfinite(value):
            traces.append(
                go.Scatter(
                    x=[0, 1],
                    y=[value, value],
                    mode="lines",
                    line={"color": color, "dash": "dash"},
                    name=name,
                    hoverinfo="skip",
                )
            )
    return figure(
        *traces, height=340, hovermode="closest", xaxis={"title": {"text": "share of all combinations"}, "tickformat": ".0%"},
        yaxis=axis(outcomes.objective, range=near(*(float(value) for value in outcomes.curve[[4, -5]]), outcomes.low, outcomes.high)),
    )  # fmt: skip


def plot_surroundings(strategies: Strategies, objective: str) -> Figure:
    """Each strategy and what its neighbours within two steps make: from worst to best, and their median."""
    go = graph_objects()
    rows = [row for row in strategies.rows if row.near and row.near[-1].neighbours]
    places = np.array([row.rank for row in rows])
    own = np.array([row.metrics[objective] for row in rows])
    worst, median, best = (
        np.array([getattr(row.near[-1], name) for row in rows])
        for name in ("worst", "median", "best")
    )
    labels = [" ".join(map(str, row.combination)) for row in rows]
    form = value_format(objective)
    traces = [
        go.Bar(
            x=places, y=best - worst, base=worst, name="neighbours, worst to best", marker={"color": SKY, "opacity": 0.45}, width=0.6,
            customdata=np.column_stack((worst, best)) if rows else None,
            hovertemplate=f"%{{customdata[0]:{form}}} to %{{customdata[1]:{form}}}",
        ),
        go.Scatter(
            x=places, y=median, name="their median", mode="markers", marker={"color": GREEN, "size": 9, "symbol": "diamond"},
            hovertemplate=f"%{{y:{form}}}",
        ),
        go.Scatter(
            x=places, y=own, name="itself", mode="markers", marker={"color": RED, "size": 8}, text=labels,
            hovertemplate=f"%{{text}}: %{{y:{form}}}",
        ),
    ]  # fmt: skip
    return figure(*traces, height=380, xaxis={"title": {"text": "rank"}}, yaxis=axis(objective))


def plot_winners(rows: Sequence[SymbolRow], objective: str) -> Figure:
    """The winner of each symbol beside buy & hold and the median of its grid."""
    go = graph_objects()
    symbols = [escape(row.symbol) for row in rows]
    nan = float("nan")
    marks = (
        ("winner", [row.metrics.get(objective, nan) for row in rows], RED, "circle"),
        ("buy & hold", [row.hold for row in rows], HOLD, "line-ew-open"),
        ("median of the grid", [row.median for row in rows], GREEN, "diamond"),
    )
    traces = [
        go.Scatter(
            x=symbols, y=values, name=name, mode="markers", marker={"color": color, "symbol": symbol, "size": 10, "line": {"width": 2}},
            hovertemplate=f"%{{y:{value_format(objective)}}}",
        )
        for name, values, color, symbol in marks
    ]  # fmt: skip
    return figure(*traces, xaxis={"type": "category"}, yaxis=axis(objective))


def plot_run(run: Backtest) -> Figure:
    """``plot_backtest`` of a backtest."""
    return plot_backtest(equity_of(run))


def plot_result_map(result: Result, rows: str, columns: str, stat: str = "max") -> Figure:
    """``plot_map`` of one map of a result."""
    return plot_map(map_of(result, rows, columns, stat))
