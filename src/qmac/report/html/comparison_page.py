"""The page of two results beside each other, and that of two runs of many symbols."""

from __future__ import annotations

from typing import Any

from qmac.report.html import comparison_figures as figures
from qmac.report.html.page import render
from qmac.report.sections.comparison import (
    describe_elsewhere,
    describe_rest,
    summarize_comparison,
)
from qmac.results.comparison import Comparison
from qmac.results.comparisons import Comparisons


def render_comparison(comparison: Comparison) -> str:
    """Return the page of two results.

    Parameters
    ----------
    comparison : Comparison
        With its results.

    Returns
    -------
    str
        HTML.
    """
    summary = summarize_comparison(comparison)
    plots: dict[str, Any] = {}
    if summary.histogram is not None:
        plots["distributions"] = figures.plot_distributions(summary.histogram, comparison.objective)
    for number, difference in enumerate(summary.maps):
        plots[f"map-{number}"] = figures.plot_difference(difference, summary)
    return render(
        "comparison.html",
        plots,
        summary=summary,
        comparison=comparison,
        elsewhere=describe_elsewhere,
    )


def render_comparisons(comparisons: Comparisons) -> str:
    """Return the page of two runs of many symbols.

    Parameters
    ----------
    comparisons : Comparisons
        A row for each symbol.

    Returns
    -------
    str
        HTML.
    """
    return render(
        "comparisons.html",
        {"medians": figures.plot_medians(comparisons)},
        comparison=comparisons,
        rows=comparisons.table.reset_index().to_dict("records"),
        rest=describe_rest(comparisons),
    )
