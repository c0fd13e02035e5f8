"""What the README says runs, and every link leads somewhere."""

import math
import re
from pathlib import Path

import pytest

from qmac.run.governor import THRESHOLDS

ROOT = Path(__file__).parent.parent
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]


def test_readme_example(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # it writes a run directory
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert blocks
    for block in blocks:
        exec(compile(block, "README.md", "exec"), {})  # noqa: S102


def test_levels_of_the_governor():
    """The table of docs/reliability.md is that of the code."""
    page = (ROOT / "docs" / "reliability.md").read_text()
    for level, threshold in THRESHOLDS.items():
        row = re.search(rf"^\| {level.name.lower()} \|(.*)\|$", page, re.MULTILINE)
        assert row, level
        memory, pressure, disk, lasting, dwell = (cell.strip() for cell in row[1].split("|")[:5])
        assert memory == f"{threshold.headroom:.0%}".replace("%", " %")
        assert pressure == ("-" if threshold.pressure > 1 else f"{threshold.pressure:.0%}".replace("%", " %"))
        assert disk.split(" x")[0] == (f"{threshold.disk:g}" if threshold.disk else "-")
        assert lasting.startswith(f"{threshold.memory_seconds:g} s")
        assert threshold.disk_seconds == threshold.memory_seconds or f"disk: {threshold.disk_seconds:g} s" in lasting
        assert dwell == ("-" if math.isinf(threshold.dwell) else f"{threshold.dwell:g} s")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links(page):
    for target in re.findall(r"\]\(([^)#]+)", page.read_text()):
        assert target.startswith("http") or (page.parent / target).exists(), target
