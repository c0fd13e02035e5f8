"""What a path or a name stands for."""

from pathlib import Path

import pytest
from helpers.series import frame, series

from qmac.errors import PricesError
from qmac.jobs.prices import fetch_names, find_series, read_file_or_name, read_series, split_names


def test_a_file_that_exists_is_no_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    frame(series("random", 60, 1)).to_csv("yahoo:SPY")
    assert split_names([Path("yahoo:SPY"), Path("yahoo:QQQ")]) == (
        [Path("yahoo:SPY")],
        [Path("yahoo:QQQ")],
    )
    assert fetch_names([]) == ({}, {})


def test_what_cannot_be_read_is_beside_the_rest(tmp_path):
    frame(series("random", 60, 1)).to_csv(tmp_path / "AAA.csv")
    symbols = find_series([tmp_path / "AAA.csv", tmp_path / "no.csv"])
    assert list(symbols.prices) == ["AAA"] and list(symbols.bad) == ["no"]
    assert read_file_or_name(tmp_path / "AAA.csv").name == "AAA"
    with pytest.raises(PricesError, match="there is no such file"):
        read_series(tmp_path / "no.csv")
