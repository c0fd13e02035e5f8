"""Build the page of the tutorial: run the notebook, and show below each cell what it returns.

Cells are plain Python, and only the last expression of a cell is shown. So no Jupyter kernel with
its forty packages is needed. ``tests/project/test_tutorial.py`` runs the same code. Figures load
Plotly from a file of the site, so that the page opens from disk.
"""

from __future__ import annotations

import ast
import contextlib
import io
import json
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files

PLOTLY = "assets/plotly.min.js"
FAINT = "rgba(136, 136, 136, 0.3)"
TEMPLATE = {
    "layout": {
        "paper_bgcolor": "rgba(0, 0, 0, 0)",
        "plot_bgcolor": "rgba(0, 0, 0, 0)",
        "font": {"color": "#888"},
        "xaxis": {"gridcolor": FAINT, "zerolinecolor": FAINT},
        "yaxis": {"gridcolor": FAINT, "zerolinecolor": FAINT},
    }
}
"""Colours of figures that can be read on a light page and on a dark one."""


def read_cells(notebook: Path) -> Iterator[tuple[str, str]]:
    """Yield the kind of each cell, ``"markdown"`` or ``"code"``, and its source.

    Parameters
    ----------
    notebook : Path
        An ``.ipynb`` file.

    Yields
    ------
    tuple of str
        Kind and source.
    """
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        yield cell["cell_type"], "".join(cell["source"])


def run_cell(source: str, names: dict[str, Any]) -> tuple[str, Any]:
    """Run a cell, and return what it prints and the value of its last expression.

    Parameters
    ----------
    source : str
        Python code.
    names : dict
        Names that earlier cells defined; those of this cell are added.

    Returns
    -------
    printed : str
        Standard output of the cell.
    value : object
        Value of the last expression; None if the cell ends with a statement.
    """
    tree = ast.parse(source)
    last = ast.Expression(tree.body.pop().value) if isinstance(tree.body[-1], ast.Expr) else None
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(tree, "<cell>", "exec"), names)
        value = eval(compile(last, "<cell>", "eval"), names) if last else None
    return printed.getvalue(), value


def to_html(value: Any) -> str:
    """Return a value as HTML: a figure, a table, or its text.

    Parameters
    ----------
    value : object
        Value of the last expression of a cell.

    Returns
    -------
    str
        HTML without a header; figures need Plotly on the page.
    """
    if hasattr(value, "to_plotly_json"):
        value.update_layout(template=TEMPLATE)
        config = {"responsive": True, "displayModeBar": False}
        return value.to_html(full_html=False, include_plotlyjs=False, config=config)
    if hasattr(value, "_repr_html_"):
        return value._repr_html_().replace(' border="1" class="dataframe"', "")
    return f"<pre>{escape(repr(value))}</pre>"


def build_page(notebook: Path, folder: Path, names: dict[str, Any] | None = None) -> str:
    """Return the notebook as Markdown, with the output of its cells.

    Parameters
    ----------
    notebook : Path
        An ``.ipynb`` file.
    folder : Path
        Working directory of the cells.
    names : dict, optional
        Receives the names that the cells define.

    Returns
    -------
    str
        Markdown with HTML in it.

    Raises
    ------
    RuntimeError
        If a cell fails. The message contains the cell, and the cause is chained.
    """
    names = {} if names is None else names
    parts = []
    with contextlib.chdir(folder):
        for kind, source in read_cells(notebook):
            if kind == "markdown":
                parts.append(source)
                continue
            try:
                printed, value = run_cell(source, names)
            except Exception as error:
                message = f"{notebook.name}: this cell failed with {error!r}:\n{source}"
                raise RuntimeError(message) from error
            parts.append(f"```python\n{source}\n```")
            if printed:
                parts.append(f'<div class="output"><pre>{escape(printed)}</pre></div>')
            if value is not None:
                parts.append(f'<div class="output">{to_html(value)}</div>')
    return "\n\n".join(parts)


def on_files(files: Files, *, config: MkDocsConfig) -> None:
    """Add a page for each notebook. The notebook stays beside it as a download.

    Parameters
    ----------
    files : Files
        All files of the site.
    config : MkDocsConfig
        Settings of the site.
    """
    from tempfile import TemporaryDirectory

    from mkdocs.structure.files import File
    from plotly.offline import get_plotlyjs

    notebooks = [file for file in files if file.src_uri.endswith(".ipynb")]
    script = f'<script src="{PLOTLY}"></script>'
    for file in notebooks:
        with TemporaryDirectory() as folder:
            page = build_page(Path(file.abs_src_path or ""), Path(folder))
        download = f'<a href="{file.src_uri}">Download this page as a notebook</a>'
        content = f"{script}\n\n{page}\n\n{download}\n"
        name = file.src_uri.replace(".ipynb", ".md")
        files.append(File.generated(config, name, content=content))
    if notebooks:
        files.append(File.generated(config, PLOTLY, content=get_plotlyjs()))


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Return a page whose links to a notebook lead to its page on the site.

    In the repository the notebook is what there is to link to.

    Parameters
    ----------
    markdown : str
        Text of a page.

    Returns
    -------
    str
        The text with changed links.
    """
    return markdown.replace(".ipynb)", ".md)")
