"""The doctor says what is on the machine, and what is wrong with it."""

import json
import platform

import numba
import pytest

import qmac
from qmac.errors import InternalError
from qmac.verification import doctor


@pytest.fixture
def _quick(monkeypatch):
    monkeypatch.setattr(doctor, "BARS", 150)
    monkeypatch.setattr(doctor, "WINDOWS", range(2, 20))
    monkeypatch.setattr(doctor, "SPEED_SECONDS", 0.05)
    monkeypatch.setattr(doctor, "SLOW", 1.0)


@pytest.mark.usefixtures("_quick")
def test_every_finding_has_facts_that_json_has():
    findings = list(doctor.examine())
    names = [finding.name for finding in findings]
    assert names[:2] == ["Python", "qmac"] and names[-1] == "speed"
    assert {"CPU", "vectors", "kernels", "memory", "CPUs", *doctor.REQUIRED} <= set(names)
    for finding in findings:
        assert finding.verdict in (doctor.OK, doctor.NOTE, doctor.BAD) and finding.words
        assert json.loads(json.dumps(finding.to_dict()))["facts"], finding.name
    facts = {finding.name: finding.facts for finding in findings}
    assert facts["Python"]["version"] == platform.python_version()
    assert facts["qmac"]["version"] == qmac.__version__
    assert facts["numba"]["version"] == numba.__version__
    assert facts["speed"]["runs"] >= 1 and facts["speed"]["combinations_per_second"] > 0


@pytest.mark.usefixtures("_quick")
def test_a_slow_machine_is_a_note(monkeypatch):
    monkeypatch.setattr(doctor, "SLOW", 1e30)
    finding = doctor._check_speed()
    assert finding.verdict == doctor.NOTE and "is the machine busy?" in finding.words


@pytest.mark.usefixtures("_quick")
def test_kernels_that_are_wrong_are_bad(monkeypatch):
    def wrong(*_, **__):
        raise InternalError("the compiled kernels give wrong answers.")

    monkeypatch.setattr(doctor, "optimize", wrong)
    finding = doctor._check_speed()
    assert (finding.verdict, finding.facts) == (doctor.BAD, {})
    assert "wrong answers" in finding.words


def test_where_last_results_are(tmp_path, monkeypatch):
    monkeypatch.setenv("QMAC_LAST_RESULTS", "3")
    monkeypatch.setenv("QMAC_RESULTS_DIR", str(tmp_path / "new" / "place"))
    finding = doctor._check_last_results()
    assert finding.verdict == doctor.OK and "new/place, the last 3 stay, 0 are" in finding.words
    monkeypatch.setattr(doctor.os, "access", lambda path, _: path != tmp_path)
    finding = doctor._check_last_results()
    assert finding.verdict == doctor.NOTE and "place cannot be written: only --out" in finding.words
    monkeypatch.setenv("QMAC_RESULTS_DIR", "~nobody-has-this-name/x")
    assert "there is no such home directory" in doctor._check_last_results().words
    monkeypatch.setenv("QMAC_LAST_RESULTS", "many")
    assert "must be a whole number" in doctor._check_last_results().words
    monkeypatch.setenv("QMAC_LAST_RESULTS", "0")
    monkeypatch.setenv("QMAC_RESULTS_DIR", str(tmp_path))
    assert doctor._check_last_results().words == "none is stored"


def test_a_cpu_without_the_compiler_or_with_a_name_of_another(monkeypatch):
    assert doctor._check_cpu().verdict == doctor.OK
    monkeypatch.setattr(doctor.SETTINGS, "CPU_NAME", "x86-64")
    finding = doctor._check_cpu()
    assert finding.verdict == doctor.NOTE and "NUMBA_CPU_NAME=x86-64" in finding.words
    monkeypatch.setattr(doctor.jit, "DISABLED", True)
    finding = doctor._check_cpu()
    assert finding.verdict == doctor.BAD and "kernels run as plain Python" in finding.words


@pytest.mark.parametrize(("name", "verdict"), [("generic", "note"), (None, "ok")])
def test_registers_that_are_not_used(monkeypatch, name, verdict):
    monkeypatch.setattr(doctor, "measure_vector_bits", lambda: 64)
    monkeypatch.setattr(doctor.SETTINGS, "CPU_NAME", name)
    finding = doctor._check_vectors()
    assert finding.verdict == verdict and finding.facts["bits"] == 64
    assert f"the CPU has {finding.facts['widest']}" in finding.words
    assert ("LLVM takes for slower" in finding.words) == (name is None)


def test_a_cpu_without_wide_vectors_has_narrow_code(monkeypatch):
    if platform.machine() != "x86_64":
        pytest.skip("names a CPU of x86-64")
    monkeypatch.setattr(doctor.SETTINGS, "CPU_NAME", "x86-64")
    monkeypatch.setattr(doctor.SETTINGS, "CPU_FEATURES", "")
    assert doctor.measure_vector_bits() == 128


def test_a_package_that_is_not_installed(monkeypatch):
    monkeypatch.setattr(doctor, "OPTIONAL", {"no-such-package": "nothing", "numpy": "arrays"})
    missing, installed = doctor._check_optional_packages()
    assert (missing.words, missing.facts) == ("not installed (nothing)", {"version": None})
    assert installed.words == f"{installed.facts['version']} (arrays)"


def test_the_size_of_the_kernel_cache(monkeypatch, tmp_path):
    place = tmp_path / "kernels-a"
    for folder, size in (("kernels-a", 1000), ("kernels-b", 2000)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "kernel").write_bytes(bytes(size))
    monkeypatch.setattr(doctor, "cache_directory", lambda: place)
    facts = doctor._check_kernel_cache().facts
    assert (facts["bytes"], facts["bytes_of_all_versions"]) == (1000, 3000)
    assert facts["directory"] == str(place)


def test_a_cache_that_cannot_be_written(monkeypatch):
    monkeypatch.setattr(doctor.jit, "DIRECTORY", None)
    finding = doctor._check_kernel_cache()
    assert finding.verdict == doctor.NOTE and "QMAC_CACHE_DIR" in finding.words
