"""Fields of frozen dataclasses whose content stays as it is, whatever a reader does with it."""

import dataclasses
import pickle
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pytest

from qmac._fields import Deferred, protect, protected


@protected("frame", "array", "entries", "steps")
@dataclass(frozen=True)
class Held:
    """An object that holds one of each."""

    frame: pd.DataFrame
    array: np.ndarray
    entries: dict[str, Any]
    steps: list[dict[str, Any]] = field(default_factory=list)


@pytest.fixture
def held():
    frame = pd.DataFrame({"a": [3.0, 1.0, 2.0]}, pd.Index([7, 8, 9], name="bar"))
    return Held(frame, np.arange(3), {"bounds": [1, None]}, [{"level": "shed"}])


def test_what_a_reader_does_stays_with_the_reader(held):
    frame = held.frame
    frame.loc[7, "a"] = 9.0
    frame["b"] = 1
    frame.index.name = "other"
    held.frame.pop("a")
    held.entries["bounds"].append(2)
    held.entries.clear()
    held.steps[0].clear()
    held.steps.append({})
    with pytest.raises(ValueError, match="read-only"):
        held.array[0] = 5
    with pytest.raises(ValueError, match="read-only"):
        held.array.sort()
    assert held.frame["a"].tolist() == [3.0, 1.0, 2.0] and list(held.frame) == ["a"]
    assert held.frame.index.name == "bar"
    assert held.array.tolist() == [0, 1, 2]
    assert (held.entries, held.steps) == ({"bounds": [1, None]}, [{"level": "shed"}])


COLUMNS = {
    "counts": [1, 2],
    "numbers": [1.0, 2.0],
    "dates": pd.DatetimeIndex(["2001-01-02", "2001-01-03"]),
    "zoned": pd.DatetimeIndex(["2001-01-02", "2001-01-03"], tz="UTC"),
    "flags": [True, False],
    "text": ["a", "b"],
    "kinds": pd.Categorical(["a", "b"]),
    "objects": pd.Series(["a", 1], dtype=object),
}


def unlock(array):
    """Write into an array that NumPy was told to be writeable."""
    array.flags.writeable = True
    array[0] = array[1]


def overwrite(array):
    """Write into an array, of NumPy or pandas."""
    array[0] = array[1]


WRITES = {
    "array": lambda column: overwrite(column.array),
    "values": lambda column: overwrite(column.values),
    "to_numpy": lambda column: overwrite(column.to_numpy()),
    "backing": lambda column: overwrite(getattr(column.array, "_ndarray", column.array)),
    "unlocked": lambda column: unlock(column.to_numpy()),
}


@pytest.mark.filterwarnings("ignore:Series.values")
@pytest.mark.parametrize("again", [False, True], ids=["as made", "unpickled"])
@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
@pytest.mark.parametrize("name", COLUMNS)
def test_no_view_of_a_column_reaches_the_object(name, write, again):
    held = Held(pd.DataFrame(COLUMNS), np.arange(2), {"column": pd.Series(COLUMNS[name])})
    held = pickle.loads(pickle.dumps(held)) if again else held
    for column in (held.frame[name], held.frame.iloc[:, list(COLUMNS).index(name)]):
        with suppress(ValueError):  # pandas copies some kinds, and the others are read-only
            write(column)
    with suppress(ValueError):
        write(held.entries["column"])
    assert held.frame.equals(pd.DataFrame(COLUMNS))
    assert held.entries["column"].equals(pd.Series(COLUMNS[name]))


def test_a_read_only_array_stays_read_only():
    for array in (np.arange(3), np.zeros((0, 2)), np.zeros((4, 4))[::2], np.zeros(2, "M8[s]")):
        view = protect(array)
        with pytest.raises(ValueError, match="WRITEABLE"):
            view.flags.writeable = True
        assert np.array_equal(view, array) and view.dtype == array.dtype


def test_a_frame_that_outlives_its_object_can_be_changed_by_its_reader():
    frame = Held(pd.DataFrame(COLUMNS), np.arange(2), {}).frame
    column, other = frame["numbers"], frame.copy(deep=False)
    frame.loc[0, "numbers"] = 5.0
    frame.loc[0, "text"] = "z"
    frame.loc[0, "dates"] = frame.loc[1, "dates"]
    frame["counts"] += 1
    column.iloc[0] = 7.0
    assert frame["numbers"].tolist() == [5.0, 2.0] and column.tolist() == [7.0, 2.0]
    assert frame["text"].tolist() == ["z", "b"] and frame["counts"].tolist() == [2, 3]
    assert other.equals(pd.DataFrame(COLUMNS))


def test_what_the_maker_does_afterwards_stays_with_the_maker():
    frame, entries = pd.DataFrame({"a": [1.0]}), {"a": [1]}
    held = Held(frame, np.zeros(1), entries)
    frame.loc[0, "a"] = 2.0
    entries["a"].append(2)
    assert held.frame.loc[0, "a"] == 1.0 and held.entries == {"a": [1]} and held.steps == []


def test_it_is_a_dataclass_as_any_other(held):
    with pytest.raises(dataclasses.FrozenInstanceError):
        held.frame = None
    again = pickle.loads(pickle.dumps(dataclasses.replace(held, steps=[])))
    assert again.frame.equals(held.frame) and again.steps == []
    assert [entry.name for entry in dataclasses.fields(Held)] == list(vars(held))
    with pytest.raises(AttributeError, match="frame"):
        Held.frame  # noqa: B018


def test_a_frame_of_any_length_is_not_copied():
    frame = pd.DataFrame({"a": np.zeros(1000)})
    assert np.shares_memory(protect(frame)["a"].to_numpy(), frame["a"].to_numpy())


def test_a_value_that_is_built_when_it_is_read():
    built = []

    def build():
        built.append(1)
        return {"trades": 2}

    held = object.__new__(Held)
    vars(held)["entries"] = Deferred(build)
    assert not built
    held.entries.clear()
    assert held.entries == {"trades": 2} and built == [1]
