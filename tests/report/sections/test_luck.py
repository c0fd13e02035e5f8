"""What a page shows of random markets: the counts of the answer, in bars that the winner parts."""

import math
from dataclasses import replace

import numpy as np
import pytest
from helpers.luck_answers import build_luck
from hypothesis import given
from hypothesis import strategies as st

from qmac.errors import OptionError
from qmac.report.sections.luck import (
    MOST_BARS,
    check_luck,
    describe_luck_command,
    summarize_luck,
)
from qmac.strategy.objective import Objective

SCORES = st.lists(st.floats(-20, 20) | st.just(-math.inf) | st.just(0.5), min_size=1, max_size=60)


def check_counts(luck):
    """Bars and counts agree with the table of the answer."""
    summary = summarize_luck(luck)
    assert np.all(np.diff(summary.edges) > 0)
    for null, row in zip(summary.nulls, luck.table.itertuples(), strict=True):
        assert (null.null, null.resamples, null.at_least) == (row.null, row.resamples, row.at_least)
        assert null.counts.sum() == row.resamples - row.nothing_scored
        assert null.counts.size == summary.is_as_good.size == summary.edges.size - 1
        assert null.counts[summary.is_as_good].sum() == row.at_least
    return summary


@pytest.mark.parametrize("maximize", [True, False])
def test_no_bar_has_random_markets_on_both_sides_of_the_winner(maximize):
    luck = build_luck(metric=Objective("total_return", maximize=maximize, years=2.0))
    summary = check_counts(luck)
    assert luck.best == pytest.approx(summary.winner)
    assert np.isclose(summary.edges, luck.best).any()
    assert np.array_equal(summary.is_as_good, np.sort(summary.is_as_good)[:: 1 if maximize else -1])
    first = summary.nulls[0]
    assert first.name == "moves in random order"
    assert dict(first.quantiles)[0.5] == luck.table["q50"][0]


@given(shuffled=SCORES, mirrored=SCORES)
def test_every_random_market_is_in_a_bar(shuffled, mirrored):
    scores = {"shuffle": np.array(shuffled), "mirror": np.array(mirrored)}
    metric = Objective("sharpe_ratio", maximize=True, years=2.0)
    luck = build_luck(metric=metric, scores_by_null=scores, stop_after=None)
    summary = summarize_luck(luck)
    for null in summary.nulls:
        assert null.counts.sum() == np.isfinite(scores[null.null]).sum()
    assert 1 <= summary.is_as_good.size <= 2 * MOST_BARS + 1


@pytest.mark.parametrize("score", [0.3, 0.5, 0.9])
def test_equal_scores_and_none(score):
    check_counts(build_luck(scores_by_null={"mirror": np.full(19, score)}, stop_after=None))
    check_counts(build_luck(scores_by_null={"mirror": np.full(19, -math.inf)}))


def test_a_score_far_away_does_not_stretch_the_bars():
    scores = {"shuffle": np.array([*np.linspace(0.1, 0.9, 50), 1e6])}
    metric = Objective("profit_factor", maximize=True, years=2.0)
    summary = check_counts(build_luck(metric=metric, scores_by_null=scores, stop_after=None))
    assert summary.edges[-1] < 20
    assert summary.nulls[0].counts[-1] == 1


def test_an_answer_is_about_its_result(swept, swept_luck):
    check_luck(swept_luck, swept)
    for other in (replace(swept_luck, question="0"), build_luck()):
        with pytest.raises(OptionError, match=r"that of another.*Use result\.luck"):
            check_luck(other, swept)
    with pytest.raises(OptionError, match=r"must be a Luck|Use what result\.luck"):
        check_luck("luck.json", swept)
    with pytest.raises(OptionError, match="that of another"):
        check_luck(swept_luck, replace(swept, fingerprint=None))


def test_what_to_type_for_an_answer(swept):
    assert describe_luck_command(swept) == "result.report(path, luck=result.luck())"
    assert describe_luck_command(swept, "my runs/spy") == "qmac luck 'my runs/spy'"
    assert describe_luck_command(swept, "runs/a", "B C") == "qmac luck runs/a --symbol 'B C'"
    nothing_scored = replace(swept, top=swept.top.head(0))
    assert nothing_scored.best is None and describe_luck_command(nothing_scored) == ""
    own = replace(swept, prices=swept.prices | {"averages": "own"})
    assert describe_luck_command(own) == ""
