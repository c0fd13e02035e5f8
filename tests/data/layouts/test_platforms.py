"""Each layout of the table reads its example, as a file and as a frame."""

import pytest
from helpers.layouts import check_frame, check_layout

from qmac.data.layouts import platforms

READ = [layout for layout in platforms.LAYOUTS if not layout.refusal]


@pytest.mark.parametrize("layout", platforms.LAYOUTS, ids=lambda layout: layout.name)
def test_example(layout, tmp_path):
    check_layout(layout, tmp_path)


@pytest.mark.parametrize("layout", READ, ids=lambda layout: layout.name)
def test_frame(layout):
    check_frame(layout)
