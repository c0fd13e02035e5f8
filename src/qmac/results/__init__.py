"""The answer: a result, a collection of them, on disk and as tables."""
