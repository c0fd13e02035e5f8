"""What was found, for people: sections of numbers, pages, terminal."""
