"""Fields of frozen dataclasses whose content stays as it is, whatever a reader does with it."""

import dataclasses
import pickle
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pytest

from qmac._fields import protect, protected


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
