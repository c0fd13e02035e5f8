"""Progress: status, displays, the log on disk, Prometheus."""
