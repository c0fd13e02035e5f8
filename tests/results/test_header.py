"""A header whose checksum fits may still say anything: each entry has its type, or is refused."""

import json

import pytest
from helpers.series import frame, series

import qmac
from qmac.errors import ResultError
from qmac.results.header import check_header
from qmac.results.reader import load
from qmac.storage.json_text import compute_checksum

WILD = (-1, 10**400, 1e400, float("nan"), True, None, "", "x", [], [[]], {}, {"a": 1})
"""Values that no number of a header has."""


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "result"
    prices = frame(series("random", 120, 2))
    return qmac.optimize(prices, qmac.Grid(windows=range(2, 9)), top=3).save(path)


@pytest.fixture
def header(saved):
    return json.loads((saved / "result.json").read_text())


def test_what_is_written_is_accepted(header):
    check_header(header)
    for name in ("degradations", "failed"):
        del header[name]
    del header["prices"]["sha256"]
    check_header({**header, "limit": 3.5, "hold": header["hold"] | {"omega_ratio": "inf"}})


@pytest.mark.parametrize("value", WILD, ids=repr)
@pytest.mark.parametrize("name", ["elapsed", "threads", "periods_per_year", "scored", "years"])
def test_numbers_are_numbers(header, name, value):
    with pytest.raises(qmac.InputError, match=name):
        check_header({**header, name: value})


@pytest.mark.parametrize("value", [*WILD, {"total_return": 0.1}], ids=repr)
def test_buy_and_hold_has_every_metric(header, value):
    with pytest.raises(qmac.InputError, match="hold"):
        check_header({**header, "hold": value})


@pytest.mark.parametrize("value", WILD[1:], ids=repr)
def test_metrics_of_buy_and_hold_are_numbers(header, value):
    with pytest.raises(qmac.InputError, match="hold.win_rate"):
        check_header({**header, "hold": header["hold"] | {"win_rate": value}})


@pytest.mark.parametrize("name", ["bars", "first", "last", "averages", "name", "sha256"])
def test_what_is_said_of_the_prices(header, name):
    for value in (-1, 10**400, None, [], {}):
        with pytest.raises(qmac.InputError, match=f"prices.{name}"):
            check_header({**header, "prices": header["prices"] | {name: value}})


def test_failed_cells_and_degradations(header):
    cell = {"cell": 3, "combinations": 10, "reason": "x"}
    check_header({**header, "failed": [cell]})
    for name in cell:
        with pytest.raises(qmac.InputError, match=rf"failed\[0\].{name}"):
            check_header({**header, "failed": [cell | {name: None}]})
    for value in (None, {}, [1], "x"):
        with pytest.raises(qmac.InputError, match="degradations"):
            check_header({**header, "degradations": value})


def test_a_header_with_another_value_is_one_sentence(saved, header, tmp_path):
    header["elapsed"] = "long"
    header["checksum"] = compute_checksum(header)
    for name in ("top.parquet", "arrays.npz", "prices.parquet"):
        (tmp_path / name).write_bytes((saved / name).read_bytes())
    (tmp_path / "result.json").write_text(json.dumps(header))
    with pytest.raises(ResultError, match="elapsed must be a finite number, got 'long'"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("entry", "value"),
    [
        ("layout", 5),
        ("close", None),
        ("adjusted", "yes"),
        ("adjusted", 0.5),
        ("basis", []),
        ("warnings", "split"),
        ("warnings", None),
        ("warnings", [1]),
        ("warnings", ["x"] * 21),
    ],
)
def test_what_was_read_has_its_types(header, entry, value):
    for good in (True, False, None):
        check_header({**header, "prices": {**header["prices"], "adjusted": good}})
    with pytest.raises(qmac.InputError, match=f"prices.{entry}"):
        check_header({**header, "prices": {**header["prices"], entry: value}})
