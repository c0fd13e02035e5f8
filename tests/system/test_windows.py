"""The command line where nothing is there that only Unix has; workflows run it on real Windows."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

from helpers.windows import INSTEAD, UNIX_MODULES

import qmac
from qmac.data.sample import sample_prices

SOURCE = Path(qmac.__file__).parent
GRID = ("--windows", "10:100:10")
COMMANDS = """
import json, sys
from helpers.windows import pretend
pretend()
from qmac.cli.main import main
for arguments in json.loads(sys.argv[1]):
    sys.argv = ["qmac", *arguments]
    try:
        main()
    except SystemExit as end:
        print(json.dumps([arguments, end.code]), file=sys.stderr)
"""
HOLDER = """
import sys
from helpers.windows import pretend
pretend()
from pathlib import Path
from qmac.storage.lock import hold_lock, write_holder
file = Path(sys.argv[1])
with hold_lock(file, file.parent) as descriptor:
    write_holder(descriptor)
    print("held", flush=True)
    sys.stdin.read()
"""
GUARDED = {
    ("_forks.py", "os.register_at_fork"),
    ("data/containers.py", "os.set_blocking"),
    ("jobs/compile_beside.py", "os.nice"),
    ("jobs/kernel_choice.py", "os.register_at_fork"),
    ("runtime/execution/process_worker.py", "os.fork"),
    ("runtime/execution/process_worker.py", "signal.SIGKILL"),
    ("runtime/execution/processes.py", "signal.SIGKILL"),
    ("runtime/resources/machine.py", "os.sched_getaffinity"),
    ("runtime/resources/probes.py", "os.sched_getaffinity"),
    ("runtime/resources/probes.py", "os.sysconf"),
    *(
        ("runtime/resources/probes.py", f"os.{name}")
        for name in ("waitid", "P_ALL", "WEXITED", "WNOHANG", "WNOWAIT")
    ),
    ("storage/lock.py", "fcntl"),
    ("storage/ownership.py", "grp"),
    ("storage/ownership.py", "pwd"),
    ("cli/interrupts.py", "signal.setitimer"),
    ("cli/interrupts.py", "signal.ITIMER_REAL"),
    ("cli/main.py", "signal.SIGALRM"),
}
"""What only Unix has and a module uses where it is there, with another way beside it."""


def run(*commands, cwd, given=None):
    process = subprocess.run(
        [sys.executable, "-c", COMMANDS, json.dumps(commands)],
        cwd=cwd, input=given, capture_output=True, text=True, timeout=300,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    lines = process.stderr.splitlines()
    codes = [json.loads(line)[1] for line in lines if line.startswith("[[")]
    return codes, process


def test_every_command_runs(tmp_path):
    for name in ("A", "B"):
        sample_prices().frame.tail(300).to_csv(tmp_path / f"{name}.csv")
    commands = [
        ["optimize", "--sample", *GRID, "--out", "run"],
        [
            "optimize",
            "A.csv",
            "B.csv",
            *GRID,
            "--out",
            "two",
            "--min-trades",
            "0",
            "--save-grid",
            "float32",
        ],
        ["optimize", "--sample", *GRID, "--json", "--max-time", "60s"],
        *([name, "run"] for name in ("resume", "show", "verify", "runs", "watch")),
        ["report", "run", "--out", "run.html"],
        ["export", "two", "--out", "top.csv"],
        ["luck", "run", "--resamples", "19"],
        [
            "walk-forward",
            "--sample",
            *GRID,
            "--train",
            "1000",
            "--test",
            "1000",
            "--out",
            "forward",
        ],
        ["resume", "forward"],
        ["backtest", "--sample", "10", "70", "60", "90"],
        ["evaluate", "A.csv", "--from", "top.csv"],
        ["prices", "A.csv", "B.csv"],
        ["estimate", "--sample", *GRID],
        ["doctor"],
    ]
    codes, process = run(*commands, cwd=tmp_path)
    assert list(zip(commands, codes, strict=True)) == [(command, 0) for command in commands], (
        process.stderr[-2000:]
    )
    assert "Traceback" not in process.stderr
    assert not [path.name for path in (tmp_path / "run").iterdir() if path.name.startswith(".")]


def test_prices_come_through_a_pipe(tmp_path):
    text = sample_prices().frame.tail(300).to_csv()
    codes, process = run(["prices", "-"], cwd=tmp_path, given=text)
    assert codes == [0] and "300" in process.stdout


def test_a_run_has_one_process(tmp_path):
    codes, _ = run(["optimize", "--sample", *GRID, "--out", "run"], cwd=tmp_path)
    assert codes == [0]
    command = [sys.executable, "-c", HOLDER, str(tmp_path / "run" / "lock")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout.readline() == "held\n"
        codes, ended = run(["resume", "run"], ["runs", "."], cwd=tmp_path)
        process.kill()
    assert codes == [2, 0]
    assert f"run is being run by process {process.pid} on " in ended.stderr
    codes, ended = run(["resume", "run"], cwd=tmp_path)
    assert codes == [0]


def names_of_unix(path):
    """Yield what a module uses of other systems: a module, or a name of os or signal."""
    tree = ast.parse(path.read_text())
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import)]
    modules = {alias.name for node in imports for alias in node.names} & INSTEAD.keys()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in UNIX_MODULES)
        elif isinstance(node, ast.ImportFrom) and node.module in {*UNIX_MODULES, "os", "signal"}:
            there = INSTEAD.get(node.module)
            names = (alias.name for alias in node.names)
            yield from (f"{node.module}.{name}" for name in names if not hasattr(there, name))
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            name = node.value.id
            if name in modules and not hasattr(INSTEAD[name], node.attr):
                yield f"{name}.{node.attr}"


def test_what_only_unix_has_is_used_where_another_way_is_beside_it():
    used = {
        (path.relative_to(SOURCE).as_posix(), name)
        for path in SOURCE.rglob("*.py")
        for name in names_of_unix(path)
    }
    assert used == GUARDED


def test_modules_of_unix_are_missing_in_these_tests():
    code = f"""
from helpers.windows import pretend
pretend()
__name__ = "qmac.x"
for name in {sorted(UNIX_MODULES)}:
    try:
        exec(f"import {{name}}")
    except ModuleNotFoundError as error:
        assert str(error) == f"No module named {{name!r}}"
    else:
        raise AssertionError(name)
"""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment
    )
    assert process.returncode == 0, process.stderr
