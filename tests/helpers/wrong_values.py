"""Values of every type, for tests that an argument takes no other than its own."""

import datetime as dt
import itertools
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd

import qmac


class Unshowable:
    """An object that can be neither shown nor compared."""

    def __repr__(self):
        raise RuntimeError("repr")

    def __eq__(self, other):
        raise RuntimeError("eq")

    __hash__ = object.__hash__


def values():
    """Return values by a name of each; built anew, for generators end."""
    return {
        "None": None,
        "True": True,
        "np.True_": np.True_,
        "0": 0,
        "1": 1,
        "-1": -1,
        "np.int64": np.int64(3),
        "np.uint8": np.uint8(3),
        "2**31": 2**31,
        "10**400": 10**400,
        "10**5000": 10**5000,
        "-10**400": -(10**400),
        "2.5": 2.5,
        "2.0": 2.0,
        "0.5": 0.5,
        "np.float32": np.float32(0.5),
        "nan": float("nan"),
        "np.nan32": np.float32("nan"),
        "inf": float("inf"),
        "-inf": -float("inf"),
        "complex": 1j,
        "np.complex64": np.complex64(1),
        "Decimal": Decimal("0.5"),
        "Decimal nan": Decimal("nan"),
        "Decimal snan": Decimal("snan"),
        "Fraction": Fraction(1, 2),
        "text": "no",
        "text False": "False",
        "text digits": "5",
        "text number": "0.5",
        "text empty": "",
        "text blank": " ",
        "text nul": "a\0b",
        "text surrogate": "a\ud800",
        "text escape": "\x1b[2J",
        "text long": "x" * 100_000,
        "text name long": "x" * 300,
        "text address": "http://127.0.0.1:9/x.csv",
        "text bucket": "s3://bucket/x.parquet",
        "text home": "~no-such-user/x",
        "np.str_": np.str_("no"),
        "bytes": b"no",
        "bytearray": bytearray(b"no"),
        "memoryview": memoryview(b"no"),
        "list empty": [],
        "list None": [None],
        "list ints": [3, 5],
        "list floats": [0.1, 0.2],
        "list texts": ["a", "b"],
        "list nested": [[1, [2]], 3],
        "list bools": [True, False, True, False],
        "tuple ints": (3, 5),
        "tuple Nones": (None, None),
        "set": {3, 5},
        "set of four": {3, 5, 7, 9},
        "frozenset": frozenset({3}),
        "dict empty": {},
        "dict": {"a": 1},
        "dict ints": {3: 1, 5: 2, 7: 3, 9: 4},
        "dict of itself": {"a": {"a": None}},
        "generator": (number for number in (3, 5)),
        "iterator": iter("no"),
        "endless": itertools.count(2),
        "range": range(2, 4),
        "range empty": range(0),
        "slice": slice(None),
        "object": object(),
        "unshowable": Unshowable(),
        "class int": int,
        "class Path": Path,
        "class Prices": qmac.Prices,
        "class Grid": qmac.Grid,
        "lambda": lambda *_: None,
        "module": qmac,
        "Ellipsis": ...,
        "exception": ValueError("no"),
        "array 0-d": np.array(5),
        "array ints": np.array([3, 5]),
        "array floats": np.array([0.5, 0.25]),
        "array bool": np.array(True),
        "array bools": np.array([True, False]),
        "array texts": np.array(["a", "b"]),
        "array dates": np.array(["2001-01-01"], "datetime64[D]"),
        "array objects": np.array([None, 3], object),
        "array 2-d": np.ones((2, 2)),
        "array empty": np.array([]),
        "array structured": np.zeros(2, [("a", int)]),
        "np.datetime64": np.datetime64("2001-01-01"),
        "np.timedelta64": np.timedelta64(3, "D"),
        "NA": pd.NA,
        "NaT": pd.NaT,
        "Timestamp": pd.Timestamp("2001-01-05"),
        "Timedelta": pd.Timedelta(days=3),
        "date": dt.date(2001, 1, 5),
        "datetime": dt.datetime(2001, 1, 5),  # noqa: DTZ001 - without a zone
        "datetime zoned": dt.datetime(2001, 1, 5, tzinfo=dt.UTC),
        "time": dt.time(1),
        "timedelta": dt.timedelta(1),
        "DataFrame empty": pd.DataFrame(),
        "DataFrame": pd.DataFrame({"a": [1, 2]}),
        "DataFrame Close": pd.DataFrame({"Close": [1, 2]}),
        "Series empty": pd.Series(dtype=float),
        "Series ints": pd.Series([3, 5]),
        "Series texts": pd.Series(["a", "b"]),
        "Index": pd.Index([3, 5]),
        "Path": Path("new"),
        "Path empty": Path(),
        "Rules": qmac.Rules(),
        "Limits": qmac.Limits(),
        "Grid": qmac.Grid(windows=range(2, 6)),
    }
