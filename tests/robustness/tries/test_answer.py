"""How many tries: the figures, and the same ones after a file."""

import json

import numpy as np
import pytest

from qmac.errors import ResultError
from qmac.robustness.sharpe import expect_maximum
from qmac.robustness.tries.answer import Tries, format_tries, read_tries


def build(**changes):
    values = {
        "name": "SPY",
        "combinations": 2970,
        "values": expect_maximum(100) + np.array([-0.3, 0.1, 0.2]),
        "seed": 1,
        "question": "0123",
        "elapsed": 1.5,
    }
    return Tries(**values | changes)


def test_figures():
    tries = build()
    assert tries.z == pytest.approx(expect_maximum(100))
    assert float(tries) == tries.tries == pytest.approx(100)
    error = tries.values.std(ddof=1) / np.sqrt(3)
    assert tries.standard_error == pytest.approx(error)
    low, high = tries.interval
    assert expect_maximum(high) == pytest.approx(tries.z + 2 * error)
    assert expect_maximum(low) == pytest.approx(tries.z - 2 * error)


def test_nothing_above_luck_of_one_try():
    tries = build(values=np.array([-0.1, 0.1, -0.2]))
    assert tries.tries == tries.interval.low == 1
    endless = build(values=np.array([1.0, 20.0, 5.0]))
    assert endless.summary()["high"] is None
    assert "any number" in endless.sentences[0]
    one = build(combinations=1, values=np.array([-0.1, 0.1, -0.2])).sentences
    assert one[0] == "The only window set of SPY is one try."
    assert "0.07 standard errors below 0 on average" in one[1]


def test_words():
    tries = build()
    assert "2,970 window sets of SPY is worth 100 independent tries (" in tries.sentences[0]
    assert "3 random markets" in tries.sentences[1]
    assert repr(tries).startswith("Tries(The best of 2,970")
    numbers = (1, 1.04, 9.96, 128.6, 968_734_500)
    expected = ["1", "1", "10", "130", "970,000,000"]
    assert [format_tries(number) for number in numbers] == expected


def test_nothing_can_be_changed():
    tries = build()
    with pytest.raises(ValueError, match="read-only"):
        tries.values[0] = 1
    tries.degradations.append({})
    assert tries.degradations == []


def test_file(tmp_path):
    tries = build()
    path = tries.save(tmp_path / "tries.json")
    stored = read_tries(path)
    assert stored.summary() == tries.summary()
    assert stored.question == tries.question
    assert build(question="4567").digest != tries.digest


@pytest.mark.parametrize("change", [{"tries": None}, {"question": "4567"}, {"format": 2}, None])
def test_damaged_files_are_refused(tmp_path, change):
    path = build().save(tmp_path / "tries.json")
    values = json.loads(path.read_text())
    path.write_text("[1" if change is None else json.dumps(values | change))
    with pytest.raises(ResultError, match=r"damaged(.|\n)*result\.tries"):
        read_tries(path)
