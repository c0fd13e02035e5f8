"""The answer of a walk-forward: frozen, and the same after it was written and read."""

import json

import numpy as np
import pandas as pd
import pytest
from helpers.series import frame, series

import qmac
from qmac.errors import ResultError
from qmac.robustness.answer_file import StoredAnswer
from qmac.robustness.forward.answer import Forward, list_records, read_forward, read_records
from qmac.storage.json_text import compute_checksum

GRID = qmac.Grid(windows=(2, 3, 5, 8, 13))
TABLE = frame(series("random", 300, 4)).tz_localize("America/New_York")


@pytest.fixture(scope="module")
def forward():
    return qmac.walk_forward(qmac.Prices.of(TABLE, "SPY"), GRID, train=100, test=60)


def test_it_is_the_same_when_it_is_read_again(forward, tmp_path):
    path = forward.save(tmp_path / "spy.json")
    read = qmac.load(path)
    assert isinstance(read, Forward) and isinstance(read, StoredAnswer)
    assert read.digest == forward.digest
    pd.testing.assert_frame_equal(read.folds, forward.folds)
    pd.testing.assert_frame_equal(read.equity, forward.equity, check_freq=False)
    pd.testing.assert_frame_equal(read.metrics, forward.metrics)
    assert read.summary() == forward.summary() and repr(read) == repr(forward)
    assert read.kept_share == forward.kept_share and read.layout == forward.layout


def test_nothing_of_it_can_be_changed(forward):
    digest = forward.digest
    forward.records.clear()
    forward.records[0]["digest"] = ""
    folds, metrics = forward.folds, forward.metrics
    folds["rank"] = 1
    metrics.loc["total_return"] = 9.0
    assert forward.digest == digest and forward.folds["rank"].to_list() != [1, 1, 1]
    assert forward.metrics["followed"]["total_return"] != 9


def test_a_damaged_file_is_refused(forward, tmp_path):
    path = forward.save(tmp_path / "spy.json")
    text = path.read_text()
    path.write_text(text.replace('"left_over": ', '"left_over": 1'))
    with pytest.raises(ResultError, match="checksum differs"):
        qmac.load(path)
    values = json.loads(text)
    values["answer"]["records"][0]["digest"] = "0"
    values["checksum"] = compute_checksum(values)
    path.write_text(json.dumps(values))
    with pytest.raises(ResultError, match="digest differs"):
        read_forward(path)
    with pytest.raises(ResultError, match="no such file"):
        read_forward(tmp_path / "none.json")


def test_the_summary_is_plain(forward):
    summary = json.loads(json.dumps(forward.summary(), allow_nan=False))
    fold = summary["folds"][0]
    assert fold["train_start"] == "2001-01-18 00:00:00-05:00"
    assert fold["same_position"] is None and fold["scored"] == GRID.size
    assert summary["followed"].keys() == summary["hold"].keys()
    assert summary["above_median"] == list(forward.above_median)
    assert summary["train_digests"] == forward.train_digests and len(forward.train_digests) == 3
    assert summary["digest"] == forward.digest
    assert summary["layout"] == forward.layout | {"train": 100, "test": 60}


def test_records_are_in_the_order_of_the_folds(forward):
    records = read_records(forward.records)
    assert [(record.part, record.fold) for record in records[:3]] == [
        ("train", 0), ("test", 0), ("train", 1),
    ]  # fmt: skip
    assert list_records(records[::-1]) == forward.records
    with pytest.raises(ValueError, match="no outcome"):
        read_records([{"part": "trial", "fold": 0}])
    with pytest.raises(TypeError):
        read_records([{"part": "train", "fold": 0}])


def test_words(forward):
    assert repr(forward).startswith("Forward(SPY: 3 folds, followed ")
    assert np.isfinite(forward.kept_share) or "no kept share" in " ".join(forward.sentences)
    assert forward.sentences[-1] == (
        "7 bars after the last test are left over, too few for another one."
    )
