"""The bundled prices."""

from qmac.data.sample import CHECKSUM, NAME
from qmac.runs.header import prices_checksum


def test_sample(sample):
    assert len(sample) == 5031
    assert list(sample.frame.columns) == ["Open", "High", "Low", "Close", "Volume"]
    assert (str(sample.index[0].date()), sample.close[0]) == ("1999-01-04", 1228.10)
    assert (str(sample.index[-1].date()), sample.close[-1]) == ("2018-12-31", 2506.85)


def test_every_bar_is_a_business_day(sample):
    assert sample.name == "sp500"
    assert sample.periods_per_year == 252
    assert (sample.column("High") >= sample.close).all()
    assert (sample.column("Low") <= sample.close).all()


def test_a_run_knows_the_sample_by_its_checksum(sample):
    assert (sample.name, prices_checksum(sample)) == (NAME, CHECKSUM)
