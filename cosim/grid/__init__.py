"""The distribution grid: radial feeder, its files, and AC power flow."""
