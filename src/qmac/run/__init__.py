"""Running the units of a sweep: where they are evaluated, and what is said meanwhile."""
