"""The commands of docs/distributed.md on loopback, and their cluster when its head is lost."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import uuid
from pathlib import Path

import psutil
import pytest
from helpers.nodes import Pace
from helpers.series import frame, series
from helpers.stopwatch import Stopwatch

import qmac

pytest.importorskip("ray", reason="Ray is an extra: pip install 'qmac[ray]'")
pytestmark = pytest.mark.slow

PAGE = Path(__file__).parents[3] / "docs" / "distributed.md"
PRICES = frame(series("random", 300, 4))
MARK = "QMAC_TEST_CLUSTER"
COMMANDS = """
ray() { "$PYTHON" -m ray.scripts.scripts "$@"; }
qmac() { "$PYTHON" -m qmac "$@"; }
set -e
"""
RAY_OPTIONS = (
    "--min-worker-port=0 --max-worker-port=0 --dashboard-agent-listen-port=0 "
    "--object-store-memory=80000000"
)
"""Other clusters may use the ports of the defaults on this machine."""


def read_commands():
    """The lines of the page that start a cluster and run qmac on it."""
    blocks = re.findall(r"```\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    (block,) = [block for block in blocks if "ray start --head" in block]
    return [line.split(" #")[0].rstrip() for line in block.splitlines()]


def find_processes(mark):
    """Processes that were started with a mark in their environment."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == mark:
                found.append(process)
        except psutil.Error:
            continue
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="finds processes by their environment")
def test_the_commands_of_the_page_and_a_head_that_is_killed(ray_home):
    home, pace = ray_home, Pace(ray_home)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    (home / "prices").mkdir()
    PRICES.to_csv(home / "prices" / "random.csv", float_format="%.17g")
    mark = uuid.uuid4().hex
    environment = (
        os.environ
        | pace.environment
        | {"HOME": str(home), "RAY_TMPDIR": str(home), "PYTHON": sys.executable, MARK: mark}
    )
    lines = read_commands()
    assert [line.split()[0] for line in lines] == ["export", "ray", "ray", "ray", "qmac"]
    endings = [
        "",
        "",
        f"--port={port} --include-dashboard=false {RAY_OPTIONS}",
        f"--num-cpus=1 {RAY_OPTIONS}",
    ]
    endings.append("--windows 2:12 --json")
    script = "\n".join(f"{line} {ending}" for line, ending in zip(lines, endings, strict=True))
    script = script.replace("HEAD:6379", f"127.0.0.1:{port}")
    try:
        shown = subprocess.run(
            ["bash", "-c", COMMANDS + script + " 2>qmac.errors >qmac.output"],
            env=environment,
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=400,
        )
        assert shown.returncode == 0, (shown.stdout, *home.glob("qmac.*"))
        digest = json.loads((home / "qmac.output").read_text())["digest"]
        assert digest == qmac.optimize(PRICES, qmac.Grid(windows=range(2, 13)), top=20).digest
        pace.set(0.3)
        lose_the_head(home, port, mark, environment)
    finally:
        for process in find_processes(mark):
            process.kill()


def lose_the_head(home, port, mark, environment):
    """A run notices it in seconds: a snapshot, exit code 75, nothing on standard output."""
    words = "optimize prices/ --executor ray --windows 2:41 --json --out lost --ray-address"
    process = subprocess.Popen(
        [sys.executable, "-m", "qmac", *words.split(), f"127.0.0.1:{port}"],
        env=environment | {"RAY_AUTH_MODE": "token"},
        cwd=home,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    for line in process.stderr:
        if "on 1 node" in line and " 0.0%" not in line:
            break
    (head,) = [each for each in find_processes(mark) if each.name() == "gcs_server"]
    with Stopwatch() as watch:
        head.send_signal(signal.SIGKILL)
        output, errors = process.communicate(timeout=180)
    assert (process.returncode, output) == (75, ""), errors
    assert re.search(rf"the head of the cluster, \S+:{port}, does not answer", errors), errors
    assert f"Resume with: qmac resume {home.resolve() / 'lost'} --executor ray" in errors
    assert watch.seconds < 15
    shares = []
    (result,) = qmac.resume(
        home / "lost", progress=lambda status: shares.append(status.done / status.size)
    ).values()
    assert shares[0] > 0
    assert result.digest == qmac.optimize(PRICES, qmac.Grid(windows=range(2, 42)), top=20).digest
    print(f"head killed: ended after {watch.seconds:.1f} s")
