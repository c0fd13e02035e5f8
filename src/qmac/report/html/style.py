"""Colours, axes and the embedding of numbers that all figures share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from qmac.errors import OptionError
from qmac.strategy.formatting import is_percent, to_words

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

WINNER, HOLD, GREEN, RED = "#2f86d6", "#e69f00", "#009e73", "#d55e00"
PINK, SKY, GREY = "#cc79a7", "#56b4e9", "#888888"
"""Colours that the colour-blind tell apart (Okabe and Ito), readable on white and on black."""
WINDOWS = (GREEN, PINK, SKY, RED)
MANTISSA_BITS = 15
"""Bits of a heatmap's cell: four decimal places, which compress to half the size."""
LARGEST_FLOAT32 = 1e38
"""Larger numbers are embedded as float64."""
HEIGHT_PIXELS = 400
FAR = 3
"""Times the width of the bulk from which on a value does not stretch an axis."""
MARGIN = 0.03
"""Share of an axis that is left free at each end."""


def graph_objects() -> Any:
    """Return Plotly, imported when something is drawn.

    Returns
    -------
    module
        ``plotly.graph_objects``.

    Raises
    ------
    OptionError
        If it is not installed.
    """
    try:
        import plotly.graph_objects as go
    except ImportError:
        raise OptionError(
            "figures need Plotly, which is not installed: pip install plotly"
        ) from None
    return go


def build_figure(*traces: Any, height: int = HEIGHT_PIXELS, **layout: Any) -> Figure:
    """Return a figure with the layout that all share.

    Parameters
    ----------
    *traces : plotly trace
        What is drawn.
    height : int
        In pixels.
    **layout : object
        Overrides the common layout.

    Returns
    -------
    plotly.graph_objects.Figure
        Without a theme, which the page sets.
    """
    go = graph_objects()
    common = {
        "height": height,
        "margin": {"l": 60, "r": 20, "t": 40, "b": 45},
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        "hovermode": "x unified",
    }
    return go.Figure(list(traces), common | layout)


def value_format(metric: str) -> str:
    """Return the format of a metric's values, as d3 writes it.

    Parameters
    ----------
    metric : str
        Name of the metric.

    Returns
    -------
    str
        Such as ``.1%``.
    """
    if is_percent(metric):
        return ".1%"
    return ",.0f" if metric == "total_trades" else ".3~g"


def build_axis(metric: str, **layout: Any) -> dict[str, Any]:
    """Return the layout of an axis of a metric.

    Parameters
    ----------
    metric : str
        Name of the metric.
    **layout : object
        Added, or in place of the usual values.

    Returns
    -------
    dict
        For ``xaxis`` or ``yaxis`` of a figure.
    """
    tick_format = value_format(metric).replace(".1%", ".1~%")
    return {"title": {"text": to_words(metric)}, "tickformat": tick_format, **layout}


def compute_range(low: float, high: float, *values: float) -> list[float] | None:
    """Return the range of an axis: the bulk, and those values that are not far from it.

    A ratio can be a million where all others are below three.

    Parameters
    ----------
    low, high : float
        Ends of the bulk.
    *values : float
        Values that should be visible.

    Returns
    -------
    list of float, or None
        Both ends with a margin; None where the bulk is a single value.
    """
    span = high - low
    if span <= 0:
        return None
    reach = FAR * span
    visible = [value for value in values if low - reach <= value <= high + reach]
    first, last = min([low, *visible]), max([high, *visible])
    margin = MARGIN * (last - first)
    return [first - margin, last + margin]


def to_float32(values: np.ndarray) -> np.ndarray:
    """Return numbers as float32, which Plotly embeds in half the room.

    Parameters
    ----------
    values : numpy.ndarray
        Numbers of any shape.

    Returns
    -------
    numpy.ndarray
        As float64 where one of them is too large for float32.
    """
    numbers = np.asarray(values)
    finite = np.abs(numbers[np.isfinite(numbers)])
    is_large = bool((finite > LARGEST_FLOAT32).any())
    return numbers.astype(np.float64 if is_large else np.float32)


def round_mantissa(values: np.ndarray, bits: int = MANTISSA_BITS) -> np.ndarray:
    """Return numbers with a short mantissa, which compress well.

    Parameters
    ----------
    values : numpy.ndarray
        Numbers of any shape.
    bits : int
        Bits of the mantissa that remain.

    Returns
    -------
    numpy.ndarray
        As ``to_float32`` returns them; NaN for what is not finite.
    """
    narrow = np.ascontiguousarray(to_float32(values))
    integer = np.dtype(f"u{narrow.itemsize}").type
    dropped = integer(np.finfo(narrow.dtype).nmant - bits)
    half = integer(1) << (dropped - integer(1))
    shortened = ((narrow.view(integer) + half) >> dropped) << dropped
    rounded = shortened.view(narrow.dtype)
    return np.asarray(np.where(np.isfinite(values), rounded, narrow.dtype.type(np.nan)))
