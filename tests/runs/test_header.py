"""A header is what was written, or refused: an untrusted one too, whose checksum fits."""

import json
import re

import pytest
from helpers.run_directories import REQUEST, created

import qmac
from qmac.errors import ResultError
from qmac.kernels.compiler.sources import hash_arithmetic
from qmac.runs.directory import RunDirectory
from qmac.runs.header import FORMAT, HEADER, Fingerprint, RunHeader, describe_changes
from qmac.storage.json_text import compute_checksum

FINGERPRINT = Fingerprint.of(REQUEST, None).to_dict()
ENTRY = {"bars": 300, "sha256": "0" * 64}
WHOLE = {
    "format": FORMAT,
    "qmac": "9",
    "fingerprint": FINGERPRINT,
    "prices": {"SPY": ENTRY},
    "left_out": {"QQQ": "why"},
    "save_grid": None,
}


def signed(header):
    """Return a header whose checksum fits."""
    return {**header, "checksum": compute_checksum(header)}


@pytest.fixture
def directory(tmp_path):
    return created(tmp_path / "run")


def test_a_fix_of_the_kernel_cache_does_not_refuse_a_run():
    fingerprint = Fingerprint.of(REQUEST, None)
    assert fingerprint.kernels == hash_arithmetic() and fingerprint.is_of_this_version


def test_no_run(tmp_path):
    with pytest.raises(ResultError, match=r"there is no run\.json"):
        RunDirectory.open(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(ResultError, match="cannot be read"):
        RunDirectory.open(tmp_path / "file")


def test_a_header_is_what_was_written_or_refused(directory):
    path, header = directory.path / HEADER, directory.header
    data = path.read_bytes()
    refused = 0
    for place in range(len(data)):
        damaged = bytearray(data)
        damaged[place] ^= 1 << (place % 8)
        path.write_bytes(damaged)
        try:
            assert RunDirectory.open(directory.path).header == header  # white space
        except ResultError:
            refused += 1
    assert refused > 0.8 * len(data)
    for size in range(0, len(data), 7):
        path.write_bytes(data[:size])
        with pytest.raises(ResultError, match="damaged"):
            RunDirectory.open(directory.path)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "7",
        '"text"',
        "{}",
        "[" * 100_000,
        '{"checksum": null}',
        "NaN",
        "\0",
        json.dumps(signed({})),
        json.dumps(signed({"format": "x", "qmac": "9", "fingerprint": FINGERPRINT, "prices": {}})),
        json.dumps(signed({"format": FORMAT, "fingerprint": FINGERPRINT})),
        json.dumps(
            signed({"format": FORMAT, "qmac": "9", "fingerprint": [], "prices": {}, "left_out": {}})
        ),
        json.dumps(
            signed({"format": FORMAT, "qmac": "9", "fingerprint": {}, "prices": [], "left_out": {}})
        ),
        json.dumps(
            signed({"format": FORMAT, "qmac": "9", "fingerprint": {}, "prices": {}, "left_out": 0})
        ),
    ],
)
def test_strange_headers_are_refused(directory, text):
    (directory.path / HEADER).write_text(text)
    with pytest.raises(ResultError, match="damaged|changed|is not the header"):
        RunDirectory.open(directory.path)


FOLDS = {"train": "4y", "test": "250", "holdout": None, "anchored": False, "gap": 5}


def test_folds_are_in_the_header_of_a_walk_forward_only():
    sweep = RunHeader.from_dict(WHOLE)
    assert sweep.folds is None and "folds" not in sweep.to_dict()
    walk = RunHeader.from_dict(WHOLE | {"folds": FOLDS})
    assert walk.folds == FOLDS and walk.to_dict()["folds"] == FOLDS
    for changes in ({"gap": True}, {"gap": None}, {"train": 4}, {"more": 1}):
        with pytest.raises(ResultError, match="folds"):
            RunHeader.from_dict(WHOLE | {"folds": FOLDS | changes})


def test_a_directory_of_a_newer_format_names_who_wrote_it_and_the_way_out(directory):
    header = signed(directory.header.to_dict() | {"format": 99, "qmac": "9.9"})
    (directory.path / HEADER).write_text(json.dumps(header))
    with pytest.raises(ResultError) as refused:
        RunDirectory.open(directory.path)
    assert str(refused.value) == (
        f"{directory.path} was written by qmac 9.9 in run format 99, but qmac {qmac.__version__} "
        f"reads up to format {FORMAT}: use qmac 9.9."
    )


def write_first_format(directory):
    """Write the header as version 0.1.0 did."""
    header = directory.header.to_dict() | {"format": 1, "qmac": "0.1.0"}
    header["asked"] = header.pop("fingerprint")
    (directory.path / HEADER).write_text(json.dumps(signed(header)))


def test_a_directory_of_an_earlier_format_is_read(directory):
    write_first_format(directory)
    found = RunDirectory.open(directory.path).header
    assert (found.format, found.qmac) == (1, "0.1.0")
    assert found.fingerprint == directory.header.fingerprint
    assert found.prices == directory.header.prices
    assert not found.is_resumable
    assert RunHeader.from_dict(found.to_dict()) == found


def test_a_run_of_an_earlier_format_is_not_resumed(directory):
    write_first_format(directory)
    with pytest.raises(ResultError) as refused:
        qmac.resume(directory.path)
    assert str(refused.value) == (
        f"{directory.path} was written by qmac 0.1.0 in run format 1, which qmac "
        f"{qmac.__version__} shows but does not resume: repeat it with 'qmac optimize "
        f"{directory.path / 'job.toml'} --out DIR'."
    )


@pytest.mark.parametrize("number", [None, "2", 2.5, True])
def test_a_format_that_is_no_number_is_refused(directory, number):
    header = signed(directory.header.to_dict() | {"format": number})
    (directory.path / HEADER).write_text(json.dumps(header))
    with pytest.raises(ResultError, match="format must be a number"):
        RunDirectory.open(directory.path)


def without(name):
    return {key: value for key, value in FINGERPRINT.items() if key != name}


@pytest.mark.parametrize(
    ("wrong", "changed"),
    [
        *((name, {"fingerprint": without(name)}) for name in FINGERPRINT),
        ("averages", {"fingerprint": FINGERPRINT | {"averages": 3}}),
        ("maximize", {"fingerprint": FINGERPRINT | {"maximize": "yes"}}),
        ("top", {"fingerprint": FINGERPRINT | {"top": 2.5}}),
        ("grid", {"fingerprint": FINGERPRINT | {"grid": {"windows": [2, 3]}}}),
        (
            "grid",
            {"fingerprint": FINGERPRINT | {"grid": FINGERPRINT["grid"] | {"buy_slow": [2, "3"]}}},
        ),
        ("constraints", {"fingerprint": FINGERPRINT | {"constraints": {"win_rate": 0.5}}}),
        ("prices", {"prices": {}}),
        ("prices", {"prices": {"SPY": 7}}),
        ("prices", {"prices": {"SPY": {"bars": 300}}}),
        ("left_out", {"left_out": {"QQQ": 7}}),
        ("save_grid", {"save_grid": 7}),
    ],
)
def test_an_invalid_entry_is_named(directory, wrong, changed):
    (directory.path / HEADER).write_text(json.dumps(signed(WHOLE)))
    assert RunDirectory.open(directory.path).symbols == ["SPY"]
    (directory.path / HEADER).write_text(json.dumps(signed(WHOLE | changed)))
    with pytest.raises(ResultError, match=f"is not the header of a run: {wrong}"):
        RunDirectory.open(directory.path)


def test_an_untrusted_version_moves_no_cursor(directory):
    (directory.path / HEADER).write_text(
        json.dumps(signed(WHOLE | {"format": 99, "qmac": "9\x1b[2J\nqmac: done"}))
    )
    with pytest.raises(ResultError, match=r"written by qmac 9\?\[2J\?qmac: done in run format 99"):
        RunDirectory.open(directory.path)


def test_changes_name_what_changed():
    kept = {"rules": {"fees": 0.1, "end": None}, "top": 5, "grid": list(range(100))}
    assert describe_changes(kept, json.loads(json.dumps(kept))) == []
    assert describe_changes(kept, kept | {"top": 6}) == ["top is 5, not 6"]
    assert describe_changes(kept, kept | {"rules": {"fees": 0.2, "end": "2001"}}) == [
        "rules.fees is 0.1, not 0.2",
        'rules.end is none, not "2001"',
    ]
    assert describe_changes(kept, kept | {"grid": []}) == ["grid is 0:99, not []"]
    words = {"text": "x" * 100}
    assert re.fullmatch(
        r'text is "x+ \.\.\. \(102 characters\), not none', describe_changes(words, {})[0]
    )
    assert describe_changes({"prices": {"A": "x"}}, {"prices": {"B": "y"}}) == [
        'prices.A is "x", not none',
        'prices.B is none, not "y"',
    ]


def test_lists_with_equal_ends_are_compared_item_by_item():
    kept, asked = ([2, 3, 4, middle, 11, 12, 14, 15, 16, 90] for middle in (6, 7))
    assert describe_changes({"windows": kept}, {"windows": asked}) == ["windows holds 6, not 7"]
