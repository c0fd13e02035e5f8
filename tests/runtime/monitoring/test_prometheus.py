"""Gauges as Prometheus reads them."""

import math
import os
from pathlib import Path

import pytest
from helpers.statuses import STATUS

from qmac.errors import OptionError
from qmac.runtime.monitoring import prometheus
from qmac.runtime.monitoring.prometheus import Prometheus, check_place, format_gauges
from qmac.runtime.monitoring.status import Status


def samples(text):
    """Values by the name of their gauge."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return {line.partition("{")[0]: line.rpartition(" ")[2] for line in lines}


def test_every_gauge_has_help_type_and_value():
    lines = format_gauges(STATUS).splitlines()
    assert len(lines) == 3 * len(prometheus.GAUGES)
    for gauge, about, kind, value in zip(
        prometheus.GAUGES, lines[::3], lines[1::3], lines[2::3], strict=True
    ):
        assert about == f"# HELP {gauge.name} {gauge.help}"
        assert kind == f"# TYPE {gauge.name} gauge"
        assert value.startswith(f'{gauge.name}{{symbol="SPY"}} ')


def test_values():
    assert samples(format_gauges(STATUS)) == {
        "qmac_done_ratio": "0.25", "qmac_combinations": "2000", "qmac_left_seconds": "15",
        "qmac_combinations_per_second": "100", "qmac_job_done_ratio": "0.25",
        "qmac_job_left_seconds": "15", "qmac_memory_bytes": str(300 * 2**20), "qmac_threads": "2",
        "qmac_symbol_number": "1", "qmac_symbols": "1",
    }  # fmt: skip
    job = {"part": 2, "parts": 5, "job_done": 0.7, "job_left": 30.0, "rate": 0.0}
    values = samples(format_gauges(Status(**(STATUS.__dict__ | job))))
    assert (values["qmac_job_done_ratio"], values["qmac_job_left_seconds"]) == ("0.7", "30")
    assert (values["qmac_symbol_number"], values["qmac_symbols"]) == ("2", "5")
    assert values["qmac_left_seconds"] == "+Inf"
    undefined = Status(**(STATUS.__dict__ | {"rate": math.nan}))
    assert samples(format_gauges(undefined))["qmac_combinations_per_second"] == "nan"


def test_a_symbol_is_escaped():
    name = 'a"b\\c\nd'
    text = format_gauges(Status(**(STATUS.__dict__ | {"name": name})))
    assert r'{symbol="a\"b\\c\nd"}' in text
    hostile = format_gauges(Status(**(STATUS.__dict__ | {"name": "a\x1b[2J\r\udcff"})))
    assert '{symbol="a?[2J??"}' in hostile and hostile.replace("\n", "").isprintable()


def test_the_file_is_written_when_due_and_at_the_end(tmp_path, monkeypatch):
    now, passed = [100.0], []
    monkeypatch.setattr(prometheus.time, "monotonic", lambda: now[0])
    path = tmp_path / "qmac.prom"
    listener = Prometheus(path, passed.append)
    for seconds, done, shown in [
        (0, 500, "0.25"),
        (4, 1000, "0.25"),
        (2, 1500, "0.75"),
        (0, 2000, "1"),
    ]:
        now[0] += seconds
        listener(Status(**(STATUS.__dict__ | {"done": done})))
        assert samples(path.read_text())["qmac_done_ratio"] == shown
    assert [status.done for status in passed] == [500, 1000, 1500, 2000]


def test_a_file_that_cannot_be_written_is_warned_of_once(tmp_path, recwarn):
    (tmp_path / "qmac.prom").mkdir()
    listener = Prometheus(tmp_path / "qmac.prom", lambda status: None)
    for _ in range(2):
        listener(Status(**(STATUS.__dict__ | {"done": 2000})))
    (warning,) = recwarn
    assert "cannot be written" in str(warning.message) and "run goes on" in str(warning.message)


def test_only_a_file_of_qmac_is_replaced(tmp_path, recwarn):
    path = tmp_path / "qmac.prom"
    for content in (b"", format_gauges(STATUS).encode()):
        path.write_bytes(content)
        Prometheus(path, lambda status: None)(STATUS)
        assert path.read_text() == format_gauges(STATUS)
    listener = Prometheus(path, lambda status: None)
    path.write_bytes(b"another program's")
    listener(STATUS)
    assert path.read_bytes() == b"another program's"
    assert "it is not of qmac" in str(recwarn.pop().message)


@pytest.mark.skipif(os.name == "nt", reason="links and pipes of POSIX")
def test_nothing_else_is_replaced(tmp_path):
    notes = tmp_path / "notes.txt"
    notes.write_text("mine")
    (tmp_path / "notes.prom").write_text("mine")
    (tmp_path / "gauges.txt").write_text(format_gauges(STATUS))
    (tmp_path / "link.prom").symlink_to(notes)
    os.mkfifo(tmp_path / "pipe.prom")
    for name in ("notes.prom", "pipe.prom"):
        with pytest.raises(OptionError, match="is there, and qmac did not write it"):
            check_place(tmp_path / name)
    names = ("notes.txt", "gauges.txt", "link.prom", "new.txt")
    for path in (*(tmp_path / name for name in names), Path("/dev/full"), Path("/dev/stdout")):
        with pytest.raises(OptionError, match="must end in .prom"):
            check_place(path)
    assert notes.read_text() == (tmp_path / "notes.prom").read_text() == "mine"
    assert check_place(tmp_path / "new.prom") == tmp_path / "new.prom"
    with pytest.raises(OptionError, match="no such home directory"):
        check_place(Path("~no-such-user/qmac.prom"))


def test_a_directory_that_does_not_exist_is_an_error(tmp_path):
    with pytest.raises(OptionError, match="does not exist. Create it, or name another"):
        Prometheus(tmp_path / "nowhere" / "qmac.prom", lambda status: None)
