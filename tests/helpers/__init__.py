"""What several tests use: prices that find mistakes, runs that are broken into, machines that fail."""
