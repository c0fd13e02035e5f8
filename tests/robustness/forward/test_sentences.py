"""What a walk-forward says, in words."""

import math

import pytest

from qmac.robustness.forward.folds import Layout
from qmac.robustness.forward.sentences import (
    Facts,
    describe,
    describe_headline,
    describe_outcome,
)

FACTS = Facts(
    objective="total_return",
    maximize=True,
    ranked_by="total_return",
    combinations=1_499_400,
    scored=1_499_400,
    folds=15,
    ranked=15,
    above_median=7,
    without_winner=0,
    better_than=0.8045,
    followed=0.90,
    hold=1.50,
    kept_share=0.32,
    left_over=29,
)


def test_many_folds():
    assert describe(FACTS) == [
        "The winners were better than the median window set in the bars after in 7 of 15 folds.",
        "Followed, the winners made 90.0%, less than buy & hold with 150.0%.",
        (
            "This is what following the winners would have made, not a test: the kept share is "
            "0.32, and on random walks that drift like a stock index it averages 0.30."
        ),
        "29 bars after the last test are left over, too few for another one.",
    ]


def test_one_fold():
    first, growth, share, *_ = describe(FACTS._replace(folds=1, ranked=1))
    assert first == (
        "In the bars after, the winner was better than 80.5% of all 1,499,400 window sets."
    )
    assert growth.startswith("Followed, the winner made 90.0%")
    assert share.startswith("This is what following the winner would have made")
    sharpe = FACTS._replace(folds=1, ranked=1, objective="sharpe_ratio", ranked_by="sharpe_ratio")
    first, *_ = describe(sharpe._replace(scored=22))
    assert first == (
        "In the bars after, the winner was better than 80.5% of all 22 window sets that have a "
        "sharpe_ratio there."
    )
    first, *_ = describe(sharpe._replace(ranked=0, better_than=math.nan))
    assert first == "The winner has no sharpe_ratio in the bars after, and no rank."
    _, _, share, *_ = describe(FACTS._replace(folds=1, ranked=1, kept_share=math.nan))
    assert share.endswith("the winner did not grow in its train, so there is no kept share.")


def test_winners_without_a_rank_are_not_counted():
    sortino = FACTS._replace(objective="sortino_ratio", ranked_by="sortino_ratio", left_over=0)
    first, *_, last = describe(sortino._replace(ranked=13))
    assert first.endswith("in 7 of 13 folds.")
    assert last.startswith("2 winners have no sortino_ratio in the test, such as without a trade")
    first, *_ = describe(sortino._replace(ranked=0, above_median=0))
    assert first == "The winners have no sortino_ratio in the bars after, and no rank."


def test_no_winner_at_all():
    facts = FACTS._replace(without_winner=15, ranked=0, above_median=0, left_over=0)
    (only,) = describe(facts)
    assert describe_outcome(facts) == only and describe_outcome(FACTS) == describe(FACTS)[1]
    assert only == (
        "No window set passed the constraints in any train: the account stayed in cash; buy & hold "
        "made 150.0%."
    )


def test_what_else_may_be_said():
    said = " ".join(
        describe(
            FACTS._replace(
                objective="max_drawdown",
                maximize=False,
                without_winner=1,
                ranked=14,
                kept_share=math.nan,
                left_over=1,
            )
        )
    )
    assert "max_drawdown is no sum over bars" in said
    assert "ranked by total_return, the highest first." in said
    assert "In 1 train no window set passed the constraints" in said
    assert "so there is no kept share" in said and "1 bar after the last test is left over" in said
    assert "as much as buy & hold" in describe(FACTS._replace(followed=1.5))[1]
    assert "more than buy & hold" in describe(FACTS._replace(followed=1.6))[1]


@pytest.mark.parametrize(
    ("layout", "words"),
    [
        ({"train": "4y", "test": "1y"}, "chosen in 3 folds on 4 years and followed for 1 year."),
        (
            {"train": 1000, "test": "8w", "anchored": True, "gap": 1},
            (
                "chosen in 3 folds on all bars before (at least 1,000 bars) and followed for 8 "
                "weeks after a gap of 1 bar."
            ),
        ),
        ({"train": "6mo", "test": "1d"}, "chosen in 3 folds on 6 months and followed for 1 day."),
        ({"holdout": 0.3}, "chosen on the bars before the test."),
    ],
)
def test_the_headline_has_lengths_in_words(layout, words):
    headline = describe_headline("X", 10, "total_return", Layout.check(**layout).to_dict(), 3)
    assert headline == f"X: the best of 10 window sets by total_return, {words}"


def test_the_headline_says_that_the_lowest_is_the_best():
    layout = Layout.check(holdout=0.3).to_dict()
    headline = describe_headline("X", 10, "max_drawdown", layout, 1, maximize=False)
    assert "the best of 10 window sets by the lowest max_drawdown, chosen" in headline
