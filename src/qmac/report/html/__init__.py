"""Pages, figures and what notebooks show."""
