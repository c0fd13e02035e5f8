"""Rules: which values they take, and what their fields say."""

import dataclasses
import datetime as dt
import math

import numpy as np
import pandas as pd
import pytest

from qmac.errors import OptionError, RulesError
from qmac.strategy.rules import STOPS, Rules


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"fees": 1}, r"fees must be in \[0, 1\), got 1\."),
        ({"fees": -0.1}, "got -0.1"),
        ({"slippage": float("nan")}, r"slippage must be in \[0, 1\), got nan"),
        ({"slippage": "a"}, "must be a number"),
        ({"init_cash": 0}, r"init_cash must be in \[1e-09, 1e\+18\], got 0"),
        ({"periods_per_year": -1}, r"periods_per_year must be in \[1e-06, 1e\+17\], got -1"),
        ({"periods_per_year": 1e300}, "periods_per_year"),
        ({"periods_per_year": math.nan}, "periods_per_year"),
        ({"average": "smaa"}, "Did you mean 'sma'"),
        ({"fill": "next_opn"}, "Did you mean 'next_open'"),
        ({"stop_loss": 0}, r"stop_loss must be in \(0, 1\), got 0"),
        ({"stop_loss": 1}, r"must be in \(0, 1\), got 1\."),
        ({"trailing_stop": 5}, "0.05 is 5 %"),
        ({"take_profit": -0.1}, r"take_profit must be in \(0, inf\), got -0.1"),
        ({"take_profit": float("inf")}, r"take_profit must be .*got inf"),
        ({"max_bars": 0}, "max_bars must be at least 1, got 0"),
        ({"max_bars": 2.5}, "whole number"),
        ({"fixed_fees": 1.0}, "trades no longer add up"),
        ({"end": "soon"}, "end must be a date such as 2010-01-04, got 'soon'"),
        ({"conflict": "oposite"}, "Did you mean 'opposite'"),
        ({"start": "soon"}, "start must be a date .*got 'soon'"),
        ({"start": 2010}, "start must be a date .*got 2010"),
    ],
)
def test_bad_rules(arguments, says):
    with pytest.raises(RulesError, match=says):
        Rules(**arguments)


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        ("2010-01-04", "2010-01-04"),
        ("20100104", "2010-01-04"),
        ("2010-01-04 15:30", "2010-01-04T15:30:00"),
        ("2010-01-04 00:00", "2010-01-04T00:00:00"),
        (dt.date(2010, 1, 4), "2010-01-04"),
        (dt.datetime(2010, 1, 4, tzinfo=dt.UTC), "2010-01-04T00:00:00+00:00"),
        (pd.Timestamp("2010-01-04 15:30"), "2010-01-04T15:30:00"),
        (None, None),
    ],
)
def test_moments_are_text(moment, text):
    rules = Rules(start=moment, end=moment)
    assert (rules.start, rules.end) == (text, text)


@pytest.mark.parametrize("moment", [pd.NaT, "2010-13-01", "", 20100104])
def test_what_is_no_moment(moment):
    with pytest.raises(RulesError, match="end must be a date such as 2010-01-04, got "):
        Rules(end=moment)


def test_numbers_of_any_kind():
    rules = Rules(fees="0.01", stop_loss=np.float32(0.5), max_bars=np.int16(7), init_cash=10**6)
    assert rules.to_dict()["fees"] == 0.01
    assert [type(value) for value in (rules.stop_loss, rules.max_bars)] == [float, int]
    assert Rules(take_profit=25).take_profit == 25.0


def test_rules_of_a_call():
    rules = Rules(fees=0.5)
    assert Rules.of(rules) is rules and Rules.of(None) == Rules()
    with pytest.raises(OptionError, match=r"rules must be qmac.Rules, got dict\."):
        Rules.of({"fees": 0.5})


@pytest.mark.parametrize("stop", [*STOPS, "max_bars"])
def test_what_closes_a_position_but_signals(stop):
    assert not Rules().has_stops
    assert Rules(**{stop: 7 if stop == "max_bars" else 0.5}).has_stops


@pytest.mark.parametrize("rule", dataclasses.fields(Rules), ids=lambda rule: rule.name)
def test_fields_describe_themselves(rule):
    """The command line and the report are derived from what they say."""
    assert rule.metadata["help"].endswith(".") and rule.metadata["help"][0].isupper()
    choices = rule.metadata["choices"]
    assert bool(choices) == (rule.name in ("average", "fill", "conflict"))
    assert not choices or rule.default in choices
    assert rule.metadata["is_hidden"] == (rule.name == "fixed_fees")
    sentence = rule.metadata["sentence"]
    assert bool(sentence) == (rule.default is None and rule.name != "periods_per_year")
    if sentence:
        said = sentence.format(value="X", percent=7.5)
        assert said.endswith(".") and ("X" in said or "7.5 %" in said)


def test_rules_are_values():
    rules = Rules(fees=0.001, start=dt.date(2010, 1, 4))
    assert rules == Rules(fees=0.001, start="2010-01-04") == Rules(**rules.to_dict())
    assert hash(rules) == hash(Rules(**rules.to_dict()))
    assert rules.buy_factor == pytest.approx(1.0025 * 1.001)
    assert rules.sell_factor == pytest.approx(0.9975 * 0.999)
