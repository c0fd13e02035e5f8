"""Every file of a run is damaged in every way: an answer is the good one, or a sentence."""

import inspect
import shutil
import warnings

import pytest
from helpers.damage import COUNT, GRID, SECOND, check_mutants, check_reader, halted_run
from helpers.faults import LONG
from helpers.mutants import mutants
from helpers.terminal import inside

import qmac
from qmac.cli import exits
from qmac.cli.commands.runs import optimize
from qmac.cli.options.job_file import _job_file_options
from qmac.jobs.listing import describe_directory
from qmac.results.reader import read_results
from qmac.runs import job_file, snapshot
from qmac.runs.directory import RunDirectory
from qmac.runtime.monitoring.progress_log import read_last_line

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return halted_run(tmp_path_factory.mktemp("damage") / "run")


def read_run(path):
    results = read_results(path)
    entry = describe_directory(path)
    assert isinstance(entry.date, str) and entry.to_dict()
    return {"summary": results.summary(), "repr": repr(results), "left_out": results.left_out}


def test_the_header(run):
    check_mutants(run / "run.json", lambda: read_run(run))


def test_prices(run):
    def read():
        return {"prices": RunDirectory.open(run).prices("BBB").frame.to_csv()}

    check_mutants(run / "prices" / "BBB.parquet", read)


def test_snapshots(run):
    path = max((run / "snapshots").glob("0*"))

    def read():
        about, arrays = snapshot.decode(path)
        assert snapshot.read_about(path) == about
        return {"about": about, "arrays": {name: bytes(one) for name, one in arrays.items()}}

    check_mutants(path, read)


@pytest.mark.parametrize("name", ["progress.jsonl", "lock"])
def test_files_that_only_tell(run, name):
    """They are no answer: any word of them may change, and nothing fails of it."""
    file = run / name
    content = file.read_bytes()
    try:
        for what, damaged in mutants(content, COUNT):
            file.write_bytes(damaged)
            check_reader(what, lambda: {"line": read_last_line(file)}, None, traced=False)
            check_reader(what, lambda: {"e": describe_directory(run).date}, None, traced=False)
    finally:
        file.write_bytes(content)


def test_job_files(run):
    """An edited job file is another question: it is read, or refused in a sentence."""
    file = run / "job.toml"
    content = file.read_bytes()
    known = _job_file_options(inspect.signature(optimize.__wrapped__))
    try:
        for what, damaged in mutants(content, COUNT):
            file.write_bytes(damaged)
            check_reader(what, lambda: job_file.read(file, known), None, traced=False)
    finally:
        file.write_bytes(content)


@pytest.mark.parametrize("name", ["run.json", "progress.jsonl", "lock", "results/AAA/result.json"])
def test_commands(run, name):
    """The command line ends in a documented code, and never in a traceback."""
    file = run / name
    content = file.read_bytes()
    try:
        for what, damaged in mutants(content, COUNT // 20, seed=1):
            file.write_bytes(damaged)
            for command in (["watch", "--once"], ["show", "--toml"], ["show", "--json"], ["runs"]):
                ended = inside(*command, run)
                code = ended.returncode
                assert code in exits.MEANINGS and code != exits.DEFECT, (what, command, ended)
    finally:
        file.write_bytes(content)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["snapshots", "scores/BBB/.zarray", "scores/BBB/0.0"])
def test_a_resumed_run_ends_in_the_same_digest(run, tmp_path, name):
    """A damaged snapshot is passed over with a warning; scores that are damaged are refused."""
    good = qmac.optimize(SECOND, GRID, top=5, threads=2).digest
    file = max((run / name).glob("0*")) if name == "snapshots" else run / name
    for number, (what, damaged) in enumerate(mutants(file.read_bytes(), 20 if LONG else 3)):
        path = shutil.copytree(run, tmp_path / str(number))
        (path / file.relative_to(run)).write_bytes(damaged)
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            results = qmac.resume(path, threads=2)
            assert results["BBB"].digest == good, what
        assert warned or name != "snapshots", what
