"""Prices as public functions take them: frames, files, names, and several of them."""

import pytest
from helpers.series import frame, series

import qmac
from qmac.data.arguments import take_prices, take_symbols
from qmac.errors import PricesError, PricesWarning


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    for name, seed in (("AAA", 1), ("BBB", 2)):
        frame(series("random", 80, seed)).to_csv(folder / f"{name}.csv")
    return folder


def test_a_path_is_read_and_called_by_its_name(files):
    prices = take_prices(str(files / "AAA.csv"))
    assert prices.name == "AAA" and len(prices) == 80
    assert take_prices(prices) is prices
    assert qmac.Prices.of(files / "AAA.csv").frame.equals(prices.frame)
    with pytest.raises(PricesError, match="there is no such file"):
        take_prices("no_such.csv")


def test_what_is_odd_is_a_warning(files, tmp_path):
    frame(series("constant", 60, 1)).to_csv(tmp_path / "flat.csv")
    with pytest.warns(PricesWarning, match="same close"):
        take_prices(tmp_path / "flat.csv")
    with pytest.warns(PricesWarning, match="same close"):
        take_symbols([files, tmp_path / "flat.csv"])


def test_a_directory_or_a_list_or_a_dict_of_paths(files):
    for prices in (files, [str(files)], {"AAA": files / "AAA.csv", "BBB": files / "BBB.csv"}):
        assert list(take_symbols(prices).prices) == ["AAA", "BBB"]


def test_the_functions_take_them(files):
    path, windows = files / "AAA.csv", "2:6"
    expected = qmac.optimize(qmac.read_prices(path), qmac.Grid(windows=range(2, 7)), top=3)
    assert qmac.optimize(path, windows=windows, top=3).digest == expected.digest
    many = qmac.optimize_many(files, windows=windows, top=3)
    assert many["AAA"].digest == expected.digest
    with qmac.Session(str(path), windows=windows) as session:
        assert session.optimize(top=3).digest == expected.digest
    rules = qmac.Rules()
    assert qmac.backtest(path, (2, 5, 3, 6), rules).combination == (2, 5, 3, 6)
    assert len(qmac.evaluate(path, [(2, 5, 3, 6)])) == 1
