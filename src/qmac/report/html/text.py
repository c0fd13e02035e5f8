"""Text of untrusted origin as HTML."""

from __future__ import annotations

import html

from qmac.errors import printable


def escape(text: str) -> str:
    r"""Return a text as HTML without tags and without characters that are not printable.

    Parameters
    ----------
    text : str
        Such as a symbol.

    Returns
    -------
    str
        HTML, for a page, an attribute, or a label of a figure: Plotly reads tags in these.

    Examples
    --------
    >>> escape("<b>\u202e")
    '&lt;b&gt;?'
    """
    return html.escape(printable(text))
