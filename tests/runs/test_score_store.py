"""Every score on disk is that of its combination, in whatever order chunks were written."""

import json
import shutil
import warnings

import numpy as np
import pyarrow as pa
import pytest
from helpers.faults import GRID, PRICES, let_time_pass, slow
from helpers.series import MINUTES_PER_YEAR, frame, minutes, series
from helpers.sweeps import dataset_of

import qmac
from qmac.errors import GridError, OptionError, ResultError, Stopped
from qmac.jobs import monitor, runner
from qmac.runs import score_store
from qmac.runs.score_store import ScoreGrid, ScoreWriter
from qmac.runtime.resources.limits import Limits


@pytest.fixture
def prices():
    return qmac.Prices.of(frame(series("random", 200, 3)), "SPY")


@pytest.mark.parametrize("shared", [False, True])
def test_every_score_is_that_of_its_combination(prices, tmp_path, shared):
    grid = qmac.Grid(
        buy_fast=[2, 3, 5],
        buy_slow=range(6, 14),
        sell_fast=range(2, 9),
        sell_slow=range(9, 14),
        shared_windows=shared,
    )
    result = qmac.optimize(prices, grid, top=10**6, out=tmp_path / "run", save_grid="float64")
    again = qmac.load(tmp_path / "run").scores
    ranked = dict(
        zip(
            result.top.iloc[:, :4].itertuples(index=False, name=None),
            result.top["total_return"],
            strict=True,
        )
    )
    assert len(ranked) > 100
    for k in range(grid.size):
        combination = grid.combination(k)
        expected = ranked.get(combination, np.nan)
        assert again[combination] == pytest.approx(expected, abs=1e-12, nan_ok=True)
    sell = grid.sells.pair(0)
    column = again.of_sell(*sell)
    assert column.size == grid.buys.size
    for buy, value in column.items():
        assert value == pytest.approx(ranked.get((*buy, *sell), np.nan), abs=1e-12, nan_ok=True)


def test_filtered_and_lowest(prices, tmp_path):
    grid = qmac.Grid(windows=range(2, 14))
    constraints = {"max_drawdown": (-0.15, None)}
    result = qmac.optimize(
        prices,
        grid,
        "max_drawdown",
        maximize=False,
        constraints=constraints,
        top=10**6,
        out=tmp_path / "run",
        save_grid="float32",
    )
    assert 0 < result.scored < grid.size
    kept = qmac.load(tmp_path / "run").scores
    values = np.array([kept[grid.combination(k)] for k in range(grid.size)])
    assert np.count_nonzero(~np.isnan(values)) == result.scored
    assert np.sort(values[~np.isnan(values)])[:50] == pytest.approx(
        result.top["max_drawdown"].to_numpy()[:50], abs=1e-6
    )


def test_layout_is_that_of_zarr(prices, tmp_path):
    qmac.optimize(
        prices, qmac.Grid(windows=range(2, 14)), out=tmp_path / "run", save_grid="float32"
    )
    folder = next((tmp_path / "run" / "results").iterdir()) / "scores"
    about = json.loads((folder / ".zarray").read_text())
    blocks = -(-about["shape"][1] // about["chunks"][1])
    assert about["zarr_format"] == 2 and about["dtype"] == "<f4"
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        [".zarray", "buys.npy", "sells.npy", *(f"0.{k}" for k in range(blocks))]
    )
    # what others do: decompress all of a chunk, of which the checksum is no part
    for block in range(blocks):
        chunk = (folder / f"0.{block}").read_bytes()
        size = 4 * about["chunks"][0] * about["chunks"][1]
        assert pa.Codec("zstd").decompress(chunk, size, asbytes=True) == pa.Codec(
            "zstd"
        ).decompress(chunk[:-12], size, asbytes=True)
    zarr = pytest.importorskip("zarr", reason="zarr is not installed")
    array, kept = zarr.open(str(folder), mode="r")[:], qmac.load(tmp_path / "run").scores
    buys, sells = (np.load(folder / f"{name}.npy") for name in ("buys", "sells"))
    grid = qmac.Grid(windows=range(2, 14))
    for rank in range(0, grid.sells.size, 7):
        column = kept.of_sell(*grid.sells.pair(rank)).to_numpy()
        known = ~np.isnan(column)  # what shares a window is in the array, and belongs to nobody
        assert np.allclose(np.expm1(array[buys, sells[rank]])[known], column[known], rtol=1e-6)


def test_scores_that_cannot_be_written_are_dropped_with_a_warning(prices, tmp_path, monkeypatch):
    grid = qmac.Grid(windows=range(2, 14))
    plain = qmac.optimize(prices, grid)
    monkeypatch.setattr(
        ScoreWriter,
        "__call__",
        lambda writer, block, scores: writer.drop("No space left on device"),
    )
    with pytest.warns(UserWarning, match="not whole"):
        result = qmac.optimize(prices, grid, out=tmp_path / "run", save_grid="float32")
    assert result.digest == plain.digest and result.scores is None
    assert any("No space left" in entry["reason"] for entry in result.degradations)
    assert not any((tmp_path / "run" / "scores").iterdir())


def test_a_damaged_chunk_is_an_error(prices, tmp_path):
    grid = qmac.Grid(windows=range(2, 14))
    qmac.optimize(prices, grid, out=tmp_path / "run", save_grid="float32")
    folder = next((tmp_path / "run" / "results").iterdir()) / "scores"
    (folder / "0.0").write_bytes(b"no chunk")
    with pytest.raises(ResultError, match="damaged"):
        [qmac.load(tmp_path / "run").scores[grid.combination(k)] for k in range(grid.size)]
    (folder / ".zarray").write_text("{}")
    with pytest.raises(ResultError, match="no scores"):
        qmac.load(tmp_path / "run")


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A grid and its scores in two chunks, before anything happens to them."""
    grid = qmac.Grid(windows=range(2, 18))
    out = tmp_path_factory.mktemp("scores") / "run"
    qmac.optimize(
        qmac.Prices.of(frame(series("random", 200, 3)), "SPY"), grid, out=out, save_grid="float32"
    )
    return grid, qmac.load(out).distribution.objective, out / "results" / "SPY" / "scores"


def all_of(kept, folder):
    grid, objective, _ = kept
    scores = ScoreGrid(folder, grid, objective)
    return np.array([scores.of_sell(*grid.sells.pair(rank)) for rank in range(grid.sells.size)])


@pytest.mark.slow
def test_a_flipped_bit_is_detected_wherever_it_is(kept, tmp_path):
    whole, folder = all_of(kept, kept[2]), tmp_path / "scores"
    shutil.copytree(kept[2], folder)
    assert (folder / "0.1").exists() and np.isfinite(whole).any()
    for name in ("0.0", "0.1", "buys.npy", "sells.npy", ".zarray"):
        data = (folder / name).read_bytes()
        places = {
            *range(0, len(data), max(1, len(data) // 40)),
            *range(20),
            *range(len(data) - 14, len(data)),
        }
        for place in sorted(places):
            damaged = bytearray(data)
            damaged[place] ^= 1 << (place % 8)
            (folder / name).write_bytes(damaged)
            try:
                assert np.array_equal(all_of(kept, folder), whole, equal_nan=True), (name, place)
            except ResultError:
                continue
            assert name in (".zarray", "buys.npy", "sells.npy"), place  # white space
        (folder / name).write_bytes(data)
        for size in (0, 5, 12, len(data) // 2, len(data) - 1):
            (folder / name).write_bytes(data[:size])
            with pytest.raises(ResultError, match="damaged|holds no scores|another grid"):
                all_of(kept, folder)
        (folder / name).write_bytes(data)


CHANGES = {
    "lists the other way round": lambda folder: save(folder, "buys", lambda lists: lists[::-1]),
    "lists beyond the last": lambda folder: save(folder, "buys", lambda lists: lists + 10**6),
    "lists before the first": lambda folder: save(folder, "sells", lambda lists: lists - 1),
    "lists of fractions": lambda folder: save(folder, "sells", lambda lists: lists + 0.5),
    "fewer lists": lambda folder: save(folder, "buys", lambda lists: lists[1:]),
    "chunks in each other's place": lambda folder: swap(folder / "0.0", folder / "0.1"),
    "a chunk that is gone": lambda folder: (folder / "0.1").unlink(),
    "no lanes": lambda folder: about(folder, chunks=[1, 0]),
    "a chunk beyond memory": lambda folder: about(folder, chunks=[1, 2**62]),
    "no axes": lambda folder: about(folder, shape=[], chunks=[]),
}


def save(folder, name, change):
    np.save(folder / f"{name}.npy", change(np.load(folder / f"{name}.npy")))


def swap(one, other):
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)


def about(folder, **changed):
    path = folder / ".zarray"
    path.write_text(json.dumps(json.loads(path.read_text()) | changed))


@pytest.mark.parametrize("change", CHANGES)
def test_scores_that_were_changed_are_refused(kept, tmp_path, change):
    folder = tmp_path / "scores"
    shutil.copytree(kept[2], folder)
    CHANGES[change](folder)
    with pytest.raises(ResultError, match="damaged|holds no scores|another grid"):
        all_of(kept, folder)


def test_more_lists_than_pairs_are_refused_before_a_chunk_is_read(kept, tmp_path):
    """A chunk says its checksum itself, and may unpack to whatever the layout says."""
    grid, objective, source = kept
    folder = shutil.copytree(source, tmp_path / "scores")
    about(folder, shape=[2**33, 2], chunks=[2**33, 1])
    with pytest.raises(ResultError, match="another grid"):
        ScoreGrid(folder, grid, objective)


@pytest.fixture(scope="module")
def others(kept, tmp_path_factory):
    """A run of the same grid on the same prices, with fees."""
    grid, _, _ = kept
    out = tmp_path_factory.mktemp("scores") / "others"
    prices = qmac.Prices.of(frame(series("random", 200, 3)), "SPY")
    qmac.optimize(prices, grid, out=out, save_grid="float32", rules=qmac.Rules(fees=0.01))
    return out


@pytest.mark.parametrize("what", ["all", "0.1", ".zarray"])
def test_scores_of_another_result_are_refused(kept, others, tmp_path, what):
    run = shutil.copytree(others, tmp_path / "run")
    folder, (*_, source) = run / "results" / "SPY" / "scores", kept
    if what == "all":
        shutil.rmtree(folder)
        shutil.copytree(source, folder)
    else:
        shutil.copy(source / what, folder / what)
    grid = qmac.Grid(windows=range(2, 18))
    with pytest.raises(ResultError, match="of another result|is damaged: its checksum differs"):
        scores = qmac.load(run).scores
        for rank in range(grid.sells.size):
            scores.of_sell(*grid.sells.pair(rank))


def test_scores_of_another_result_are_not_continued(kept, tmp_path):
    grid, _, source = kept
    folder = shutil.copytree(source, tmp_path / "scores")
    dataset = dataset_of(PRICES, grid, qmac.Rules(), frozenset())
    writer = ScoreWriter(folder, dataset, 8, "float32", "another")
    assert not (folder / "0.0").exists()
    writer.resume(np.ones(1, np.bool_), None)
    assert writer.dropped == "an earlier process dropped them"


@pytest.mark.slow
def test_a_run_that_time_ended_keeps_its_scores(tmp_path, monkeypatch):
    shares = [0.0]
    with monkeypatch.context() as patch, pytest.raises(Stopped, match="max_time"):
        slow(patch, 0.04)
        let_time_pass(patch, runner, lambda: shares[-1] > 0.2)
        qmac.optimize(
            PRICES,
            GRID,
            out=tmp_path / "run",
            save_grid="float32",
            threads=1,
            limits=Limits(max_time="1h"),
            progress=lambda status: shares.append(status.done / status.size),
        )
    result = qmac.resume(tmp_path / "run", threads=1)["prices"]
    kept = [result.scores.of_sell(*GRID.sells.pair(rank)) for rank in range(GRID.sells.size)]
    assert sum(column.notna().sum() for column in kept) == result.scored
    assert [record["reason"][:8] for record in result.degradations] == ["max_time"]


def test_what_is_dropped_gives_the_room_back(prices, tmp_path, monkeypatch):
    grid, writers, dropped = qmac.Grid(windows=range(2, 14)), [], []

    class Known(ScoreWriter):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            writers.append(self)

    def listen(status):
        (writer,) = writers
        writer.drop("the disk is wanted")
        dropped.append(writer.path.exists())

    monkeypatch.setattr(monitor, "ScoreWriter", Known)

    with pytest.warns(UserWarning, match="not whole"):
        result = qmac.optimize(
            prices, grid, out=tmp_path / "run", save_grid="float32", progress=listen
        )
    assert dropped and not any(dropped)
    assert result.degradations[-1]["reason"] == "scores were not kept: the disk is wanted"


def test_overflow_of_float32_warns_once(tmp_path):
    """Two hours that gain a third, as a calmar ratio a year."""
    prices = qmac.Prices.of(minutes(1))
    for kind in ("float32", "float64"):
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            result = qmac.optimize(
                prices,
                qmac.Grid(windows=range(2, 12)),
                "calmar_ratio",
                qmac.Rules(slippage=0, periods_per_year=MINUTES_PER_YEAR),
                out=tmp_path / kind,
                save_grid=kind,
            )
        assert np.isinf(result.scores[result.best]) == (kind == "float32")
        assert ["beyond 3.4e38" in str(one.message) for one in said] == [True] * (kind == "float32")


def test_bad_input(prices, tmp_path):
    grid = qmac.Grid(windows=range(2, 14))
    with pytest.raises(OptionError, match="float32"):
        qmac.optimize(prices, grid, out=tmp_path / "run", save_grid="float23")
    with pytest.raises(OptionError, match="no directory"):
        qmac.optimize(prices, grid, save_grid="float32")
    assert not (tmp_path / "run").exists()
    qmac.optimize(prices, grid, out=tmp_path / "run", save_grid="float32", limits=Limits(threads=1))
    with pytest.raises(GridError, match="not in the grid"):
        qmac.load(tmp_path / "run").scores.of_sell(3, 90)
    scores = qmac.load(tmp_path / "run").scores
    for value in (None, "3", 3.0, True, [3], np.array([3])):
        with pytest.raises(GridError, match="windows of sell_fast must be whole numbers"):
            scores.of_sell(value, 9)
        with pytest.raises(GridError, match="combination must be"):
            scores[value, 9, 4, 8]
    with pytest.raises(GridError, match="a combination must be four windows"):
        scores[5]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert qmac.load(tmp_path / "run").scores is not None


def test_a_result_says_that_its_scores_were_dropped():
    steps = [{"level": "shed"}, score_store.describe_drop("No space left on device")]
    assert score_store.has_dropped_scores({"degradations": steps})
    assert not score_store.has_dropped_scores({"degradations": steps[:1]})
    assert not score_store.has_dropped_scores({})
