"""Values as JSON has them."""

import json
import math
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from qmac.storage.json_text import compute_checksum, to_json, to_json_values

NAN, INFINITY = math.nan, math.inf


@dataclass
class Pair:
    name: str
    value: Any


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (NAN, None),
        (-INFINITY, None),
        (0.1, 0.1),
        (True, True),
        ("text", "text"),
        ((1, [2.5, NAN]), [1, [2.5, None]]),
        ({5: {"a": INFINITY}}, {"5": {"a": None}}),
        (Pair("a", (Pair("b", NAN),)), {"name": "a", "value": [{"name": "b", "value": None}]}),
        (np.float64(NAN), None),
        (np.float32(0.5), 0.5),
        (np.int64(7), 7),
        (np.bool_(1), True),
        (np.array([[1.5, NAN], [INFINITY, 2]]), [[1.5, None], [None, 2.0]]),
        (np.array([[1.5, 2.5]]), [[1.5, 2.5]]),
        (np.array([3, 4], np.uint16), [3, 4]),
        (np.array(["2020-01-02", "2020-01-03"], "M8[s]"), ["2020-01-02", "2020-01-03"]),
        (np.array(["2020-01-02T10:30"], "M8[s]"), ["2020-01-02T10:30:00"]),
    ],
)
def test_values(value, expected):
    values = to_json_values(value)
    assert values == expected
    assert type(values) is type(expected) or isinstance(value, np.floating)
    assert json.loads(json.dumps(values, allow_nan=False)) == expected


def test_every_digit_is_written():
    assert to_json({"a": 0.1 + 0.2, "b": np.float64(1e-300)}) == (
        '{"a": 0.30000000000000004, "b": 1e-300}'
    )


def test_what_json_has_no_value_for_is_refused():
    with pytest.raises(TypeError, match="set"):
        to_json({"windows": {1, 2}})


def test_numpy_is_not_imported_for_plain_values():
    """Commands that read progress start without it."""
    code = "import sys; from qmac.storage import json_text; json_text.to_json([1.0]); "
    code += "assert 'numpy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=300)


def test_a_checksum_changes_with_any_value_and_no_order():
    header = {"qmac": "1.0", "grid": [2, 3], "checksum": "old"}
    assert compute_checksum(header) == compute_checksum({"grid": [2, 3], "qmac": "1.0"})
    assert compute_checksum(header) != compute_checksum({**header, "grid": [3, 2]})
