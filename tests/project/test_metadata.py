"""The files around the code agree: versions, lower bounds, addresses, forms of the repository."""

import re
import tomllib
from pathlib import Path

import pytest

import qmac

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
FORMS = sorted((ROOT / ".github").rglob("*.yml"))
FORMS += [ROOT / ".pre-commit-config.yaml", ROOT / "CITATION.cff"]
TEXTS = {".cff", ".cfg", ".in", ".md", ".py", ".sh", ".toml", ".txt", ".yaml", ".yml", ""}
HOSTS = ("pypi" + ".org", "python" + "hosted.org", "npmjs" + ".org", "deb.debian" + ".org")


def test_oldest_dependencies_are_the_lower_bounds():
    extras = PROJECT["optional-dependencies"]
    installed = [extras[name] for name in ("explore", "png", "xlsx")]
    declared = sum(installed, PROJECT["dependencies"])
    lower = dict(requirement.partition(";")[0].split(">=") for requirement in declared)
    text = (ROOT / "constraints-oldest.txt").read_text("utf-8")
    pinned = dict(re.findall(r"^(\S+)==(\S+)$", text, re.MULTILINE))
    assert pinned.keys() == lower.keys()
    for name, bound in lower.items():
        assert bound + ".0" * (2 - bound.count(".")) == pinned[name], name


def test_citation_and_changelog_name_the_version():
    citation = (ROOT / "CITATION.cff").read_text("utf-8")
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    headings = re.findall(r"^## (\S+)(?: \((\S+)\))?$", changelog, re.MULTILINE)
    dates = dict(headings)
    assert headings[0] == ("Unreleased", "")
    is_development = ".dev" in qmac.__version__
    version = headings[1][0] if is_development else qmac.__version__
    assert (qmac.__version__ in dates) is not is_development
    assert f"\nversion: {version}\n" in citation
    assert f'\ndate-released: "{dates[version]}"\n' in citation


def test_one_address_of_the_repository():
    address = PROJECT["urls"]["Homepage"]
    assert all(url.startswith(address) for url in PROJECT["urls"].values())
    assert f"\nrepository-code: {address}\n" in (ROOT / "CITATION.cff").read_text("utf-8")
    picture = address.replace("github.com", "raw.githubusercontent.com") + "/main/docs/report.jpg"
    assert f"]({picture})" in (ROOT / "README.md").read_text("utf-8")


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_forms_are_yaml(form):
    yaml = pytest.importorskip("yaml", reason="comes with the site: pip install '.[docs]'")
    assert isinstance(yaml.safe_load(form.read_text("utf-8")), dict)


def test_quick_tests_are_selected_alike():
    """The marker expression of the Makefile is that of the workflows and of the release script."""
    makefile = (ROOT / "Makefile").read_text("utf-8")
    (quick,) = re.findall(r"^QUICK := (.+)$", makefile, re.MULTILINE)
    assert f'default="{quick}"' in (ROOT / "scripts" / "release.py").read_text("utf-8")
    for workflow in (ROOT / ".github" / "workflows").glob("*.yml"):
        assert f"QUICK: {quick}  #" in workflow.read_text("utf-8"), workflow.name


def test_make_collects_every_test_that_is_alone():
    """The second stage of ``make test`` looks into one folder."""
    makefile = (ROOT / "Makefile").read_text("utf-8")
    (folder,) = re.findall(r"^ALONE := (.+)$", makefile, re.MULTILINE)
    tests = (ROOT / "tests").rglob("test_*.py")
    folders = {file.parent for file in tests if re.search(r"mark\.alone", file.read_text("utf-8"))}
    assert folders == {ROOT / folder}


def test_no_registry_and_no_path_of_this_machine_is_named():
    """A mirror or another index is the business of whoever installs."""
    files = [*ROOT.glob("*"), *(ROOT / ".ci").glob("*")]
    for folder in (".github", "docs", "scripts", "deploy", "tests", "benchmarks"):
        files += (ROOT / folder).rglob("*")
    for file in files:
        if not file.is_file() or file.suffix not in TEXTS:
            continue
        text = file.read_text("utf-8")
        assert not [host for host in HOSTS if host in text], file
        assert len(ROOT.parts) < 4 or str(ROOT) not in text, file
