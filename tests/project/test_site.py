"""The site is built strictly, needs no network, and opens from disk; its search does too."""

import re
import subprocess
import sys
from html import unescape
from pathlib import Path

import pytest
from helpers.browser import CHROMIUM, chromium

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SEARCH = """<script>
const until = (what) => new Promise((next) => {
  const wait = () => what() ? next() : setTimeout(wait, 50);
  wait();
});
(async () => {
  await until(() => window.component$);  // the theme's script is loaded
  document.getElementById("__search").click();
  const query = document.querySelector("input.md-search__input");
  query.focus();
  query.value = "pyramiding";
  query.dispatchEvent(new KeyboardEvent("keyup", { bubbles: true }));
  await until(() => document.querySelector(".md-search-result__item"));
  const list = document.querySelector(".md-search-result__list");
  document.documentElement.dataset.found = list.textContent;
})();
</script></body>"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    pytest.importorskip("material", reason="the site needs pip install '.[docs]'")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-q", "-d", folder]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.slow
def test_no_network_is_needed(site):
    pages = list(site.glob("*.html"))
    assert len(pages) > 15
    for page in pages:
        assert not re.findall(
            r"<(?:script|link|img|iframe)[^>]*(?:src|href)=.?(?:https?:)?//", page.read_text()
        ), page.name


def test_generated_pages_have_their_content(site):
    assert (site / "tutorial.html").read_text().count("plotly-graph-div") == 4
    assert "0.1.0" in (site / "changelog.html").read_text()
    assert not (site / "hooks").exists()


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt-get install chromium")
def test_search_from_disk(site):
    page = site / "probe.html"
    page.write_text((site / "index.html").read_text().replace("</body>", SEARCH))
    done = chromium(site, "--window-size=1300,900", "--dump-dom", page.as_uri())
    found = re.search(r'data-found="([^"]*)"', done.stdout)
    assert found, done.stderr[-3000:]
    assert "must not depend on the trades before it" in unescape(found[1])
    assert "CONSOLE" not in done.stderr
