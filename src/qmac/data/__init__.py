"""Market data in: files, frames and vendors become checked prices."""
