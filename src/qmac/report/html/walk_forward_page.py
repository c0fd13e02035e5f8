"""The page of a walk-forward by itself, and that of many symbols."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qmac.report.html.page import draw_forward, render, write_page
from qmac.report.html.symbols_page import find_links, symbol_path
from qmac.report.sections.walk_forward import summarize_forward
from qmac.robustness.forward.answer import Forward
from qmac.robustness.forward.many import Forwards


def render_forward(forward: Forward) -> str:
    """Return the page of a walk-forward.

    Parameters
    ----------
    forward : Forward
        Any answer.

    Returns
    -------
    str
        HTML.
    """
    summary = summarize_forward(forward)
    return render("forward.html", draw_forward(summary), forward=summary)


def write_forwards(forwards: Forwards, path: Path, *, each: bool = False) -> Path:
    """Write the page of the walk-forwards of many symbols.

    Parameters
    ----------
    forwards : Forwards
        Any answers.
    path : pathlib.Path
        File to write.
    each : bool
        Whether to write the page of each symbol, too.

    Returns
    -------
    pathlib.Path
        The file, with ``~`` expanded.

    Raises
    ------
    WriteError
        If a file cannot be written.
    OptionError
        If Plotly or Jinja is not installed.
    """
    if each:
        for symbol, forward in forwards.items():
            forward.report(symbol_path(symbol, path))
    return write_page(path, lambda: render_forwards(forwards, path))


def render_forwards(forwards: Forwards, path: Path) -> str:
    """Return the page of the walk-forwards of many symbols.

    Parameters
    ----------
    forwards : Forwards
        Any answers.
    path : pathlib.Path
        File of the page, beside which pages of the symbols are linked.

    Returns
    -------
    str
        HTML.
    """
    rows = forwards.table.reset_index().to_dict("records")
    return render(
        "forwards.html",
        {},
        rows=rows,
        links=find_links(forwards, path),
        sentences=forwards.sentences,
        left_out=list(forwards.left_out.values()),
    )


def to_dict(answer: Forward | Forwards) -> dict[str, Any]:
    """Return the numbers behind a page.

    Parameters
    ----------
    answer : Forward or Forwards
        What the page shows.

    Returns
    -------
    dict
        For JSON.
    """
    if isinstance(answer, Forwards):
        return answer.summary()
    return {"walk_forward": summarize_forward(answer)}
