"""The page that several tests read."""

import pytest


@pytest.fixture(scope="module")
def text(swept, tmp_path_factory):
    """The page of the common sweep."""
    path = tmp_path_factory.mktemp("page") / "report.html"
    assert swept.report(path) == path and [file.name for file in path.parent.iterdir()] == [
        "report.html"
    ]
    return path.read_text()
