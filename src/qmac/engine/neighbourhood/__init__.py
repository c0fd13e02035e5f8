"""What lies around a combination: neighbours and plateau."""
