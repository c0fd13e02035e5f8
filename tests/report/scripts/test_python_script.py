"""Averages and signals of scripts are those of qmac, and hostile names stay text."""

import numpy as np
import pytest
from helpers.scripts import execute, random_strategy

import qmac
from qmac.engine.dataset.signals import compute_averages
from qmac.report.scripts.python_script import AVERAGES, write_head
from qmac.strategy.averages import AVERAGES as KINDS


def test_every_average_has_a_definition():
    assert AVERAGES.keys() == KINDS.keys()


@pytest.mark.parametrize("kind", KINDS)
def test_averages_are_those_of_qmac(kind, tmp_path):
    strategy, frame = random_strategy(5, tmp_path, average=kind, start=None, end=None)
    names, _ = execute(write_head(strategy, []))
    expected = compute_averages(qmac.Prices(frame, "X"), (3, 20), kind)
    for window, values in zip((3, 20), expected, strict=True):
        np.testing.assert_allclose(names["average"](names["close"], window), values, rtol=1e-12)


def test_hostile_names_stay_text(tmp_path):
    from dataclasses import replace

    strategy, _ = random_strategy(5, tmp_path)
    path = tmp_path / "a'\n\"x.csv"
    path.write_bytes((tmp_path / "5.csv").read_bytes())
    hostile = replace(strategy, name="X\nimport os\rraise SystemExit", path=str(path))
    text = write_head(hostile, [])
    assert "\nraise" not in text and "\nimport os" not in text
    assert execute(text)[0]["PRICES"] == str(path)
