"""Each layout of the table reads its example, as a file and as a frame."""

import pytest
from helpers.layouts import check_frame, check_layout

from qmac.data.layouts import vendors


@pytest.mark.parametrize("layout", vendors.LAYOUTS, ids=lambda layout: layout.name)
def test_example(layout, tmp_path):
    check_layout(layout, tmp_path)


@pytest.mark.parametrize("layout", vendors.LAYOUTS, ids=lambda layout: layout.name)
def test_frame_of_the_example(layout):
    check_frame(layout)
    if layout.example.startswith(("Date", "date", "timestamp", "Timestamp")):
        check_frame(layout, index_col=0)
