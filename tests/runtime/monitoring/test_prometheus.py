"""Gauges as Prometheus reads them."""

import math

import pytest
from helpers.statuses import STATUS

from qmac.errors import OptionError
from qmac.runtime.monitoring import prometheus
from qmac.runtime.monitoring.prometheus import Prometheus, format_gauges
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


def test_a_directory_that_does_not_exist_is_an_error(tmp_path):
    with pytest.raises(OptionError, match="does not exist. Create it, or name another"):
        Prometheus(tmp_path / "nowhere" / "qmac.prom", lambda status: None)
