"""Messages of the page: each is one of a few kinds, or refused in a sentence."""

import json

import pytest

from qmac.errors import InputError
from qmac.explorer.messages import Ask, Cell, Order, find_number, read_message
from qmac.explorer.question import Question

CELL = {"rows": "buy_fast", "columns": "sell_slow", "row": 5, "column": 9}


def test_a_question_comes_with_its_view():
    text = json.dumps(
        {"type": "ask", "id": 3, "exact": True, "question": {},
         "view": {"stat": "mean", "combination": [1, 2, 3, 4], "cell": CELL}}
    )  # fmt: skip
    message = read_message(text)
    assert isinstance(message, Ask)
    assert (message.number, message.is_exact, message.question) == (3, True, Question())
    assert message.view.stat == "mean"
    assert message.view.combination == (1, 2, 3, 4)
    assert message.view.cell == Cell("buy_fast", "sell_slow", 5, 9)


def test_orders_have_no_more_than_a_number():
    assert read_message('{"type": "save", "id": 7}') == Order(7, "save")
    with pytest.raises(InputError, match="'path' is not known"):
        read_message('{"type": "save", "id": 7, "path": "/etc/passwd"}')


@pytest.mark.parametrize(
    "text",
    [
        "", "[", "[]", "null", "3", '"ask"', "{}", b"{}", None, 7, "[" * 100_000, "x" * 100_000,
        '{"type": "ask"}', '{"type": "ask", "id": -1}', '{"type": "ask", "id": 1e400}',
        '{"type": "ask", "id": NaN}', '{"type": "ask", "id": true}', '{"type": ["ask"], "id": 1}',
        '{"type": "ask", "id": 1, "exact": 1}', '{"type": "ask", "id": 1, "question": []}',
        '{"type": "ask", "id": 1, "view": {"stat": "max"}}',
        '{"type": "ask", "id": 1, "view": {"combination": [1, 2, 3]}}',
        '{"type": "ask", "id": 1, "view": {"combination": [1, 2, 3, 0]}}',
        '{"type": "ask", "id": 1, "view": {"cell": {}}}',
        json.dumps({"type": "ask", "id": 1, "view": {"cell": CELL | {"columns": "buy_fast"}}}),
        '{"type": "ask", "id": 1, "question": {"fees": Infinity}}',
    ],
)  # fmt: skip
def test_anything_else_is_refused_in_a_sentence(text):
    with pytest.raises(InputError) as caught:
        read_message(text)
    assert str(caught.value)


def test_the_number_of_an_invalid_message_is_found():
    assert find_number('{"type": "nothing", "id": 5}') == 5
    assert find_number('{"id": "5"}') is None
    assert find_number("nothing") is None
