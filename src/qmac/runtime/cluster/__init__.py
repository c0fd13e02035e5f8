"""Executors over many machines: leases, nodes, the driver, Ray."""
