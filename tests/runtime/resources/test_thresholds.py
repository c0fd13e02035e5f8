"""The ladder of levels: each step is worse than the one before, with room for the margin."""

import math

from qmac.runtime.resources.thresholds import ADMITTED_SHARE, MARGIN, THRESHOLDS, Level


def test_the_table_is_in_order():
    rows = [THRESHOLDS[level] for level in sorted(THRESHOLDS)]
    assert list(THRESHOLDS) == [Level.HOLD, Level.SHED, Level.PAUSE, Level.STOP]
    assert [row.headroom for row in rows] == sorted((row.headroom for row in rows), reverse=True)
    assert [row.pressure for row in rows] == sorted(row.pressure for row in rows)
    # what keeps a level must not be due for the next: each step has room for its margin
    assert all(lower.headroom * MARGIN < upper.headroom for upper, lower in zip(rows, rows[1:]))


def test_disk_is_in_order_too():
    rows = [THRESHOLDS[level] for level in sorted(THRESHOLDS)]
    assert [row.disk for row in rows] == [0, 1, 0.25, 0.25]
    assert rows[-1].disk_seconds > rows[-2].disk_seconds == 0
    assert math.isinf(rows[-1].dwell) and all(math.isfinite(row.dwell) for row in rows[:-1])


def test_what_is_admitted_need_not_shed_at_once():
    assert 1 - THRESHOLDS[Level.SHED].headroom >= ADMITTED_SHARE
