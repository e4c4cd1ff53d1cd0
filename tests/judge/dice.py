"""A seeded die, and the frame of a scenario that it draws."""

import numpy as np

VERSION = 2
"""Raised whenever the same seed gives another scenario."""
PERIOD_MIN = (5, 10, 15, 20, 30, 60, 60, 60, 120, 240)


class Dice:
    """Numbers of one seed; a small scenario has few periods and buses."""

    def __init__(self, seed, small):
        self.seed = seed
        self.rng = np.random.default_rng([seed, VERSION])
        self.small = small
        self.periods = int(self.rng.integers(2, 4 if small else 9))
        self.period_min = int(self.pick(PERIOD_MIN))
        self.hours = self.period_min / 60.0

    def chance(self, share):
        return bool(self.rng.random() < share)

    def pick(self, options, p=None):
        return options[int(self.rng.choice(len(options), p=p))]

    def between(self, low, high, digits=4):
        return round(float(self.rng.uniform(low, high)), digits)

    def log_between(self, low, high):
        return float(f"{np.exp(self.rng.uniform(np.log(low), np.log(high))):.4g}")

    def profile(self, low=0.2, high=1.0, zero=0.08):
        values = self.rng.uniform(low, high, self.periods)
        values[self.rng.random(self.periods) < zero] = 0.0
        return [round(float(v), 4) for v in values]
