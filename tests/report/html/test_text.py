"""Text of untrusted origin as HTML."""

from qmac.report.html.text import escape


def test_neither_tags_nor_unprintable_characters():
    assert (
        escape("<a href='x'>\x1b[2J&\n\u202e\"") == "&lt;a href=&#x27;x&#x27;&gt;?[2J&amp;??&quot;"
    )
    assert escape("M\u00fcnchen, BRK.B") == "M\u00fcnchen, BRK.B"
