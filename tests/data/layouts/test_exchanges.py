"""Each layout of the table reads its example."""

import pytest
from helpers.layouts import check_layout

from qmac.data.layouts import exchanges


@pytest.mark.parametrize("layout", exchanges.LAYOUTS, ids=lambda layout: layout.name)
def test_example(layout, tmp_path):
    check_layout(layout, tmp_path)
