"""What a reader says of what it took."""

from qmac.data.origin import Origin


def test_notes_are_there_once():
    origin = Origin("a", notes=("one",)).add_notes("two", "one")
    assert origin.notes == ("one", "two")
    assert origin.to_dict() == {"layout": "a", "close": "Close", "adjusted": None}
