"""Where roads and grid meet: prices for drivers and the fixed point of price and load; pure functions."""
