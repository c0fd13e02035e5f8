"""Control groups: which ones limit a process, and by how much."""

import pytest
from helpers.kernel import V1_NONE, V2_MOUNT

from qmac.runtime.resources.cgroups import Group, find_groups


def limits(tree):
    reading = tree.probe().read()
    return reading.memory_limit, reading.memory_used


def test_memory_high_is_a_limit(v2):
    v2.v2("outer/inner", 1000, 90, memory_high=600)
    assert limits(v2) == (600, 90)
    v2.v2("outer/inner", 500, 90, memory_high="max")
    assert limits(v2) == (500, 90)


@pytest.mark.parametrize(
    ("membership", "root", "expected"),
    [
        ("0::/a/b", "/", ["a/b", "a", ""]),
        ("0::/", "/", [""]),  # a namespace of its own
        ("0::/a/b", "/a/b", [""]),  # a container that sees the paths of its host
        ("0::/a/b", "/a", ["b", ""]),
        ("0::/", "/a/b", [""]),
        ("0::/../other", "/", [""]),
        ("0::/a/gone", "/", ["a", ""]),
        ("0::/gone/from/here", "/", [""]),
        ("nonsense", "/", []),
        ("", "/", []),
    ],
)
def test_groups_from_own_to_mount(tmp_path, membership, root, expected):
    for name in ("a/b", "b"):
        (tmp_path / name).mkdir(parents=True)
    groups = find_groups(membership, V2_MOUNT.format(root=root), tmp_path)
    paths = [
        str(group.directory.relative_to(tmp_path)).removeprefix(".") for group in groups.unified
    ]
    assert paths == expected
    assert groups.memory == groups.cpu == groups.unified
    assert {group.version for group in groups.unified} <= {2}


@pytest.mark.parametrize(
    ("outer", "inner", "expected"),
    [
        (("max", 900, 0), ("max", 90, 0), (None, None)),
        (("max", 900, 0), (1000, 90, 20), (1000, 70)),
        ((1000, 900, 0), ("max", 90, 0), (1000, 900)),
        (
            (1000, 900, 0),
            (500, 90, 0),
            (1000, 900),
        ),  # the parent is larger, but its other children fill it
        ((1000, 400, 0), (500, 90, 0), (500, 90)),
        ((1000, 500, 100), (1000, 500, 0), (1000, 500)),
        ((1000, 50, 100), ("max", 50, 0), (1000, 0)),  # the two files are not of one moment
    ],
)
def test_the_tightest_group_counts(v2, v1, outer, inner, expected):
    for name, values in (("", ("max", 0, 0)), ("outer", outer), ("outer/inner", inner)):
        v2.v2(name, *values)
        v1.v1(name, *(V1_NONE if value == "max" else value for value in values))
    assert limits(v1) == limits(v2) == expected


def test_a_name_with_a_space_is_read(tmp_path):
    (tmp_path / "a b").mkdir()
    mount = V2_MOUNT.format(root="/").replace("/sys/fs/cgroup ", f"{tmp_path}/a\\040b ")
    assert find_groups("0::/", mount, tmp_path).unified == (Group(tmp_path / "a b", 2),)
