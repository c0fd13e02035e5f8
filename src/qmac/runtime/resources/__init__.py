"""The machine: limits, cgroups, readings, thresholds, admission control, governor."""
