"""What all figures share: colours, axes, and how numbers are embedded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from qmac.errors import OptionError
from qmac.strategy.formatting import is_percent

if TYPE_CHECKING:
    from plotly.graph_objects import Figure
WINNER, HOLD, GREEN, RED, PINK, SKY, GREY = (
    "#2f86d6",
    "#e69f00",
    "#009e73",
    "#d55e00",
    "#cc79a7",
    "#56b4e9",
    "#888888",
)
"""Told apart by the colour-blind (Okabe and Ito), readable on white and on black."""
WINDOWS = (GREEN, PINK, SKY, RED)
DIGITS = 15
"""Bits of a map's cell that are kept: four decimal places, and they compress to half."""
LARGE = 1e38
"""Numbers beyond it are not embedded as float32."""
HEIGHT = 400
FAR = 3
"""Times the width of the bulk beyond which a value does not stretch an axis."""


def graph_objects() -> Any:
    """Plotly, imported when something is drawn.

    Raises
    ------
    OptionError : it is not installed.
    """
    try:
        import plotly.graph_objects as go
    except ImportError:
        raise OptionError(
            'figures are drawn by Plotly, which is not installed: pip install "qmac[report]"'
        ) from None
    return go


def figure(*traces: Any, height: int = HEIGHT, **layout: Any) -> Figure:
    go = graph_objects()
    usual = {
        "height": height,
        "margin": {"l": 60, "r": 20, "t": 40, "b": 45},
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        "hovermode": "x unified",
    }
    return go.Figure(list(traces), usual | layout)


def value_format(metric: str) -> str:
    """How an axis writes a metric."""
    if is_percent(metric):
        return ".1%"
    return ",.0f" if metric == "total_trades" else ".3~g"


def axis(metric: str, **more: Any) -> dict[str, Any]:
    form = value_format(metric).replace(".1%", ".1~%")
    return {"title": {"text": metric.replace("_", " ")}, "tickformat": form, **more}


def near(low: float, high: float, *values: float) -> list[float] | None:
    """The range of an axis from ``low`` to ``high`` and those of ``values`` that are not far out: a ratio can be a million
    where all others are below three."""
    span = high - low
    if span <= 0:
        return None
    shown = [value for value in values if low - FAR * span <= value <= high + FAR * span]
    ends = min([low, *shown]), max([high, *shown])
    margin = 0.03 * (ends[1] - ends[0])
    return [ends[0] - margin, ends[1] + margin]


def light(values: np.ndarray) -> np.ndarray:
    """As float32, which Plotly embeds in half the room, unless some are too large for it."""
    numbers = np.asarray(values)
    large = bool((np.abs(numbers[np.isfinite(numbers)]) > LARGE).any())
    return np.asarray(values, np.float64 if large else np.float32)


def rounded(values: np.ndarray, bits: int = DIGITS) -> np.ndarray:
    """With ``bits`` of mantissa, which compress well, as ``light`` has them; what is not finite is NaN."""
    narrow = np.ascontiguousarray(light(values))
    integer = np.dtype(f"u{narrow.itemsize}").type
    drop = integer(np.finfo(narrow.dtype).nmant - bits)
    half = integer(1) << (drop - integer(1))
    kept = ((narrow.view(integer) + half) >> drop) << drop
    return np.asarray(
        np.where(np.isfinite(values), kept.view(narrow.dtype), narrow.dtype.type(np.nan))
    )
