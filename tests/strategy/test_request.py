"""A request is checked once: from arguments of a user, or from an untrusted file."""

import json
import math
import warnings

import pytest
from helpers.series import frame, series
from hypothesis import given
from hypothesis import strategies as st

import qmac
from qmac.errors import InputError
from qmac.strategy.request import Request, check_request

GRID = qmac.Grid(windows=range(2, 9))
REQUEST = check_request(
    GRID, "sharpe_ratio", qmac.Rules(fees=0.001), constraints={"win_rate": (0.1, None)}
)
VALUES = REQUEST.to_dict()


@given(
    st.sampled_from(["total_return", "max_drawdown"]),
    st.booleans(),
    st.integers(1, 1000),
    st.dictionaries(
        st.sampled_from(["win_rate", "exposure", "total_trades"]),
        st.tuples(st.none() | st.floats(0, 0.5), st.none() | st.floats(0.5, 1)),
    ),
)
def test_a_request_is_what_its_json_says(objective, maximize, top, constraints):
    request = check_request(
        GRID, objective, top=top, min_trades=0, maximize=maximize, constraints=constraints
    )
    again = Request.from_dict(json.loads(json.dumps(request.to_dict(), allow_nan=False)))
    assert again == request
    assert list(again.constraints) == list(constraints)  # the order is that of ``filtered_by``


def test_min_trades_is_the_last_constraint():
    assert REQUEST.constraints == {"win_rate": (0.1, math.inf), "total_trades": (5.0, math.inf)}
    assert list(REQUEST.constraints) == ["win_rate", "total_trades"]


def test_a_request_does_not_change():
    with pytest.raises(AttributeError):
        REQUEST.top = 3


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, None) for name in VALUES),
        ("grid", {"windows": [2, 3, 4, 5]}),
        ("grid", VALUES["grid"] | {"shared_windows": 0}),
        ("grid", VALUES["grid"] | {"buy_fast": "2:9"}),
        ("grid", VALUES["grid"] | {"buy_fast": [2, True]}),
        ("grid", VALUES["grid"] | {"buy_fast": [2.0]}),
        ("rules", {"fees": 2}),
        ("rules", {"no_such_rule": 2}),
        ("rules", {"fees": 10**400}),
        ("objective", "profit"),
        ("maximize", 1),
        ("constraints", {"win_rate": 0.5}),
        ("constraints", {"win_rate": [0.5]}),
        ("constraints", {"win_rate": ["0.1", None]}),
        ("constraints", {"win_rate": [False, None]}),
        ("constraints", {"win_rate": [1, 0]}),
        ("top", 0),
        ("top", True),
        ("top", 10**7),
    ],
)
def test_values_of_an_untrusted_file_are_checked(name, value):
    with pytest.raises(InputError):
        Request.from_dict(VALUES | {name: value})
    missing = {key: entry for key, entry in VALUES.items() if key != name}
    with pytest.raises(InputError, match=name):
        Request.from_dict(missing)


def test_entries_of_others_are_ignored():
    assert Request.from_dict(VALUES | {"lanes": 32}) == REQUEST


def test_what_is_no_grid_is_named():
    with pytest.raises(InputError, match=r"grid must be a qmac\.Grid.*got a range"):
        check_request(range(2, 9))


def test_an_odd_bound_is_a_warning_at_the_line_that_sets_it():
    bounds = {"win_rate": (50, None)}
    with pytest.warns(UserWarning, match=r"For 50 %: win_rate >= 0\.5") as caught:
        qmac.optimize(frame(series("random", 60, 4)), GRID, constraints=bounds)
    assert caught[0].filename == __file__


def test_a_saved_request_warns_no_more():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Request.from_dict(VALUES | {"constraints": {"win_rate": [50, None]}})


def test_a_list_of_a_file_without_end():
    """A million windows took 15 seconds to check."""
    grid = VALUES["grid"] | {"buy_fast": [2] * 100_001}
    with pytest.raises(InputError, match="grid.buy_fast must have at most 100,000 windows"):
        Request.from_dict(VALUES | {"grid": grid})
