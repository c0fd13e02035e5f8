"""Each layout of the table reads its example, as a file and as a frame."""

import pytest
from helpers.layouts import check_frame, check_layout

from qmac.data.layouts import downloads


@pytest.mark.parametrize("layout", downloads.LAYOUTS, ids=lambda layout: layout.name)
def test_example(layout, tmp_path):
    check_layout(layout, tmp_path)


@pytest.mark.parametrize("layout", downloads.LAYOUTS, ids=lambda layout: layout.name)
def test_frame_of_the_example(layout):
    codes = {"dtype": {"股票代码": "str"}} if layout.name == "AKShare" else {}
    check_frame(layout, **codes)
    if layout.example.startswith(("Date", "observation_date", '"Dat')):
        check_frame(layout, index_col=0)
