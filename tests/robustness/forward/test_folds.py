"""Folds: which bars, how many are left over, and what cannot be divided."""

import numpy as np
import pandas as pd
import pytest
from helpers.series import frame, series
from hypothesis import given
from hypothesis import strategies as st

import qmac
from qmac.errors import OptionError, PricesError
from qmac.robustness.forward.folds import Fold, Layout, Length, plan_folds

PRICES = qmac.Prices.of(frame(series("random", 1000, 1)), "SPY")


def plan(first=20, stop=1000, longest=19, prices=PRICES, **layout):
    return plan_folds(prices, Layout.check(**layout), first, stop, longest)


def test_rolling_folds_move_by_the_test():
    folds = plan(train=300, test=100)
    assert folds.folds[0] == Fold(20, 320, 320, 420)
    assert folds.folds[1] == Fold(120, 420, 420, 520)
    assert (len(folds.folds), folds.left_over) == (6, 80)
    assert (folds.test_start, folds.test_stop) == (320, 920)


def test_anchored_folds_begin_with_the_first_bar_and_a_gap_lies_between():
    folds = plan(train=300, test="100", anchored=True, gap=5)
    assert folds.folds[:2] == (Fold(20, 320, 325, 425), Fold(20, 420, 425, 525))
    assert folds.left_over == 1000 - 925


def test_the_last_bars_may_be_those_of_a_whole_fold():
    folds = plan(train=280, test=100, stop=1000)
    assert (len(folds.folds), folds.left_over) == (7, 0)


@pytest.mark.parametrize(("holdout", "start"), [(0.3, 1000 - 294), ("0.5", 510), (0.25, 755)])
def test_a_share_is_held_out(holdout, start):
    folds = plan(holdout=holdout, gap=3)
    assert folds.folds == (Fold(20, start - 3, start, 1000),)
    assert folds.left_over == 0


def test_a_date_is_held_out():
    moment = PRICES.index[700]
    texts = (str(moment), moment.strftime(" %Y%m%d"))
    for date in (moment, moment.date(), moment.to_datetime64(), *texts):
        assert plan(holdout=date).folds == (Fold(20, 700, 700, 1000),)
    first = int(PRICES.index.searchsorted(pd.Timestamp("2003")))
    assert plan(holdout="2003").test_start == first
    with pytest.raises(PricesError, match="has a time zone"):
        plan(holdout="2003-01-01T00:00+09:00")


def test_lengths_of_the_calendar_do_not_drift():
    index = pd.bdate_range("2000-01-03", "2009-12-31")
    prices = qmac.Prices.of(pd.Series(series("random", len(index), 2), index))
    folds = plan(0, len(index), prices=prices, train="4y", test="6mo").folds
    starts = [index[fold.test_start].date().isoformat() for fold in folds]
    assert starts[:4] == ["2004-01-05", "2004-07-05", "2005-01-03", "2005-07-04"]
    trains = [index[fold.train_start].date().isoformat() for fold in folds]
    assert trains[:4] == ["2000-01-03", "2000-07-03", "2001-01-03", "2001-07-03"]
    assert len(folds) == 12  # the last half year is whole: the next bar may come after a weekend
    weeks = plan(0, len(index), prices=prices, train=500, test="8w")
    assert all(fold.train_stop - fold.train_start == 500 for fold in weeks.folds)
    mixed = plan(0, len(index), prices=prices, train="2y", test=250)
    assert all(fold.test_stop - fold.test_start == 250 for fold in mixed.folds)
    assert all(515 <= fold.train_stop - fold.train_start <= 525 for fold in mixed.folds)


def test_months_from_their_last_day_end_on_their_last_day():
    index = pd.date_range("2020-01-31", periods=250, freq="D")
    prices = qmac.Prices.of(pd.Series(series("random", 250, 2), index))
    folds = plan(0, 250, 5, prices=prices, train="1mo", test="1mo").folds
    starts = [index[fold.test_start].date().isoformat() for fold in folds]
    assert starts[:4] == ["2020-02-29", "2020-03-31", "2020-04-30", "2020-05-31"]
    assert folds[1].train_start == folds[0].train_stop


def test_a_hole_in_the_dates_is_named():
    index = pd.bdate_range("2000-01-03", periods=300).append(
        pd.bdate_range("2003-01-01", periods=300)
    )
    prices = qmac.Prices.of(pd.Series(series("random", 600, 2), index))
    with pytest.raises(OptionError, match="2 bars, got 0 in fold 5 of .* begins at 2003-01-01"):
        plan(0, 600, 5, prices=prices, train="6mo", test="2mo")


@given(
    st.integers(20, 300),
    st.integers(2, 200),
    st.integers(0, 30),
    st.booleans(),
    st.integers(400, 1000),
)
def test_tests_follow_each_other_and_no_train_looks_ahead(train, test, gap, anchored, stop):
    layout = {"train": train, "test": test, "gap": gap, "anchored": anchored}
    if train + gap + test > stop - 20:
        with pytest.raises(OptionError, match="no whole fold"):
            plan(stop=stop, **layout)
        return
    folds = plan(stop=stop, **layout)
    ends = [fold.test_stop for fold in folds.folds]
    assert [fold.test_start for fold in folds.folds[1:]] == ends[:-1]
    for fold in folds.folds:
        assert fold.train_stop + gap == fold.test_start
        assert fold.test_stop - fold.test_start == test
        assert fold.train_start == (20 if anchored else fold.train_stop - train)
    assert 0 <= folds.left_over < test and ends[-1] + folds.left_over == stop


@pytest.mark.parametrize(
    ("layout", "says"),
    [
        ({}, "need holdout, or train and test, got None"),
        (
            {"holdout": 0.3, "train": 10, "test": 5},
            "holdout is 0.3, but there is train and test, too",
        ),
        ({"train": 1000}, "test must be a length, got None"),
        ({"test": 1000}, "train must be a length, got None"),
        ({"holdout": 1.0}, "between 0 and 1, or a date, got 1.0"),
        ({"holdout": "soon"}, "between 0 and 1, or a date, got 'soon'"),
        ({"holdout": True}, "between 0 and 1"),
        ({"holdout": pd.NaT}, "between 0 and 1, or a date, got NaT"),
        ({"holdout": 0.3, "anchored": True}, "anchored is True, but it is about several folds"),
        ({"train": "4 parsecs", "test": 5}, "train must be a length, got '4 parsecs'"),
        ({"train": 4.5, "test": 5}, "train must be a length, got 4.5"),
        ({"train": 100, "test": 1}, "test must have 2 to"),
        ({"train": 0, "test": 5}, "train must have 1 to"),
        ({"train": 100, "test": 5, "gap": -1}, "gap"),
        ({"train": 800, "test": 400}, "need 1,200 bars .* SPY has 980: 220 are missing"),
        ({"train": "4y", "test": 400}, "about .* are missing"),
        ({"train": 800, "test": 100, "gap": 1000}, "a gap of 1,000 bars and .* 920 are missing"),
        ({"train": 19, "test": 5}, "at least 20 bars, .* got 19"),
        ({"holdout": 0.99}, "at least 20 bars"),
        ({"holdout": 0.001}, "a test must have at least 2 bars, got 1"),
        (
            {"holdout": "2099-01-01"},
            "must be a date from 2001-01-30 to 2004-10-29 of SPY, got 2099-01-01",
        ),
        ({"holdout": "1990-01-01"}, "got 1990-01-01. Bars before are needed"),
        ({"holdout": "today"}, "between 0 and 1, or a date, got 'today'"),
    ],
)
def test_what_cannot_be_divided(layout, says):
    with pytest.raises(OptionError, match=says):
        plan(**layout)


def test_a_layout_as_plain_values():
    layout = Layout.check("4y", 250, gap=np.int64(5))
    assert layout.to_dict() == {
        "train": "4y", "test": "250", "holdout": None, "anchored": False, "gap": 5,
    }  # fmt: skip
    assert layout.train == Length(4, "y") and layout.train.text == "4y"
