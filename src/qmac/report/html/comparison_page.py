"""The page of two results beside each other, and that of two runs of many symbols."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qmac.report.html import comparison_figures as figures
from qmac.report.html.page import render, write_page
from qmac.report.sections.comparison import (
    ComparisonSummary,
    describe_elsewhere,
    describe_rest,
    summarize_comparison,
)
from qmac.results.comparison import Comparison
from qmac.results.comparisons import Comparisons


def write_comparison_report(comparison: Comparison, path: Path) -> Path:
    """Write the page of two results, all or nothing.

    Parameters
    ----------
    comparison : Comparison
        With its results.
    path : pathlib.Path
        File to write.

    Returns
    -------
    pathlib.Path
        The file, with ``~`` expanded.

    Raises
    ------
    WriteError
        If the file cannot be written.
    OptionError
        If Plotly or Jinja is not installed.
    """
    return write_page(path, lambda: render_comparison(summarize_comparison(comparison)))


def render_comparison(summary: ComparisonSummary) -> str:
    """Return the page of two results.

    Parameters
    ----------
    summary : ComparisonSummary
        All its numbers.

    Returns
    -------
    str
        HTML.
    """
    comparison = summary.comparison
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
        differences=comparison.differences,
        elsewhere=describe_elsewhere,
    )


def write_comparisons_report(comparisons: Comparisons, path: Path) -> Path:
    """Write the page of two runs of many symbols, all or nothing.

    Parameters
    ----------
    comparisons : Comparisons
        A row for each symbol.
    path : pathlib.Path
        File to write.

    Returns
    -------
    pathlib.Path
        The file, with ``~`` expanded.

    Raises
    ------
    WriteError
        If the file cannot be written.
    OptionError
        If Plotly or Jinja is not installed.
    """
    return write_page(path, lambda: render_comparisons(comparisons))


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
        comparisons=comparisons,
        differences=comparisons.differences,
        rows=comparisons.table.reset_index().to_dict("records"),
        rest=describe_rest(comparisons),
    )
