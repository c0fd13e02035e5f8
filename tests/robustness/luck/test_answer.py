"""The answer: its figures, and the same ones after a file."""

import json
import math

import numpy as np
import pytest
from helpers.luck_answers import SHUFFLED
from helpers.luck_answers import build_luck as build

from qmac.errors import ResultError, WriteError
from qmac.robustness.answer_file import seal
from qmac.robustness.luck.answer import Luck, read_luck
from qmac.strategy.objective import Objective


def test_figures():
    luck = build()
    assert luck.p == 3 / 7
    assert luck.decided_by == "shuffle"
    assert luck.verdict == "luck_alone_brings_this"
    assert luck.interval.low < luck.p < luck.interval.high
    assert (luck.objective, luck.maximize) == ("total_return", True)
    assert luck.best == math.expm1(0.5)
    assert luck.hold == 0.25
    first = luck.table.iloc[0]
    assert first[["null", "resamples", "at_least", "stopped"]].tolist() == ["shuffle", 7, 3, True]
    assert first["nothing_scored"] == 1
    assert first["q50"] == pytest.approx((math.expm1(0.4) + math.expm1(0.6)) / 2)
    assert luck.table.iloc[1]["p"] == 1 / 30
    assert len(luck.scores) == 36
    assert luck.scores["value"].isna().sum() == 1


def test_a_minimised_objective():
    luck = build(metric=Objective("max_drawdown", maximize=False, years=2.0), score=0.5)
    assert luck.best == math.expm1(-0.5)
    assert luck.table["q05"][0] < luck.table["q95"][0]
    assert (
        "SPY: the lowest, and so the best, of 2,970 window sets has a max_drawdown" in luck.headline
    )


def test_a_lowest_value_of_0_has_no_sign():
    scores = {"shuffle": np.zeros(29)}
    luck = build(
        metric=Objective("win_rate", maximize=False, years=2.0), score=0.0, scores_by_null=scores
    )
    values = [luck.best, *luck.table["q05"], *luck.scores["value"]]
    assert not np.signbit(values).any()


def test_searches_that_were_tried_multiply_p():
    luck = build(tried=2)
    assert luck.p == 6 / 7
    assert luck.digest == build().digest
    assert any("2 searches" in sentence for sentence in luck.sentences)


@pytest.mark.parametrize(
    "changes", [{"question": "1"}, {"scores_by_null": {"shuffle": np.array(SHUFFLED)}}]
)
def test_the_digest_depends_on_question_and_scores(changes):
    assert build(**changes).digest != build().digest


def test_nothing_can_be_changed():
    luck = build()
    luck.scores_by_null.clear()
    with pytest.raises(ValueError, match="read-only"):
        luck.scores_by_null["shuffle"][0] = 1.0
    luck.degradations.clear()
    assert luck.degradations
    assert luck.digest == build().digest


def test_the_summary_is_plain():
    summary = build().summary()
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary
    assert {"objective", "maximize", "combinations", "best", "hold", "p", "low", "high", "level",
            "verdict", "decided_by", "tried", "seed", "stop_after", "nulls", "digest", "elapsed",
            "degradations", "sentences"} < set(summary)  # fmt: skip
    assert set(summary["nulls"][0]) == {
        "name", "resamples", "at_least", "p", "low", "high", "stopped", "nothing_scored",
        "quantiles",
    }  # fmt: skip
    assert list(summary["nulls"][0]["quantiles"]) == ["0.05", "0.25", "0.5", "0.75", "0.95"]


def test_nothing_scored_at_all():
    luck = build(scores_by_null={"mirror": np.full(19, -math.inf)})
    assert luck.p == 0.05
    assert math.isnan(luck.table["q50"][0])
    assert luck.summary()["nulls"][0]["quantiles"]["0.5"] is None


def test_a_file(tmp_path):
    luck = build()
    path = luck.save(tmp_path / "luck.json")
    read = read_luck(path)
    assert read.summary() == luck.summary()
    assert read.scores.equals(luck.scores)
    assert read.hold_metrics["total_return"] == 0.25
    with pytest.raises(WriteError):
        luck.save(tmp_path / "no" / "such" / "luck.json")


def test_a_file_of_an_earlier_version():
    """It does not say how long the series is."""
    luck = build(bars=800)
    assert Luck.from_dict(luck.to_dict()).bars == luck.summary()["bars"] == 800
    values = luck.to_dict()
    del values["checksum"], values["answer"]["bars"], values["luck"]["bars"]
    earlier = Luck.from_dict(seal(values))
    assert earlier.bars is None
    assert earlier.digest == luck.digest


@pytest.mark.parametrize("text", ["", "{}", "[]", "3", "[" * 10_000])
def test_a_file_of_something_else(tmp_path, text):
    (tmp_path / "luck.json").write_text(text)
    with pytest.raises(ResultError, match="damaged"):
        read_luck(tmp_path / "luck.json")


def test_a_damaged_file(tmp_path):
    path = build().save(tmp_path / "luck.json")
    path.write_text(path.read_text().replace("0.9", "0.8"))
    with pytest.raises(ResultError, match="checksum differs"):
        read_luck(path)
    with pytest.raises(ResultError, match="no such file"):
        read_luck(tmp_path / "other.json")


def test_text():
    luck = build()
    assert luck.headline == (
        "SPY: the best of 2,970 window sets has a total_return of 64.9%; buy & hold 25.0%."
    )
    assert repr(luck).startswith("Luck(SPY: the best")
    assert repr(build(name="S\x1bY")).startswith("Luck(S?Y: the best")
