"""Scripts by the name of their tool."""

import pytest

import qmac
from qmac.cli.commands import results
from qmac.errors import OptionError
from qmac.report.scripts.script import SCRIPTS


@pytest.fixture(scope="module")
def result():
    prices = qmac.sample_prices().tail(300)
    return qmac.optimize(prices, qmac.Grid(windows=range(10, 41, 10)), min_trades=0)


@pytest.mark.parametrize("tool", SCRIPTS)
def test_each_tool_has_a_script(result, tool):
    text = result.script(tool)
    assert "QMAC " in text and text.endswith("\n")
    assert ("prices.csv" in text) is (tool != "pine")
    assert max(map(len, text.splitlines())) <= 120


def test_an_unknown_tool_is_refused(result):
    with pytest.raises(OptionError, match="'ninja' is not known. Known: pine"):
        result.script("ninja")


def test_the_command_line_lists_the_same_tools():
    assert tuple(SCRIPTS) == results.SCRIPTS
