"""Executors over many machines: messages, free cells, leases, nodes, driver, Ray."""
