"""A run on disk: header, directory, snapshots, scores, job file."""
