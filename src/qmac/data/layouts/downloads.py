"""Files that are downloaded from web pages, or written by libraries that download."""

from __future__ import annotations

from qmac.data.layouts.layout import Layout

LAYOUTS: tuple[Layout, ...] = (
    Layout(
        name="Nasdaq.com",
        headers=("Date,Close/Last,Volume,Open,High,Low",),
        roles={"Close/Last": "Close"},
        date_format="%m/%d/%Y",
        example=(
            "Date,Close/Last,Volume,Open,High,Low\n"
            "01/04/2024,$102.00,4000000,$102.00,$104.00,$101.00\n"
            "01/03/2024,$101.00,7000000,$101.00,$103.00,$100.00\n"
            "01/02/2024,$100.00,5000000,$100.00,$102.00,$99.00\n"
        ),
        closes=(100.0, 101.0, 102.0),
        dates=("2024-01-02 00:00:00", "2024-01-04 00:00:00"),
    ),
)
