"""Files of vendors of market data."""

from __future__ import annotations

from qmac.data.layouts.layout import Layout

LAYOUTS: tuple[Layout, ...] = ()
