"""Limits are checked once, where they enter, and frozen."""

import dataclasses
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmac.errors import OptionError
from qmac.runtime.resources.limits import Limits, format_bytes


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("4GiB", 4 * 2**30),
        ("4 gib", 4 * 2**30),
        (" 4g ", 4 * 2**30),
        ("4GB", 4 * 10**9),
        ("1.5MiB", 3 * 2**19),
        (".5k", 512),
        ("2TiB", 2**41),
        ("12", 12),
        ("12B", 12),
    ],
)
def test_bytes(text, size):
    assert Limits(disk_free=text).disk_free == size


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2h", 7200),
        ("90s", 90),
        ("30min", 1800),
        ("30 m", 1800),
        ("1h30min", 5400),
        ("1d", 86400),
        ("2.5", 2.5),
    ],
)
def test_seconds(text, seconds):
    assert Limits(max_time=text).max_time == seconds


@pytest.mark.parametrize(
    "text",
    ["", " ", "GiB", "4 giga", "-4GiB", "0", "0GiB", "4GiB5", "1e9", "nan", "4,5GiB", "9" * 30],
)
def test_bad_bytes(text):
    with pytest.raises(
        OptionError,
        match="disk_free must (be .*, got|have one of the units) .*Write .*4GiB",
    ):
        Limits(disk_free=text)


@pytest.mark.parametrize(
    "text", ["", "h", "2 weeks", "-2h", "0", "0s", "inf", "2h-3min", "9" * 400]
)
def test_bad_seconds(text):
    with pytest.raises(
        OptionError,
        match="max_time must (be .*, got|have one of the units) .*Write .*2h",
    ):
        Limits(max_time=text)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "0.977 KiB"),
        (600 * 2**20, "600 MiB"),
        (1000 * 2**20, "0.977 GiB"),
        (1.5 * 2**30, "1.5 GiB"),
        (3 * 2**40, "3 TiB"),
        (5000 * 2**40, "5000 TiB"),
        (-(2**20), "-1 MiB"),
    ],
)
def test_shown(size, text):
    assert format_bytes(size) == text


@pytest.mark.parametrize(
    ("given_as", "kept", "of_1000"),
    [
        (None, None, None),
        ("80%", 0.8, 800),
        (" 12.5 % ", 0.125, 125),
        (0.5, 0.5, 500),
        (1.0, 1.0, 1000),
        ("2MiB", 2**21, 2**21),
        (2**21, 2**21, 2**21),
    ],
)
def test_memory(given_as, kept, of_1000):
    limits = Limits(memory=given_as)
    assert limits.memory == kept and type(limits.memory) is type(kept)
    assert limits.memory_bytes(1000) == of_1000
    assert limits.memory_bytes(None) == (None if isinstance(kept, float) else kept)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"memory": "120%"}, "memory must be .*at most 100 %, got '120%'. Write 80% or 4GiB"),
        ({"memory": "0%"}, "above 0 %"),
        ({"memory": "-5%"}, "above 0 %"),
        ({"memory": "x%"}, "above 0 %"),
        ({"memory": 1.2}, "memory must be .*or a size such as '4GiB', got 1.2"),
        ({"memory": math.nan}, "memory must be .* got nan"),
        ({"memory": 0}, "memory must be .* got 0"),
        ({"memory": -1}, "memory must be .* got -1"),
        ({"memory": 4}, "at least 1 MiB, got 4, which is 4 bytes. Write 4GiB"),
        ({"memory": "4"}, "4 bytes"),
        ({"memory": True}, "memory must be .* got True"),
        ({"memory": "4 apples"}, "units b, k, .*, got '4 apples' with 'apples'"),
        ({"memory": []}, "whole number of bytes"),
        ({"threads": 0}, "threads must be at least 1, got 0"),
        ({"threads": 1.5}, "whole number"),
        ({"cpu_share": 0}, "cpu_share must be .* got 0"),
        ({"cpu_share": 50}, "0.8 is 80 %"),
        ({"cpu_share": "half"}, "cpu_share must be .* got 'half'"),
        ({"cpu_share": True}, "cpu_share must be .* got True"),
        ({"disk_free": 0}, "disk_free must be .* got 0"),
        ({"disk_free": "2 floppies"}, "disk_free must have .* got '2 floppies' with 'floppies'"),
        ({"disk_free": 1.5}, "disk_free must be .* got 1.5"),
        ({"polite": "yes"}, "polite must be True or False, got 'yes'"),
        ({"max_time": 0}, "max_time must be above 0, got 0"),
        ({"max_time": "-1h"}, "max_time must be .* got '-1h'"),
        ({"max_time": math.inf}, "max_time must be .* got inf"),
        (
            {"max_time": "2 fortnights"},
            "units s, sec, m, min, h, d, got '2 fortnights' with 'fortnights'",
        ),
        ({"governor": "actt"}, "Did you mean 'act'"),
    ],
)
def test_bad_limits(arguments, says):
    with pytest.raises(OptionError, match=says):
        Limits(**arguments)


@given(
    memory=st.none()
    | st.integers(2**20, 2**50)
    | st.floats(0.01, 1)
    | st.sampled_from(["80%", "1.5GiB", "700 MB"]),
    threads=st.none() | st.integers(1, 500),
    cpu_share=st.none() | st.floats(0.01, 1),
    disk_free=st.none() | st.integers(1, 2**50) | st.just("2GiB"),
    polite=st.booleans(),
    max_time=st.none() | st.floats(0.1, 1e9) | st.sampled_from(["2h", "90s", "1h30min"]),
    governor=st.sampled_from(["act", "observe"]),
)
def test_limits_are_values(**arguments):
    limits = Limits(**arguments)
    assert Limits(**limits.to_dict()) == limits
    assert Limits(**json.loads(json.dumps(limits.to_dict()))) == limits
    assert hash(Limits(**limits.to_dict())) == hash(limits)


def test_defaults_limit_nothing():
    limits = Limits()
    assert (limits.memory, limits.threads, limits.cpu_share, limits.seconds) == (
        None,
        None,
        None,
        math.inf,
    )
    assert limits.disk_bytes == 256 * 2**20
    assert Limits(disk_free=None).disk_bytes == 0
    with pytest.raises(dataclasses.FrozenInstanceError):
        limits.threads = 3
