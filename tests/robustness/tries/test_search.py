"""How many tries is a grid worth: measured on random markets without drift."""

import dataclasses

import numpy as np
import pytest
from helpers.series import frame, series

import qmac
from qmac.errors import OptionError, PricesError, ResultError, Stopped
from qmac.robustness.markets.resample_sweep import ResampleSweep
from qmac.robustness.markets.resampling import Resampler
from qmac.robustness.sharpe import solve_tries
from qmac.robustness.symbol_answers import Means
from qmac.robustness.tries.search import count_each, tries
from qmac.runtime.execution.threads import ThreadExecutor

PRICES = qmac.Prices.of(frame(series("random", 300, 4)), "SPY")
GRID = qmac.Grid(windows=(2, 3, 5, 8, 13, 21, 34, 40, 50, 60, 70, 80))
SHARPE = "sharpe_ratio"


@pytest.fixture(scope="module")
def result():
    return qmac.optimize(PRICES, GRID, objective=SHARPE, top=3)


@pytest.fixture(scope="module")
def answer(result):
    return tries(result, threads=1)


def test_values_are_the_best_of_plain_sweeps(result, answer):
    assert answer.values.size == 25
    for number in (0, 24):
        market = Resampler(PRICES, 0, "driftless", 1).build(number)
        best = qmac.optimize(market, GRID, objective=SHARPE, top=1).top[SHARPE].iloc[0]
        per_bar = best / np.sqrt(result.periods_per_year)
        assert answer.values[number] == pytest.approx(per_bar * np.sqrt(300), rel=1e-12)
    assert answer.tries == solve_tries(answer.values.mean())
    assert answer.combinations == GRID.size
    assert 3 < answer.interval.low < answer.tries < answer.interval.high < 300


def test_one_digest_for_any_number_of_threads(result, answer):
    assert tries(result, threads=3).digest == answer.digest
    assert result.tries(threads=2).digest == answer.digest
    assert tries(result, seed=2).digest != answer.digest
    assert tries(result, 9).values.tolist() == answer.values[:9].tolist()


def test_fewer_window_sets_are_fewer_tries(answer):
    small = qmac.optimize(PRICES, qmac.Grid(windows=(2, 3, 5, 8)), objective=SHARPE)
    assert small.tries().tries < answer.tries


def test_any_objective_can_be_asked(answer):
    """Tries are counted by Sharpe ratios; those of bars that trade."""
    rules = qmac.Rules(start=PRICES.index[100])
    later = qmac.optimize(PRICES, GRID, top=1, rules=rules)
    lowest = dataclasses.replace(later, maximize=False)
    assert tries(later, 5).values.tolist() == tries(lowest, 5).values.tolist()
    assert 0.5 < tries(later, 5).z < 4


def test_a_run_directory_has_it(tmp_path, answer, monkeypatch):
    path = tmp_path / "run"
    result = qmac.optimize(PRICES, GRID, objective=SHARPE, top=3, out=path)
    first = result.tries(out=path)
    assert first.digest == answer.digest
    monkeypatch.setattr(ResampleSweep, "compute_score", None)  # nothing is swept again
    again = qmac.load(path).tries(out=path)
    assert (again.digest, again.elapsed) == (first.digest, first.elapsed)


def test_what_is_swept_is_not_swept_again(tmp_path, answer, monkeypatch):
    """After an interruption, and with more random markets, the same call goes on."""
    path, swept = tmp_path / "run", []
    result = qmac.optimize(PRICES, GRID, objective=SHARPE, top=3, out=path)
    compute = ResampleSweep.compute_score

    def count(sweep, part, stop):
        swept.append(part)
        return compute(sweep, part, stop)

    def interrupt(status):
        if status.done >= 8 * GRID.size:
            raise KeyboardInterrupt

    monkeypatch.setattr(ResampleSweep, "compute_score", count)
    with pytest.raises(KeyboardInterrupt):
        result.tries(out=path, progress=interrupt)
    assert len(swept) >= 8
    assert result.tries(out=path).digest == answer.digest and len(swept) == 25
    more = result.tries(30, out=path)
    assert len(swept) == 30 and more.values[:25].tolist() == answer.values.tolist()
    with pytest.warns(UserWarning, match="it counts 30 random markets, and this answer 5"):
        assert result.tries(5, seed=2, out=path).seed == 2  # another seed, another file
    assert result.tries(30, out=path).digest == more.digest and len(swept) == 35


def test_any_executor_sweeps(result, answer):
    assert result.tries(executor=ThreadExecutor(2)).digest == answer.digest
    with pytest.raises(OptionError, match="executor"):
        tries(result, executor=3)


def test_many_symbols(result, tmp_path):
    results = qmac.optimize_many(
        {"SPY": PRICES, "few": PRICES.tail(90)}, GRID, objective=SHARPE, top=1
    )
    limits, executor = qmac.Limits(), ThreadExecutor(1)
    answers = count_each(results, 5, 1, Means(None, limits, executor, None))
    assert answers["SPY"].values.tolist() == tries(result, 5).values.tolist()
    assert [entry["name"] for entry in answers.summary()["tries"]] == list(answers)
    assert len(answers.sentences) == len(answers) and repr(answers).startswith("ManyTries(")


def test_progress_and_limits(result):
    shown = []
    tries(result, 5, progress=shown.append)
    assert shown[-1].done == shown[-1].size == 5 * GRID.size
    with pytest.raises(Stopped, match=r"of 25 sweeps of random markets.*max_time"):
        tries(result, limits=qmac.Limits(max_time=1e-9))


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"resamples": 4}, r"resamples must be at least 5, got 4\. Use 25\."),
        ({"resamples": 0}, r"resamples must be at least 5, got 0\. Use 25\."),
        ({"resamples": 1.5}, "resamples"),
        ({"seed": -1}, "seed"),
        ({"threads": 0}, "threads"),
        ({"progress": 3}, "progress"),
        ({"out": 3}, "out"),
    ],
)
def test_options_that_are_refused(result, options, match):
    with pytest.raises(OptionError, match=match):
        tries(result, **options)


def test_results_that_are_refused(result, tmp_path):
    with pytest.raises(ResultError, match="prices of SPY are not"):
        tries(dataclasses.replace(result, source=None))
    with pytest.raises(ResultError):
        tries(result, out=tmp_path)
    late = qmac.Rules(start=PRICES.index[280])
    few = qmac.optimize(PRICES, GRID, top=1, rules=late, min_trades=1)
    with pytest.raises(PricesError, match="at least 30"):
        tries(few)
    assert not list(tmp_path.iterdir())


def test_constraints_that_nothing_passes(result, monkeypatch):
    def score_some(sweep, part, stop):
        return 1.0 if part.number % 2 else -np.inf

    monkeypatch.setattr(ResampleSweep, "compute_score", score_some)
    with pytest.raises(ResultError, match="in 3 of 5 random markets no combination passed"):
        tries(result, 5)


def test_memory_that_is_too_small_is_refused_before_anything_is_written(tmp_path):
    path = tmp_path / "run"
    result = qmac.optimize(PRICES, GRID, objective=SHARPE, top=3, out=path)
    before = read_tree(path)
    limits = qmac.Limits(memory="2MiB")
    for ask in (result.tries, result.luck):
        with pytest.raises(OptionError, match="memory"):
            ask(out=path, limits=limits)
        assert read_tree(path) == before
    with pytest.raises(OptionError, match="memory"):
        result.luck(out=tmp_path / "new", limits=limits)
    assert not (tmp_path / "new").exists()
    whole = result.tries(6, out=path)
    with pytest.warns(UserWarning, match="stays as it is"):  # all of them are swept
        assert result.tries(5, out=path, limits=limits).values.tolist() == whole.values[:5].tolist()


def read_tree(path):
    return {file: file.read_bytes() for file in path.rglob("*") if file.is_file()}
