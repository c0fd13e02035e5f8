"""Start of the command line: fast, and interrupts are answered."""

import signal
import subprocess
import sys

import pytest

from qmac.cli.interrupts import EXIT_INTERRUPTED, EXIT_RESUMABLE, EXIT_UNSAVED


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["optimize", "--help"]])
def test_nothing_heavy_is_imported(arguments):
    code = f"import sys; sys.argv = ['qmac', *{arguments!r}]\nfrom qmac.cli.app import run\nrun()\n"
    code += "heavy = ('numpy', 'numba', 'pandas', 'plotly', 'ray')\n"
    code += "print([name for name in heavy if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


@pytest.mark.parametrize(
    ("resume", "line", "code"),
    [
        (None, "qmac: interrupted; nothing was written.\n", EXIT_INTERRUPTED),
        ("qmac resume x", "qmac: interrupted. Resume with: qmac resume x\n", EXIT_RESUMABLE),
    ],
)
def test_the_last_line_of_an_interrupted_process(resume, line, code):
    lines = [
        "import qmac.cli.app, qmac.cli.main as start",
        "from qmac.cli.interrupts import Interruption, interrupt",
        f"Interruption.resume = {resume!r}",
        "qmac.cli.app.run = interrupt",
        "start.main()",
    ]
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == code and done.stderr.endswith(line) and done.stdout == ""


def test_the_last_line_where_the_last_snapshot_could_not_be_written(tmp_path):
    lines = [
        "import qmac.cli.app, qmac.cli.main as start",
        "from qmac.cli.interrupts import Interrupted, Interruption, interrupt",
        f"Interruption.resume, Interruption.place = 'qmac resume x', {str(tmp_path / 'gone')!r}",
        "def run():",
        "    try:",
        "        interrupt()",
        "    except Interrupted as error:",
        "        error.add_note('All is lost.')",
        "        raise Interrupted",
        "qmac.cli.app.run = run",
        "start.main()",
    ]
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == EXIT_UNSAVED
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"qmac: interrupted. All is lost. {tmp_path / 'gone'} is gone: it was")
    assert "saved" not in done.stderr and "resume x" not in done.stderr


def test_a_defect_is_not_hidden():
    call = "import qmac.cli.app, qmac.cli.main as start\n"
    call += "qmac.cli.app.run = lambda: 1 / 0\nstart.main()"
    done = subprocess.run([sys.executable, "-c", call], capture_output=True, text=True, timeout=300)
    assert done.returncode == 1 and "ZeroDivisionError" in done.stderr


SIGNALS = [name for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


@pytest.mark.parametrize("name", SIGNALS)
def test_a_signal_that_is_ignored_stays_ignored(name):
    """As a shell ignores Ctrl-C for a job that its script starts in the background."""
    code = f"""
import os, signal
signal.signal(signal.{name}, signal.SIG_IGN)
import qmac.cli.app, qmac.cli.main as start
qmac.cli.app.run = lambda: os.kill(os.getpid(), signal.{name})
start.main()
"""
    assert subprocess.run([sys.executable, "-c", code], timeout=300).returncode == 0
    heeded = code.replace("SIG_IGN", "SIG_DFL")
    done = subprocess.run([sys.executable, "-c", heeded], timeout=300, capture_output=True)
    assert done.returncode == EXIT_INTERRUPTED
