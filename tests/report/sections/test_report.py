"""All numbers of a report, as JSON and where nothing is scored."""

import json

import pytest
from helpers.readings import fill_memory
from helpers.series import frame, series

import qmac
from qmac.errors import OutOfMemoryError
from qmac.report.sections.report import build_report
from qmac.storage.json_text import to_json_values


def test_plain_values_for_json(swept):
    report = build_report(swept)
    again = json.loads(json.dumps(to_json_values(report.to_dict()), allow_nan=False))
    assert again["asked"]["digest"] == swept.digest
    assert list(again["strategies"]) == ["kept", "folded", "looked_around", "rows"]
    assert again["strategies"]["kept"] == len(swept.top)
    assert again["course"]["dates"][0] == "2001-01-01"
    assert again["outcomes"]["counts"] == report.distribution.counts.tolist()
    assert [metric for metric, _, _ in again["metrics"]] == list(swept.hold)
    assert again["landscape"]["maps"][0][0]["values"][-1][-1] is None


def test_luck_is_among_the_numbers(swept, swept_luck):
    assert build_report(swept).to_dict()["luck"] is None
    report = build_report(swept, swept_luck)
    values = to_json_values(report.to_dict())["luck"]
    assert (values["p"], values["digest"]) == (swept_luck.p, swept_luck.digest)
    assert values["nulls"][0]["counts"] == report.luck.nulls[0].counts.tolist()
    assert [caution.name for caution in report.cautions][0] == "luck"
    assert report.cautions[0].text == swept_luck.sentences[0]


@pytest.mark.parametrize(
    ("prices", "metric", "cautions"),
    [
        (series("constant", 60, 1), "total_return", ["Odd prices"]),
        (series("up", 60, 1), "win_rate", []),
    ],
)
def test_nothing_scored(prices, metric, cautions):
    report = build_report(qmac.optimize(frame(prices), qmac.Grid(windows=range(2, 8)), metric))
    assert (
        report.equity,
        report.distribution,
        report.heatmaps,
        report.metrics,
        [caution.heading for caution in report.cautions],
    ) == (None, None, None, (), cautions)
    assert json.dumps(to_json_values(report.to_dict()), allow_nan=False)


def test_a_report_that_does_not_fit_into_memory_is_refused_before_a_page_is_written(
    swept, tmp_path, monkeypatch
):
    assert swept.series  # read already
    fill_memory(monkeypatch)
    with pytest.raises(OutOfMemoryError, match=r"^the report of \S+ needs .* of memory"):
        swept.report(tmp_path / "page.html")
    assert not list(tmp_path.iterdir())
