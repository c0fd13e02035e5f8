"""Questions of the page: defaults, refusals, and the command that asks the same."""

import itertools

import pytest
from helpers.wrong_values import values

import qmac
from qmac.errors import InputError
from qmac.explorer.question import RULES, Question, build_question
from qmac.strategy.constraints import parse_conditions


def test_an_empty_question_has_the_defaults_of_the_command_line():
    question = build_question({})
    assert question == Question()
    assert question.rules == qmac.Rules()
    assert question.list_words() == []


def test_a_question_is_the_same_as_the_page_has_it():
    question = build_question(
        {
            "objective": "sharpe_ratio",
            "maximize": False,
            "fees": 0.001,
            "stop_loss": 0.05,
            "max_bars": 7,
            "start": "2001-02-03",
            "edge": "2005-06-07",
            "min_trades": 4,
            "constraints": {"win_rate": [0.25, None], "exposure": [0.1, 0.9]},
        }
    )
    assert build_question(question.to_dict()) == question
    assert question.rules_in_sample.end == "2005-06-07"
    assert question.rules.end is None


def test_words_say_what_differs():
    question = build_question(
        {"maximize": False, "slippage": 0, "edge": "2005-06-07", "end": "2007-01-01",
         "min_trades": 0, "constraints": {"max_drawdown": [-0.2, None]}}
    )  # fmt: skip
    words = question.list_words()
    assert words == [
        "--minimize", "--slippage", "0.0", "--end", "2005-06-07", "--min-trades", "0",
        "--where", "max_drawdown >= -0.2",
    ]  # fmt: skip
    assert parse_conditions(words[-1:])["max_drawdown"][0] == -0.2


def test_every_rule_is_a_question_but_the_one_that_only_says_why_not():
    assert set(RULES) == set(qmac.Rules().to_dict()) - {"fixed_fees"}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"fee": 1}, "'fee' is not known. Did you mean 'fees'"),
        ({"fees": "0.1"}, "fees must be a number, got '0.1'"),
        ({"fees": 2}, r"fees must be in \[0, 1\)"),
        ({"fees": None}, "fees must be a number"),
        ({"objective": "sharp"}, "Did you mean 'sharpe_ratio'"),
        ({"objective": 3}, "objective must be a text"),
        ({"maximize": 1}, "maximize must be"),
        ({"edge": "soon"}, "end must be a date|edge must be a date"),
        ({"min_trades": -1}, "min_trades must be"),
        ({"constraints": {"win_rate": 3}}, "must be a list of two bounds"),
        ({"constraints": {"win_rate": [None, None]}}, "must be a list of two bounds"),
        ({"constraints": {"win": [0, 1]}}, "unknown metric"),
        ({"constraints": dict.fromkeys(map(str, range(17)), [0, 1])}, "at most 16"),
        ([], "question must be an object"),
    ],
)
def test_refusals_are_sentences(values, message):
    with pytest.raises(InputError, match=message):
        build_question(values)


def test_no_value_of_any_type_raises_anything_else():
    names = Question().to_dict()
    for name, value in itertools.product(names, values().values()):
        try:
            build_question({name: value})
        except InputError:
            continue
