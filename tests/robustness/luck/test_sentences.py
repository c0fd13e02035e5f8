"""Sentences: one for each verdict, with figures that are read out."""

import pytest

from qmac.robustness.luck.chance import VERDICTS, Exceedances, conclude
from qmac.robustness.luck.sentences import BEGINNINGS, Facts, describe, format_share

FACTS = Facts("SPY", "total_return", True, 1)
COUNTS = {
    "luck_alone_brings_this": (33, 20, True),
    "open": (199, 8, False),
    "unlikely_luck_alone": (199, 1, False),
    "hard_to_explain_by_luck": (999, 0, False),
}


def sentences_of(counts, facts=FACTS):
    by_null = {"shuffle": Exceedances(*counts)}
    return describe(facts, conclude(by_null, facts.tried), by_null)


@pytest.mark.parametrize("verdict", VERDICTS)
def test_each_verdict(verdict):
    first, *_, last = sentences_of(COUNTS[verdict])
    assert first.startswith(BEGINNINGS[verdict])
    assert "rose as much as SPY" in first
    assert "tried" in last
    for sentence in sentences_of(COUNTS[verdict]):
        assert sentence.endswith(".")


def test_an_open_verdict_says_what_would_decide():
    assert "resamples would decide" in sentences_of(COUNTS["open"])[1]
    assert "too close to call after 9,999 resamples" in sentences_of((9_999, 499, False))[1]
    assert "too close to call after 40 resamples" in sentences_of((40, 2, False))[1]
    assert "about 76 resamples would decide" in sentences_of((19, 0, False))[1]


def test_more_resamples_alone_do_not_decide_what_counting_has_stopped_at():
    sentence = sentences_of((300, 20, True))[1]
    assert sentence.endswith("would decide, if counting did not stop at 20 (stop_after).")


def test_power_is_named_where_nothing_was_seen():
    by_return = sentences_of(COUNTS["open"])
    by_sharpe = sentences_of(COUNTS["open"], FACTS._replace(objective="sharpe_ratio"))
    assert "0.15% a bar that turn every 60 bars are found in 60%" in by_return[2]
    assert "are found in 50%" in by_sharpe[2]


def test_power_is_that_of_series_as_long_as_this_one():
    short, tried, long = (
        sentences_of(COUNTS["open"], FACTS._replace(bars=bars))[2] for bars in (800, 2000, 5031)
    )
    assert "are found in 40% of series of 1,000 bars (" in short and "these 800)" in short
    assert short.endswith("those of 0.10% in 17%.")
    assert "in 60% of series of 2,000 bars, those of 0.10% in 20%." in tried
    assert "are found in 88% of series of 5,000 bars (" in long and "these 5,031)" in long


def test_a_market_that_fell_and_many_searches():
    first, *_, last = sentences_of(COUNTS["open"], FACTS._replace(has_gain=False, tried=3))
    assert "in which buy & hold loses as much as in SPY" in first
    assert first.endswith("in 45 of 1,000, and it is the best of 3 searches.")
    assert last == (
        "p counts 3 searches of which this is the best: 3 times 0.045, at most 1, is 0.135 "
        "(0.053 to 0.233)."
    )


@pytest.mark.parametrize(
    ("p", "text"),
    [
        (1.0, "100 of 100"),
        (0.1, "10 of 100"),
        (0.04, "40 of 1,000"),
        (0.001, "10 of 10,000"),
        (0.0002, "2 of 10,000"),
        (1e-6, "fewer than 1 of 10,000"),
    ],
)
def test_shares(p, text):
    assert format_share(p) == text
