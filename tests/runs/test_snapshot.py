"""A snapshot is either exactly what was written, or refused."""

import hashlib
import json
import threading
import tracemalloc

import numpy as np
import pytest
from helpers.series import frame, series
from helpers.sweeps import done, evaluator_of, ledger_of
from hypothesis import given
from hypothesis import strategies as st

import qmac
from qmac.data.prices import Prices
from qmac.engine.sweep import reductions
from qmac.errors import ResultError
from qmac.runs.snapshot import MAGIC, collect_arrays, decode, encode, read_about, restore
from qmac.runtime.execution.ledger import Ledger

ABOUT = {"name": "SPY", "dataset": "0123", "seconds": 1.5}


@pytest.fixture(scope="module")
def evaluator():
    return evaluator_of(Prices.of(frame(series("random", 300, 4))), qmac.Grid(windows=range(2, 12)))


@pytest.fixture
def ledger(evaluator):
    """Some cells are done."""
    ledger = ledger_of(evaluator)
    for batch in ((0, 1), (5, 9)):
        ledger.settle(done(evaluator, batch), [batch])
    return ledger


def written(ledger, about=ABOUT, arrays=None):
    return b"".join(encode(about, arrays or collect_arrays(ledger), ledger.lock))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "00000001"


def test_round_trip(evaluator, ledger, path):
    path.write_bytes(written(ledger))
    about, arrays = decode(path)
    assert about == read_about(path) == ABOUT
    again = ledger_of(evaluator)
    restore(again, arrays)
    assert all(
        np.array_equal(array, collect_arrays(again)[name])
        for name, array in collect_arrays(ledger).items()
    )
    assert again.share == pytest.approx(evaluator.work[ledger.done].sum() / evaluator.work.sum())
    assert again.best == ledger.tally.heap.scores.max()
    again.settle(done(evaluator, (1, 5), (9, 22)), [(1, 5), (9, 22)])
    assert again.is_complete and again.tally.totals.counts[0] == evaluator.counts.sum()


def test_arrays_of_every_kind(ledger, path):
    arrays = {
        "empty": np.zeros((0, 3)),
        "bytes": np.arange(3, dtype=np.int8),
        "fortran": np.asfortranarray(np.eye(3, 4)),
        "cut": np.arange(20)[::3],
        "bits": np.array([True, False]),
        "last": np.zeros((2, 0), np.int64),
    }
    path.write_bytes(written(ledger, arrays=arrays))
    found = decode(path)[1]
    assert found.keys() == arrays.keys()
    assert all(
        np.array_equal(found[name], array) and found[name].dtype == array.dtype
        for name, array in arrays.items()
    )


def regions(data):
    """Where the parts of a snapshot begin, by name."""
    index_bytes = int.from_bytes(data[8:16], "little")
    starts = {"magic": 0, "size": 8, "index": 16}
    at = 16 + index_bytes
    for part in json.loads(data[16:at])["arrays"]:
        starts[part["name"]] = at
        at += np.dtype(part["type"]).itemsize * int(np.prod(part["shape"]))
    return {**starts, "checksum": at, "end": len(data)}


def test_any_flipped_bit_is_detected(ledger, path):
    data = written(ledger)
    starts = regions(data)
    assert starts["checksum"] == len(data) - 32
    places = {*range(0, len(data), 1000), *range(16), *range(len(data) - 32, len(data))}
    for at in starts.values():
        places |= {at, at - 1} & set(range(len(data)))
    for place in sorted(places):
        damaged = bytearray(data)
        damaged[place] ^= 1 << (place % 8)
        path.write_bytes(damaged)
        for read in (decode, read_about):
            with pytest.raises(ResultError, match="damaged"):
                read(path)
    assert len(places) > 80


def test_any_cut_is_detected(ledger, path):
    data = written(ledger)
    for size in sorted(
        {*range(0, len(data), 1000), *regions(data).values(), 1, 7, 31, 33, len(data) - 1}
    ):
        path.write_bytes(data[:size])
        if size == len(data):
            decode(path)
            continue
        for read in (decode, read_about):
            with pytest.raises(ResultError, match="damaged"):
                read(path)
    path.write_bytes(data + b"\0")
    with pytest.raises(ResultError, match="damaged"):
        decode(path)


@given(st.binary(max_size=200))
def test_any_bytes_after_the_magic_are_refused(tmp_path_factory, rest):
    path = tmp_path_factory.getbasetemp() / "any"
    for data in (rest, MAGIC + rest):
        path.write_bytes(data + hashlib.sha256(data).digest())
        for read in (decode, read_about):
            with pytest.raises(ResultError):
                read(path)


def test_not_there_and_not_a_file(tmp_path):
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(ResultError, match="cannot be read"):
            decode(path)


def forged(index, body=b""):
    """Return a file that anyone may write: every checksum fits."""
    text = index if isinstance(index, bytes) else json.dumps(index).encode()
    data = MAGIC + len(text).to_bytes(8, "little") + text + body
    return data + hashlib.sha256(data).digest()


def entry(body=b"", **changes):
    return {
        "name": "done",
        "type": "|b1",
        "shape": [len(body)],
        "sha256": hashlib.sha256(body).hexdigest(),
    } | changes


BOMB = "[" * 100_000
STRANGE = {
    "no index": b"",
    "an index that is no JSON": b"{",
    "a deep one": BOMB.encode(),
    "a list": [],
    "no arrays": {"about": {}},
    "arrays that are none": {"about": {}, "arrays": 7},
    "no about": {"arrays": []},
    "an about that is a number": {"about": 7, "arrays": []},
    "objects": {"about": {}, "arrays": [entry(bytes(8), type="|O", shape=[1])]},
    "objects inside": {"about": {}, "arrays": [entry(bytes(16), type="O,f8", shape=[1])]},
    "an unknown type": {"about": {}, "arrays": [entry(type="no type")]},
    "a type of no name": {"about": {}, "arrays": [entry(type=[7])]},
    "no bytes an item": {"about": {}, "arrays": [entry(type="|V0", shape=[2**40])]},
    "a huge type": {"about": {}, "arrays": [entry(type=f"|S{2**40}")]},
    "a huge shape": {"about": {}, "arrays": [entry(shape=[2**62])]},
    "a shape past all bounds": {"about": {}, "arrays": [entry(shape=[2**80, 2**80])]},
    "a huge shape of nothing": {"about": {}, "arrays": [entry(shape=[0, 2**80])]},
    "too many axes": {"about": {}, "arrays": [entry(b"1", shape=[1] * 100)]},
    "a negative shape": {"about": {}, "arrays": [entry(shape=[-1, -8])]},
    "an infinite shape": b'{"about": {}, "arrays": [{"name": "x", "type": "|b1", '
    b'"shape": [Infinity], "sha256": ""}]}',
    "a shape of texts": {"about": {}, "arrays": [entry(shape=["x"])]},
    "a checksum of others": {"about": {}, "arrays": [entry(b"abc", sha256="0" * 64)]},
    "no name": {
        "about": {},
        "arrays": [{"type": "|b1", "shape": [0], "sha256": hashlib.sha256().hexdigest()}],
    },
}


@pytest.mark.parametrize("strange", STRANGE)
def test_an_untrusted_snapshot_is_refused(path, strange):
    index = STRANGE[strange]
    body = bytes(8) if strange == "objects" else bytes(16) if strange == "objects inside" else b""
    path.write_bytes(forged(index, b"1" if strange == "too many axes" else body))
    tracemalloc.start()
    with pytest.raises(ResultError, match="is no snapshot"):
        decode(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**24


def test_what_memory_does_not_hold_is_refused(path, monkeypatch):
    path.write_bytes(b"")

    def read_bytes(*_):
        raise MemoryError

    monkeypatch.setattr("qmac.runs.snapshot.read_bytes", read_bytes)
    with pytest.raises(ResultError, match=r"cannot be read: there is no memory for it\."):
        decode(path)


def test_sizes_that_lie(path):
    for size in (0, 10**6, 2**63, 2**64 - 1):
        data = MAGIC + size.to_bytes(8, "little") + json.dumps({"about": {}, "arrays": []}).encode()
        path.write_bytes(data + hashlib.sha256(data).digest())
        with pytest.raises(ResultError, match="is no snapshot"):
            decode(path)
    path.write_bytes(forged({"about": {}, "arrays": []}, b"more"))
    with pytest.raises(ResultError, match="belong to nothing"):
        decode(path)


def changed(name, change):
    return lambda arrays: arrays | {name: change(arrays[name])}


FOREIGN = {
    "one array less": lambda arrays: {
        name: array for name, array in arrays.items() if name != "maps.best"
    },
    "one more": lambda arrays: arrays | {"more": np.zeros(3)},
    "no done": lambda arrays: {name: array for name, array in arrays.items() if name != "done"},
    "another shape": changed("maps.sums", lambda a: a[:-1]),
    "another number of axes": changed("maps.sums", np.ravel),
    "another type": changed("maps.sums", lambda a: a.astype(np.float64)),
    "a smaller type": changed("done", lambda a: a.astype(np.int8)),
    "the other end first": changed("maps.sums", lambda a: a.astype(">i8")),
    "a longer heap": changed("heap.scores", lambda a: np.append(a, 0)),
    "a heap beyond itself": changed("heap.size", lambda a: a + 1000),
    "a heap below nothing": changed("heap.size", lambda a: a * 0 - 1),
    "counts of more": changed("totals.counts", lambda a: a + [1, 0, 0, 0]),
    "counts of none": changed("totals.counts", lambda a: a * 0),
    "more cells": changed("done", lambda a: a | (np.arange(a.size) < 3)),
    "truths beyond true": changed(
        "done", lambda a: np.where(a, 3, 0).astype(np.uint8).view(np.bool_)
    ),
}


@pytest.mark.parametrize("foreign", FOREIGN)
def test_arrays_that_do_not_fit_are_refused_without_harm(evaluator, ledger, path, foreign):
    arrays = FOREIGN[foreign](collect_arrays(ledger))
    path.write_bytes(written(ledger, arrays=arrays))
    if foreign != "the other end first":  # the index says "<": its bytes are another's
        arrays = decode(path)[1]
    again = ledger_of(evaluator)
    with pytest.raises(ResultError, match="does not fit"):
        restore(again, arrays)
    assert again.share == 0 and not again.done.any()
    untouched = reductions.named_arrays(evaluator.empty())
    assert all(
        np.array_equal(array, untouched[name])
        for name, array in reductions.named_arrays(again.tally).items()
    )


def test_of_another_grid(ledger):
    other = ledger_of(
        evaluator_of(Prices.of(frame(series("random", 300, 4))), qmac.Grid(windows=range(2, 11)))
    )
    with pytest.raises(ResultError, match="does not fit"):
        restore(other, collect_arrays(ledger))


def test_the_ledger_is_held_while_it_is_written_and_let_go_of_after(ledger):
    parts = encode(ABOUT, collect_arrays(ledger), ledger.lock)
    next(parts)
    assert ledger.lock.locked()
    taken = []
    other = threading.Thread(target=lambda: taken.append(ledger.take(0, 1)))
    other.start()
    other.join(0.05)
    assert not taken
    parts.close()
    other.join(5)
    assert taken and not ledger.lock.locked()
    list(encode(ABOUT, collect_arrays(ledger), ledger.lock))
    assert not ledger.lock.locked()


def test_a_snapshot_is_read_without_copies_of_it(path):
    large = Ledger(
        np.zeros(1, np.int64), np.ones(1, np.int64), lambda: reductions.empty(300, 10, 10, 1)
    )
    path.write_bytes(written(large))
    size = path.stat().st_size
    assert size > 2**23
    tracemalloc.start()
    _, arrays = decode(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.2 * size
    restore(large, arrays)
