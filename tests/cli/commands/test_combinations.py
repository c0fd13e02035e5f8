"""Single combinations on the command line."""

import io
import json

import pandas as pd
import pytest
from helpers.terminal import inside

import qmac
from qmac.errors import GridError
from qmac.results.exports import read_combinations


def test_backtest(csv):
    assert "total_return" in inside("backtest", csv, 5, 20, 10, 30).stdout
    answer = json.loads(inside("backtest", csv, 5, 20, 10, 30, "--json").stdout)
    assert len(answer["trades"]) == answer["metrics"]["total_trades"]


COMBINATIONS = [(5, 20, 10, 30), (2, 9, 3, 8), (5, 6, 7, 8)]


@pytest.fixture
def expected(csv):
    return qmac.evaluate(qmac.read_prices(csv), COMBINATIONS, qmac.Rules(fees=0.001))


def test_evaluate(csv, expected):
    windows = [window for combination in COMBINATIONS for window in combination]
    answer = json.loads(inside("evaluate", csv, *windows, "--fees", 0.001, "--json").stdout)
    assert [row["sharpe_ratio"] for row in answer["combinations"]] == expected[
        "sharpe_ratio"
    ].tolist()
    assert answer["buy_and_hold"]["exposure"] == 1
    printed = pd.read_csv(
        io.StringIO(inside("evaluate", csv, *windows, "--fees", 0.001, "--csv").stdout)
    )
    pd.testing.assert_frame_equal(printed, expected, check_exact=True, check_dtype=False)
    shown = inside("evaluate", csv, *windows, "--fees", 0.001).stdout
    for words in (
        "5 20 10 30",
        "2 9 3 8",
        "buy & hold",
        "average_bars",
        f"{expected['win_rate'][1]:.1%}",
    ):
        assert words in shown
    assert "Each round trip costs 0.7 %." in shown and "Orders are filled at the close" in shown
    many = inside("evaluate", csv, *windows * 9).stdout
    assert len(many.splitlines()) > 27 and max(map(len, many.splitlines())) <= 80


@pytest.mark.parametrize("form", ["head", "no head", "parquet", "export"])
def test_combinations_from_a_file(csv, one_run, tmp_path, expected, form):
    path = tmp_path / ("rows.parquet" if form == "parquet" else "rows.csv")
    if form == "head":
        expected.iloc[:, [3, 2, 1, 0, 7]].to_csv(path)
    elif form == "no head":
        path.write_text("".join(f"{a}, {b}, {c}, {d}\n" for a, b, c, d in COMBINATIONS))
    elif form == "parquet":
        expected.to_parquet(path)
    else:
        inside("export", one_run, "--out", path)
        assert read_combinations(path) == qmac.load(one_run).top.iloc[:, :4].to_numpy().tolist()
        return
    answer = json.loads(inside("evaluate", csv, "--from", path, "--fees", 0.001, "--json").stdout)
    assert [row["total_return"] for row in answer["combinations"]] == expected[
        "total_return"
    ].tolist()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "cannot be read"),
        ("a,b\n1,2\n", "no column buy_fast, buy_slow, sell_fast, sell_slow"),
        ("buy_fast,buy_slow,sell_fast\n1,2,3\n", "no column sell_slow"),
        ("1,2,3,4\n5,x,7,8\n", "row 2 is 5, x, 7, 8"),
        ("1,2,3,4\n5,6,7\n", "row 2"),
        ("buy_fast,buy_slow,sell_fast,sell_slow\n1,2.5,3,4\n", "row 1 is 1"),
    ],
)
def test_files_that_hold_none(tmp_path, content, says):
    path = tmp_path / "rows.csv"
    path.write_text(content)
    with pytest.raises(GridError, match=says):
        read_combinations(path)
