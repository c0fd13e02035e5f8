"""Memory: real cgroups, and real kills if the promise fails."""

import json
import re
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from helpers.faults import LONG
from helpers.machine import MIB, Run, counter, group, held, read_header
from helpers.stopwatch import Stopwatch

import qmac

pytestmark = pytest.mark.alone

SHARE = 0.9  # of a limit that a run may fill
STEADY = 6 if LONG else 1  # seconds over which speed is measured


def run(limit, out, *words, **others):
    """In a memory cgroup; checks what always has to hold."""
    with (
        group("memory", memory_limit_in_bytes=limit * MIB) as memory,
        Run("optimize", "--sample", "--out", out, *words, groups=[memory], **others) as child,
    ):
        child.code = child.end()
        assert child.kills == 0 and child.code >= 0, child.err
    print(f"{child.peak / MIB:.0f} of {limit} MiB, exit code {child.code}: {' '.join(words)}")
    assert child.peak <= SHARE * limit * MIB, f"{child.peak / MIB:.0f} of {limit} MiB\n{child.err}"
    return child


def needed(child):
    """The limit in MiB that a refusal asks for."""
    assert child.code == 2, child.err
    assert "Traceback" not in child.err
    return int(re.search(r"Raise the limit to ([0-9]+) MiB", child.err)[1])


def admitted(tmp_path, first, *words, extra=1.1):
    """From refusal to refusal to the least limit that lets a run in, and a tenth more."""
    limit, refusals = first, []
    for number in range(4):
        child = run(limit, tmp_path / f"out{number}", *words)
        if child.code != 2:
            return child, limit, refusals
        refusals.append(child)
        limit = int(needed(child) * extra)
    raise AssertionError(f"no limit is enough: {refusals[-1].err}")


def test_the_least_memory_that_is_admitted(tmp_path):
    child, limit, refusals = admitted(tmp_path, 210, "--windows", "2:120")
    assert child.code == 0, child.err
    assert refusals[0].peak < 190 * MIB  # refused before it was used
    assert len(refusals) == 1 and limit < 400


@pytest.mark.skipif(not LONG, reason="minutes")
@pytest.mark.parametrize(
    ("windows", "limit", "threads"),
    [("2:252", 350, 2), ("2:252", 600, 2), ("2:252", 1024, 2), ("2:600", 600, 2), ("2:600", 400, 1),
     ("2:1000", 800, 1), ("2:1000", 1024, 2)],
)  # fmt: skip
def test_grids_in_a_limit(windows, limit, threads, tmp_path):
    child = run(
        limit, tmp_path / "out", "--windows", windows, "--threads", "2", "--max-time", "20s"
    )
    assert child.code in (0, 75), child.err
    assert max(line.get("threads", 0) for line in child.lines) == threads


@pytest.mark.skipif(not LONG, reason="minutes")
@pytest.mark.parametrize("windows", ["2:600", "2:1000"])
def test_the_least_memory_of_a_wide_grid(windows, tmp_path):
    child, limit, refusals = admitted(
        tmp_path, 300, "--windows", windows, "--threads", "2", "--max-time", "20s"
    )
    assert child.code == 75, child.err
    again = run(
        limit, tmp_path / "again", "--windows", windows, "--threads", "2", "--max-time", "4s"
    )
    assert again.code == 75, again.err


def test_too_little_to_compile_in(tmp_path):
    child = run(300, tmp_path / "out", "--windows", "2:50", QMAC_CACHE_DIR=str(tmp_path / "cache"))
    assert 400 < needed(child) < 600
    assert child.peak < 200 * MIB


@pytest.mark.skipif(not LONG, reason="half a minute")
@pytest.mark.parametrize(
    "words",
    [(), ("--objective", "max_drawdown", "--stop-loss", "0.05", "--where", "sharpe_ratio >= 0")],
)
def test_enough_to_compile_in(words, tmp_path):
    child = run(
        550, tmp_path / "out", "--windows", "2:100", *words, QMAC_CACHE_DIR=str(tmp_path / "cache")
    )
    assert child.code == 0, child.err


def test_a_wide_grid_is_refused_before_it_is_built(tmp_path):
    child = run(500, tmp_path / "out", "--windows", "2:1400")
    assert needed(child) > 700
    assert child.peak < 200 * MIB and time.monotonic() - child.began < 20


def test_a_shortage_before_a_symbol_is_waited_out(tmp_path, sample):
    data = tmp_path / "data"
    data.mkdir()
    for name in ("AAA", "BBB", "CCC"):
        sample.tail(2000).frame.to_csv(data / f"{name}.csv")
    out = tmp_path / "out"
    words = ("optimize", data, "--windows", "2:80", "--out", out)
    with group("memory", memory_limit_in_bytes=400 * MIB) as memory, ExitStack() as stack:
        stack.enter_context(held(memory, 240 * MIB, 600))
        with Run(*words, groups=[memory]) as child:
            child.wait_for(lambda line: "waiting" in line["reason"], 120)
            stack.close()
            assert child.end() == 0, child.err
            assert child.kills == 0
    assert sorted(path.name for path in (out / "results").iterdir()) == ["AAA", "BBB", "CCC"]
    waited = [line for line in child.lines if "waiting" in line.get("reason", "")]
    assert waited and waited[0]["name"] == "AAA" and waited[0]["level"] == "pause"


def test_the_limit_asked_for(tmp_path):
    child = run(4096, tmp_path / "out", "--windows", "2:252", "--memory", "250MiB")
    assert "limit set with memory" in child.err
    assert needed(child) > 250


def test_max_time_ends_with_a_snapshot_that_is_gone_on_with(tmp_path, sample):
    words = "--windows", "2:252", "--threads", "1", "--max-time"
    for seconds in (2, 4, 8, 16):  # of a loaded machine the preparation takes some
        out = tmp_path / f"out{seconds}"
        first = run(600, out, *words, f"{seconds}s")
        assert first.code == 75, first.err
        assert f"max_time: {seconds} s are over" in first.err
        assert f"qmac resume {out}" in first.err
        if list((out / "snapshots").iterdir()):
            break
    assert list((out / "snapshots").iterdir())
    share = first.lines[-2]["done"] / first.lines[-2]["size"]
    with (
        group("memory", memory_limit_in_bytes=600 * MIB) as memory,
        Run("resume", out, groups=[memory]) as second,
    ):
        assert second.end() == 0, second.err
    assert second.kills == 0 and second.peak <= SHARE * 600 * MIB
    lines = [json.loads(line) for line in (out / "progress.jsonl").read_text().splitlines()]
    began = next(k for k, line in enumerate(lines) if line["state"].startswith("stopped"))
    assert lines[began + 1]["done"] / lines[began + 1]["size"] >= share
    assert (
        read_header(out)["digest"]
        == qmac.optimize(sample, qmac.Grid(windows=range(2, 253)), top=20).digest
    )


def pace(child, seconds):
    """Combinations a second over so many seconds from now."""
    first = child.lines[-1]
    child.wait_for(lambda line: line["seconds"] >= first["seconds"] + seconds, seconds + 20)
    last = child.lines[-1]
    return (last["done"] - first["done"]) / (last["seconds"] - first["seconds"])


def test_a_shock(tmp_path):
    """Another process takes the memory that is left, holds it, leaves."""
    limit, out = 640 * MIB, tmp_path / "out"
    with (
        group("memory", memory_limit_in_bytes=limit) as memory,
        Run(
            "optimize", "--sample", "--windows", "2:600", "--threads", 2, "--out", out,
            "--max-time", "600s",
            groups=[memory], snapshots=(600.0, 0.01),
        ) as child,
    ):  # fmt: skip
        child.wait_for(lambda line: line["done"] > 0 and line["threads"] == 2, 120)
        before = pace(child, STEADY)
        used, own = counter(memory / "memory.stat", "total_rss"), child.anonymous
        with held(memory, int(0.965 * limit) - used, 60):
            with Stopwatch() as watch:
                while child.anonymous > own - 40 * MIB:
                    late = "nothing was freed within 2 s", child.lines[-3:]
                    assert watch.seconds < 2, late
                    time.sleep(0.02)
            shed = watch.seconds
            time.sleep(10 if LONG else 2)
            assert child.process.poll() is None, child.process.communicate()
        back = child.wait_for(lambda line: line["threads"] == 2 and line["level"] == "normal", 60)
        assert back <= 60
        after, lines = pace(child, STEADY), child.lines
        child.process.terminate()
        assert child.end() == 75, child.err
        assert child.kills == 0
    print(
        f"before {used / MIB:.0f} MiB, shed after {shed:.2f} s, back after {back:.1f} s, "
        f"at {after / before:.2f} of the speed before"
    )
    assert after > 0.9 * before or not LONG
    assert min(line["threads"] for line in lines) == 1
    assert {line["level"] for line in lines} & {
        "pause",
        "shed",
    }  # of two levels within 2 s, a line shows one
    assert Path(out, "snapshots").is_dir()
