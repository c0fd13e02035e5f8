"""The machine: limits, readings, admission control and the governor."""
