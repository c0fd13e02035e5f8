"""Code and commands of the pages run, links and file names lead somewhere, lines are short."""

import math
import re
import shlex
from pathlib import Path

import pytest
from helpers.series import frame, series
from helpers.source import METAPHORS
from helpers.terminal import inside

import qmac
from qmac.runtime.resources.thresholds import THRESHOLDS

ROOT = Path(__file__).parents[2]
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
REPOSITORY = "https://github.com/qmac/qmac/blob/main/"
LINK = re.compile(r"\]\(([^)#]+)|^\[[^\]]+\]: (\S+)$", re.MULTILINE)
"""The target of a link, where it stands or at the end of the page."""
FILE = re.compile(r"`([\w/.-]+\.(?:py|yaml|sh|md|ipynb))`")
WIDTH = 120
TELL_OF_THE_PAST = {"CHANGELOG.md", "changelog.md", "design.md"}
NOT_OURS = {"CODE_OF_CONDUCT.md", "benchmarks.md", "truth.md"}
"""The text of the Contributor Covenant, and pages that ``make bench`` and ``make truth`` write."""


def test_readme_example(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # it writes a run directory
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert blocks
    for block in blocks:
        exec(compile(block, "README.md", "exec"), {})  # noqa: S102


@pytest.mark.slow
def test_readme_commands(tmp_path, monkeypatch):
    """Run them in order, on fewer windows and bars, without those that need a cluster or a network.

    For the latter see tests/cli/commands/test_fetch.py.
    """
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    frame(series("random", 2600, 4)).to_csv("spy.csv")
    for name in ("AAA", "BBB"):
        frame(series("random", 300, len(name))).to_csv(f"data/{name}.csv")
    printed = re.findall(r"^qmac (.*)", (ROOT / "README.md").read_text(), re.MULTILINE)
    here = [line for line in printed if "ray" not in line and "yahoo:" not in line]
    commands = [shlex.split(line, comments=True) for line in here]
    assert {command[0] for command in commands} >= {
        "optimize",
        "report",
        "show",
        "watch",
        "resume",
        "verify",
        "export",
    }
    for command in commands:
        if command[0] == "optimize" and not command[1].endswith(".toml"):
            if "--windows" in command:
                place = command.index("--windows")
                del command[place : place + 2]
            command += ["--windows", "10:250:30"]
        done = inside(*(word.replace("2:600", "20:600:20") for word in command))
        assert done.returncode == 0, (command, done.stderr)
    assert {"runs/spy/report.html", "top.csv"} <= {
        str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.*")
    }


def test_picture_in_python(capsys):
    """The code of docs/concepts.md computes the numbers of its picture."""
    (block,) = re.findall(
        r"```python\n(.*?)```", (ROOT / "docs" / "concepts.md").read_text(), re.DOTALL
    )
    names: dict = {}
    exec(compile(block, "concepts.md", "exec"), names)  # noqa: S102
    assert capsys.readouterr().out == "14.3%\n"
    picture = (ROOT / "docs" / "idea.svg").read_text()
    for bar, gain in enumerate(names["gain"]):
        shown = f"{gain - 1:+.1%}"[:-1].replace("-", "\N{MINUS SIGN}").replace("+0.0", "0.0")
        end = str(names["closed"][bar]).replace("11", "end")
        assert (
            f'class="sell">{end}</text><text class="bar" x="{45 + 50 * bar}" y="309">{shown}<'
            in picture
        )
    assert "this combination makes 14.3 %" in picture


@pytest.mark.parametrize("name", ["luck.md", "walk-forward.md"])
def test_the_first_example_of_a_page(name, capsys):
    """The code of docs/luck.md prints what stands below it."""
    page = (ROOT / "docs" / name).read_text()
    block, printed = re.search(r"```python\n(.*?)```\n+```\n(.*?)```", page, re.DOTALL).groups()
    exec(compile(block, name, "exec"), {})  # noqa: S102
    assert capsys.readouterr().out == printed


def test_price_file_is_fixed_by_pandas(tmp_path, monkeypatch):
    """docs/prices.md shows a valid file, one that is rejected, and lines of pandas that fix it."""
    monkeypatch.chdir(tmp_path)
    good, bad, block = re.findall(
        r"```(?:python)?\n(.*?)```", (ROOT / "docs" / "prices.md").read_text(), re.DOTALL
    )
    (tmp_path / "good.csv").write_text(good)
    assert qmac.read_prices("good.csv").close.tolist() == [2485.74, 2506.85]
    (tmp_path / "download.csv").write_text(
        bad + '"12/27/2018","2,488.83","2,442.50","2,489.10","2,397.94",""\n'
    )
    with pytest.raises(qmac.InputError):
        qmac.read_prices("download.csv")
    exec(compile(block, "prices.md", "exec"), {})  # noqa: S102
    assert qmac.read_prices("mine.parquet").close.tolist() == [2488.83, 2506.85]


def test_levels_of_the_governor():
    """The table of docs/reliability.md is that of the code."""
    page = (ROOT / "docs" / "reliability.md").read_text()
    for level, threshold in THRESHOLDS.items():
        row = re.search(rf"^\| {level.name.lower()} \|(.*)\|$", page, re.MULTILINE)
        assert row, level
        memory, pressure, disk, lasting, dwell = (cell.strip() for cell in row[1].split("|")[:5])
        assert memory == f"{threshold.headroom:.0%}".replace("%", " %")
        assert pressure == (
            "-" if threshold.pressure > 1 else f"{threshold.pressure:.0%}".replace("%", " %")
        )
        assert disk.split(" x")[0] == (f"{threshold.disk:g}" if threshold.disk else "-")
        assert lasting.startswith(f"{threshold.memory_seconds:g} s")
        assert (
            threshold.disk_seconds == threshold.memory_seconds
            or f"disk: {threshold.disk_seconds:g} s" in lasting
        )
        assert dwell == ("-" if math.isinf(threshold.dwell) else f"{threshold.dwell:g} s")


SECTIONS = {"parameters", "attributes", "returns", "yields", "raises"}
"""Sections of a docstring whose entries have a type and a description."""


def documented_objects(folder=ROOT / "src", page=ROOT / "docs" / "python.md"):
    """Return the objects of the Python page and their members, as the site reads them."""
    griffe = pytest.importorskip("griffe", reason="comes with the site: pip install '.[docs]'")
    package = griffe.load("qmac", search_paths=[folder], docstring_parser="numpy")
    names = re.findall(r"^::: qmac\.(\S+)", page.read_text(), re.MULTILINE)
    shown = [package[name] for name in names]
    members = [member for each in shown for member in each.members.values()]
    return [each for each in [*shown, *members] if each.has_docstring and each.name[0] != "_"]


def docstring_faults(objects):
    """Return entries without a type or a description, and parameters that there are not."""
    faults = []
    for each in objects:
        sections = [part for part in each.docstring.parsed if part.kind.value in SECTIONS]
        for kind, entry in [(part.kind.value, entry) for part in sections for entry in part.value]:
            name = getattr(entry, "name", entry.annotation)
            if not entry.annotation or not entry.description:
                faults.append(f"{each.path}: {name} of {kind} has no type or no description")
            if kind == "parameters" and name not in {item.name for item in each.parameters}:
                faults.append(f"{each.path}: {name} is not a parameter")
    return faults


def test_public_docstrings_are_numpydoc(caplog):
    """The parser of the site reads each without a warning, and finds types and descriptions."""
    objects = documented_objects()
    assert {"optimize", "Rules", "Result", "RayExecutor"} <= {each.name for each in objects}
    assert len(objects) > 40
    assert docstring_faults(objects) == []
    assert [record.getMessage() for record in caplog.records] == []


BAD = '''
def average(prices, window):
    """Return the mean.

    Parameters
    ----------
    prices : checked bars
    length : int
        Bars.

    Returns
    -------
        The mean.
    """
'''


def test_faults_of_docstrings_are_seen(tmp_path, caplog):
    (tmp_path / "qmac").mkdir()
    (tmp_path / "qmac" / "__init__.py").write_text(BAD)
    (tmp_path / "python.md").write_text("::: qmac.average\n")
    faults = docstring_faults(documented_objects(tmp_path, tmp_path / "python.md"))
    assert "qmac.average: prices of parameters has no type or no description" in faults
    assert "qmac.average: length is not a parameter" in faults
    assert any("length" in record.getMessage() for record in caplog.records)


def test_python_page_has_every_public_name():
    page = (ROOT / "docs" / "python.md").read_text()
    shown = set(re.findall(r"^::: qmac\.(\w+)$", page, re.MULTILINE))
    errors = {name for name in qmac.__all__ if name.endswith("Error")}
    assert shown - {"errors"} == {*qmac.__all__, "RayExecutor"} - errors - {"__version__"}


def page_name(page):
    return page.name


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_links(page):
    targets = [where or below for where, below in LINK.findall(page.read_text())]
    for target in targets:
        if target.startswith(REPOSITORY):
            assert (ROOT / target.removeprefix(REPOSITORY)).exists(), target
        else:
            assert target.startswith("http") or (page.parent / target).exists(), target


def test_links_of_the_readme_work_on_a_package_index():
    """There is no folder beside it there, so relative links lead nowhere."""
    text = (ROOT / "README.md").read_text()
    targets = [where or below for where, below in LINK.findall(text)]
    assert len(targets) > 15
    assert [target for target in targets if not target.startswith("https://")] == []
    defined = set(re.findall(r"^\[([^\]]+)\]: ", text, re.MULTILINE))
    prose = re.sub(r"```.*?```|`[^`]*`", "", text, flags=re.DOTALL)
    used = {name.lower() for name in re.findall(r"\[([^\[\]]+)\](?![\[(:])", prose)}
    assert used == defined


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_files_that_a_page_names_exist(page):
    """Paths in backticks, from the root of the repository or of the package."""
    if page.name in TELL_OF_THE_PAST:
        return
    roots = (ROOT, Path(qmac.__file__).parent)  # the tree has no src where a wheel is tested
    folders = {path.name for root in roots for path in root.iterdir() if path.is_dir()}
    names = [name for name in FILE.findall(page.read_text()) if name.split("/")[0] in folders]
    assert [name for name in names if not any((root / name).exists() for root in roots)] == []


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_pages_have_no_metaphors(page):
    if page.name not in TELL_OF_THE_PAST | NOT_OURS:
        assert METAPHORS.findall(page.read_text()) == []


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_lines_are_short(page):
    """Rows of tables and definitions of links cannot be broken."""
    if page.name in NOT_OURS:
        return
    lines = page.read_text().splitlines()
    prose = [line for line in lines if not line.startswith(("|", "[", "!["))]
    assert [line for line in prose if len(line) > WIDTH and "options: {" not in line] == []
