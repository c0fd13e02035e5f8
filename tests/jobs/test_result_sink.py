"""Results go into memory, or into a directory in which a job survives its process."""

import copy
import pickle

import pytest
from helpers.run_directories import PRICES, created, results_of

import qmac
from qmac.errors import Stopped, WriteError
from qmac.jobs.job import Job
from qmac.jobs.result_sink import DirectorySink, MemorySink, PackedResult, build_sink
from qmac.results.collection import Results
from qmac.runs.directory import RunDirectory
from qmac.runs.tasks import Task
from qmac.runtime.monitoring.progress_log import read_last_line

SPY, QQQ = Task("SPY"), Task("QQQ")


@pytest.fixture(scope="module")
def result():
    return results_of({"SPY": PRICES})["SPY"]


@pytest.fixture
def directory(tmp_path):
    return created(tmp_path / "run", {"SPY": PRICES, "QQQ": PRICES.tail(200)})


@pytest.fixture
def sink(directory):
    return DirectorySink(Job.from_directory(directory), directory)


def test_a_directory_decides_where_results_go(directory):
    job = Job.from_directory(directory)
    assert isinstance(build_sink(job, None, retry_failed=False), MemorySink)
    assert build_sink(job, directory, retry_failed=False).directory is directory


def test_memory_holds_the_very_result(result):
    sink = MemorySink(Job({"SPY": PRICES}, result.request))
    assert sink.find(SPY) is None and sink.count_bars() == {"SPY": 300}
    assert sink.store(SPY, result)() is result
    with sink.opened(None) as listener:
        assert listener is None


@pytest.mark.parametrize("copied", [lambda one: pickle.loads(pickle.dumps(one)), copy.deepcopy])
def test_a_result_of_a_process_can_be_copied_before_it_is_read(result, copied):
    view = memoryview(b"..." + pickle.dumps(result))[3:]  # a part of a message
    read = MemorySink(Job({"SPY": PRICES}, result.request)).store(SPY, PackedResult(view))
    assert copied(Results({"SPY": read}, {}))["SPY"].digest == result.digest


def test_a_directory_gives_the_result_back(sink, directory, result):
    assert sink.find(SPY) is None
    stored = sink.store(SPY, result)()
    assert stored.digest == result.digest
    assert stored.series.prices.frame.equals(PRICES.frame)
    assert not (directory.result(SPY) / "prices.parquet").exists()  # they are in the directory
    assert sink.find(SPY)().digest == result.digest
    assert sink.find(QQQ) is None and sink.count_bars() == {"SPY": 300, "QQQ": 200}


def test_a_result_that_is_damaged_is_done_again(sink, directory, result):
    sink.store(SPY, result)
    (directory.result(SPY) / "top.parquet").write_bytes(b"")
    with pytest.warns(UserWarning, match="SPY is done again"):
        assert sink.find(SPY) is None
    assert not directory.result(SPY).exists()


@pytest.mark.parametrize("retry_failed", [True, False])
def test_a_result_that_lacks_cells_is_done_again_on_request(directory, result, retry_failed):
    failed = [{"cell": 3, "combinations": 0, "reason": "lost"}]
    result = qmac.load(result.save(directory.path / "other"))
    object.__setattr__(result, "failed", failed)
    job = Job.from_directory(directory)
    sink = DirectorySink(job, directory, retry_failed=retry_failed)
    snapshot = directory.path / "snapshots" / "of-SPY"
    sink.store(SPY, result)
    snapshot.touch()
    assert (sink.find(SPY) is None) == retry_failed
    sink.finish()
    assert snapshot.exists()  # for its cells that are there
    DirectorySink(job, directory).finish()
    assert not snapshot.exists()


@pytest.fixture
def read_only(monkeypatch):
    """Make every directory one that cannot be written, also for root."""
    monkeypatch.setattr(RunDirectory, "is_writable", False)
    monkeypatch.setattr(RunDirectory, "locked", None)


def test_a_finished_run_that_cannot_be_written_is_read(sink, directory, result, request):
    sink.store(SPY, result)
    before = sorted(directory.path.rglob("*"))
    request.getfixturevalue("read_only")
    with sink.opened(None) as listener:
        sink.admit_disk(None)
        assert listener is None and sink.find(SPY)().digest == result.digest
        sink.finish()
    assert sorted(directory.path.rglob("*")) == before


def test_an_unfinished_run_that_cannot_be_written_says_so(sink, directory, result, request):
    sink.store(SPY, result)
    (directory.result(SPY) / "top.parquet").write_bytes(b"")
    request.getfixturevalue("read_only")
    for task, reason in ((QQQ, "QQQ is not done"), (SPY, "SPY would be done again: .*damaged")):
        with pytest.raises(WriteError, match=rf"cannot be resumed there \({reason}.*qmac show "):
            sink.find(task)
    assert directory.result(SPY).exists()


class _Governor:
    """Records what is admitted."""

    def __init__(self):
        self.admitted = []

    def admit_disk(self, optional):
        self.admitted.append(optional)


def test_the_disk_is_looked_at_where_something_will_be_written(sink, directory, result):
    governor = _Governor()
    sink.store(SPY, result)
    sink.admit_disk(governor)
    sink.store(QQQ, result)
    sink.admit_disk(governor)
    DirectorySink(Job.from_directory(directory), directory, retry_failed=True).admit_disk(governor)
    assert governor.admitted == [None, None]


def test_the_log_says_how_a_run_ended(sink, directory):
    log = directory.path / "progress.jsonl"
    with sink.opened(None):
        pass
    assert read_last_line(log).summary == "finished"
    with pytest.raises(Stopped), sink.opened(None):
        raise Stopped("stopped at 3 %.")
    assert read_last_line(log).summary == "stopped at 3 %."
    with pytest.raises(KeyboardInterrupt), sink.opened(None):
        raise KeyboardInterrupt
    assert "interrupted" in read_last_line(log).summary
    assert (directory.path / "job.toml").exists()
