"""Files that are whole or absent, locks, and directories that may be written."""
