"""What several tests use: prices that find mistakes, broken-off runs, failing machines."""
