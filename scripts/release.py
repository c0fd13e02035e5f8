"""Build the packages, check what is in them, and test the installed wheel.

    python scripts/release.py [--out dist] [--select "not alone and not slow"] [--tests PATH ...]

Nothing is uploaded. Steps, each of which ends the script where it fails:

1. Version, changelog and citation agree.
2. ``build`` makes a source distribution, and the wheel from it.
3. ``twine check --strict`` reads the metadata and renders the README.
4. The wheel holds every file of ``src/qmac`` and nothing else; neither package holds tests or a
   path of this machine.
5. The wheel alone is installed into an empty virtual environment, sweeps, and writes the report.
6. Tests run from a copy of the repository without ``src``, so that only the wheel can be imported.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "qmac"
NEEDED = ("qmac/py.typed", "qmac/data/sp500.csv", "/assets/")
"""Parts of file names without which the package is of no use: prices, and the report's assets."""
METADATA = ("License-Expression: MIT", "Requires-Python: >=3.11", "Requires-Dist: plotly>=6")
TEST_TOOLS = ("pytest", "pytest-xdist", "hypothesis", "vectorbt")
COPIED = (".ci", ".github", "benchmarks", "deploy", "docs", "scripts", "tests")
"""Directories that tests read. Without ``src``, no import can come from the tree."""
SWEEP = """
import sys
from pathlib import Path
import qmac
assert Path(qmac.__file__).is_relative_to(sys.prefix), qmac.__file__
prices, grid = qmac.sample_prices().tail(300), qmac.Grid(windows=range(5, 40, 5))
result = qmac.optimize(prices, grid, threads=1)
assert result.evaluated == result.grid.size
"""


def main() -> None:
    """Run the steps in order."""
    options = read_options()
    started = time.monotonic()
    version = check_version()
    wheel, source = build(options.out.resolve())
    run("-m", "twine", "check", "--strict", str(wheel), str(source))
    check_wheel(wheel, version)
    check_source(source)
    with tempfile.TemporaryDirectory(prefix="qmac-release-") as folder:
        check_installed(wheel, Path(folder), options)
    print(f"{wheel.name} and {source.name} are good ({time.monotonic() - started:.0f} s).")


def read_options() -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description="Build and check the packages; upload nothing.")
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="directory of the packages")
    parser.add_argument("--select", default="not alone and not slow", help="markers, as pytest -m")
    parser.add_argument("--tests", nargs="+", default=["tests"], help="what pytest is to run")
    return parser.parse_args()


def check_version() -> str:
    """Return the version; changelog and citation name it, or the last release before it."""
    (version,) = find_all(r'^__version__ = "(.+)"$', PACKAGE / "_version.py")
    (cited,) = find_all(r"^version: (.+)$", ROOT / "CITATION.cff")
    released = find_all(r"^## (\d\S*) \(\d{4}-\d\d-\d\d\)$", ROOT / "CHANGELOG.md")
    if ".dev" in version:  # between two releases
        last = released[0]
        expect(cited == last, f"CITATION.cff is of version {cited}, the last release of {last}.")
        return version
    expect(cited == version, f"CITATION.cff is of version {cited}, the package of {version}.")
    expect(version in released, f"CHANGELOG.md has no section for version {version} with a date.")
    return version


def build(out: Path) -> tuple[Path, Path]:
    """Return the paths of the wheel and of the source distribution, built anew."""
    for old in out.glob("qmac-*"):
        old.unlink()
    run("-m", "build", "--quiet", "--outdir", str(out), str(ROOT))
    (wheel,) = out.glob("qmac-*.whl")
    (source,) = out.glob("qmac-*.tar.gz")
    return wheel, source


def check_wheel(wheel: Path, version: str) -> None:
    """Compare the files of the wheel with the package in the tree, and look into each."""
    with zipfile.ZipFile(wheel) as archive:
        content = {entry.filename: archive.read(entry) for entry in archive.infolist()}
    packaged = {name for name in content if ".dist-info/" not in name}
    files = [file for file in PACKAGE.rglob("*") if file.is_file()]
    written = {
        file.relative_to(PACKAGE.parent).as_posix()
        for file in files
        if "__pycache__" not in file.parts
    }  # fmt: skip
    lost, extra = sorted(written - packaged), sorted(packaged - written)
    expect(not lost, f"The wheel lacks {lost}. Add them to package-data in pyproject.toml.")
    expect(not extra, f"The wheel holds what the tree lacks: {extra}.")
    for part in NEEDED:
        expect(any(part in name for name in packaged), f"The wheel has no {part}.")
    metadata = content[f"qmac-{version}.dist-info/METADATA"].decode()
    for line in (*METADATA, f"Version: {version}"):
        expect(f"\n{line}\n" in metadata, f"The metadata of the wheel have no line {line!r}.")
    check_paths(content)


def check_source(source: Path) -> None:
    """Look into each file of the source distribution."""
    with tarfile.open(source) as archive:
        files = [member for member in archive if member.isfile()]
        content = {file.name: archive.extractfile(file).read() for file in files}
    check_paths(content)


def check_paths(content: Mapping[str, bytes]) -> None:
    """Look for tests, and in every file for paths of the tree, the home and this Python."""
    paths = [path for path in (ROOT, Path.home(), Path(sys.prefix)) if len(path.parts) > 2]
    for name, data in content.items():
        file = Path(name)
        expect(not file.is_absolute() and ".." not in file.parts, f"{name} leaves the package.")
        is_test = "tests" in file.parts or file.name.startswith("test_")
        expect(not is_test, f"{name} is a test. Leave it out in MANIFEST.in or pyproject.toml.")
        for path in paths:
            expect(str(path).encode() not in data, f"{name} names a path of this machine: {path}.")


def check_installed(wheel: Path, folder: Path, options: argparse.Namespace) -> None:
    """Install the wheel into an empty environment, without the tree in reach, and test it."""
    python = folder / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python"
    environment = dict(os.environ)
    for name in ("PYTHONPATH", "VIRTUAL_ENV", "PYTHONDONTWRITEBYTECODE"):
        environment.pop(name, None)
    install = ("-m", "pip", "install", "-q", "-c", str(ROOT / "constraints.txt"))
    run("-m", "venv", str(folder / "venv"))
    run(*install, str(wheel), python=python, cwd=folder, env=environment)
    run("-c", SWEEP, python=python, cwd=folder, env=environment)
    for command in ("--version", "optimize --sample --windows 10:60:10 --out run", "report run"):
        run("-m", "qmac", *command.split(), python=python, cwd=folder, env=environment)
    needed = (f"{wheel}[explore,png,xlsx]", *TEST_TOOLS)
    run(*install, *needed, python=python, cwd=folder, env=environment)
    copy = copy_repository(folder / "repository")
    parallel = ("-n", "auto", "--maxprocesses", "4", "--dist", "worksteal")
    tests = ("-m", "pytest", "-q", "-m", options.select, *parallel, *options.tests)
    run(*tests, python=python, cwd=copy, env=environment)
    run("-c", SWEEP, python=python, cwd=copy, env=environment)  # the wheel's, where tests ran, too


def copy_repository(copy: Path) -> Path:
    """Return a copy of what tests need of the repository, which has no ``src``."""
    copy.mkdir()
    for name in COPIED:
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ROOT.iterdir():
        if file.is_file() and file.name != ".git":
            shutil.copy2(file, copy / file.name)
    return copy


def run(
    *arguments: str,
    python: Path | str = sys.executable,
    cwd: Path = ROOT,
    env: Mapping[str, str] | None = None,
) -> None:
    """Run Python with arguments; end the script with its exit code if it fails."""
    print("$ python", *(" ".join(each.split()) for each in arguments), flush=True)
    command = [str(python), *arguments]
    code = subprocess.run(command, cwd=cwd, env=env, check=False).returncode  # noqa: S603
    if code:
        sys.exit(code)


def find_all(pattern: str, file: Path) -> list[str]:
    """Return the first group of every match of a pattern in a file; there is at least one."""
    matches = re.findall(pattern, file.read_text("utf-8"), re.MULTILINE)
    expect(matches, f"{file.relative_to(ROOT)} has no line like {pattern}.")
    return matches


def expect(holds: object, otherwise: str) -> None:
    """End the script with a message unless the condition holds."""
    if not holds:
        sys.exit(f"release: {otherwise}")


if __name__ == "__main__":
    main()
