"""Exports of charting and trading platforms."""

from __future__ import annotations

from qmac.data.layouts.layout import Layout

LAYOUTS: tuple[Layout, ...] = (
    Layout(
        name="TradingView",
        headers=("time,open,high,low,close", "time,open,high,low,close,..."),
        roles={"time": "Date"},
        example=(
            "time,open,high,low,close,Volume\n"
            "1704153600,100,102,99,101,5000\n"
            "1704240000,101,103,100,102,6000\n"
            "1704326400,102,104,101,103,7000\n"
        ),
        closes=(101.0, 102.0, 103.0),
        dates=("2024-01-02 00:00:00+00:00", "2024-01-04 00:00:00+00:00"),
    ),
)
