"""The tutorial on the site: the notebook is run, and below each cell stands what it shows.

Cells are plain Python and the last expression of each is shown, which is all that is needed of a Jupyter kernel and its forty packages.
``tests/test_tutorial.py`` runs the same. Figures find Plotly in a file of the site, so that the page opens from disk.
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
TEMPLATE = {  # on a light page and on a dark one
    "layout": {
        "paper_bgcolor": "rgba(0, 0, 0, 0)",
        "plot_bgcolor": "rgba(0, 0, 0, 0)",
        "font": {"color": "#888"},
        "xaxis": {"gridcolor": FAINT, "zerolinecolor": FAINT},
        "yaxis": {"gridcolor": FAINT, "zerolinecolor": FAINT},
    }
}


def cells(notebook: Path) -> Iterator[tuple[str, str]]:
    """Kind (``"markdown"`` or ``"code"``) and source of each cell."""
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        yield cell["cell_type"], "".join(cell["source"])


def run(source: str, names: dict[str, Any]) -> tuple[str, Any]:
    """What a cell prints, and the value of its last expression; ``names`` are what cells before it have defined."""
    tree = ast.parse(source)
    last = ast.Expression(tree.body.pop().value) if isinstance(tree.body[-1], ast.Expr) else None
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(tree, "<cell>", "exec"), names)
        value = eval(compile(last, "<cell>", "eval"), names) if last else None
    return printed.getvalue(), value


def shown(value: Any) -> str:
    """A value as HTML: a figure, or a table, or its text."""
    if hasattr(value, "to_plotly_json"):
        value.update_layout(template=TEMPLATE)
        return value.to_html(
            full_html=False,
            include_plotlyjs=False,
            config={"responsive": True, "displayModeBar": False},
        )
    if hasattr(value, "_repr_html_"):
        return value._repr_html_().replace(' border="1" class="dataframe"', "")
    return f"<pre>{escape(repr(value))}</pre>"


def page_of(notebook: Path, folder: Path, names: dict[str, Any] | None = None) -> str:
    """The notebook as Markdown with what its cells show, run in ``folder``.

    Raises
    ------
    RuntimeError : a cell failed; it says which, and the cause is chained.
    """
    names = {} if names is None else names
    parts = []
    with contextlib.chdir(folder):
        for kind, source in cells(notebook):
            if kind == "markdown":
                parts.append(source)
                continue
            try:
                printed, value = run(source, names)
            except Exception as error:
                raise RuntimeError(
                    f"{notebook.name}: this cell failed with {error!r}:\n{source}"
                ) from error
            parts.append(f"```python\n{source}\n```")
            if printed:
                parts.append(f'<div class="output"><pre>{escape(printed)}</pre></div>')
            if value is not None:
                parts.append(f'<div class="output">{shown(value)}</div>')
    return "\n\n".join(parts)


def on_files(files: Files, *, config: MkDocsConfig) -> None:
    """A page for each notebook, which stays beside it to be fetched."""
    from tempfile import TemporaryDirectory

    from mkdocs.structure.files import File
    from plotly.offline import get_plotlyjs

    notebooks = [file for file in files if file.src_uri.endswith(".ipynb")]
    for file in notebooks:
        with TemporaryDirectory() as folder:
            page = page_of(Path(file.abs_src_path or ""), Path(folder))
        page = f'<script src="{PLOTLY}"></script>\n\n{page}\n\n<a href="{file.src_uri}">This page as a notebook</a>\n'
        files.append(File.generated(config, file.src_uri.replace(".ipynb", ".md"), content=page))
    if notebooks:
        files.append(File.generated(config, PLOTLY, content=get_plotlyjs()))


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Pages link to the notebook, which is what there is in the repository; on the site they lead to its page."""
    return markdown.replace(".ipynb)", ".md)")
