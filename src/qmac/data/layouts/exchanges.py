"""Files of exchanges, of cryptocurrency and others, and of libraries that read these."""

from __future__ import annotations

from qmac.data.layouts.layout import Layout

LAYOUTS: tuple[Layout, ...] = (
    Layout(
        name="Binance klines",
        first_row=r"(\d{13}|\d{16})(,[\d.]+){5},(\d{13}|\d{16})(,[\d.]+){5}",
        columns="date,open,high,low,close,volume,-,-,-,-,-,-",
        example=(
            "1735776000000000,100,102,99,101,5,1735862399999999,1,1,1,1,0\n"
            "1735862400000000,101,103,100,102,5,1735948799999999,1,1,1,1,0\n"
            "1735948800000000,102,104,101,103,5,1736035199999999,1,1,1,1,0\n"
        ),
        closes=(101.0, 102.0, 103.0),
        dates=("2025-01-02 00:00:00+00:00", "2025-01-04 00:00:00+00:00"),
    ),
)
