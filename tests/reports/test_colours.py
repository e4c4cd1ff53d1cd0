"""Colours are told apart by colour-blind readers: differences in CIE L*a*b* as they would see them."""

from itertools import combinations

import numpy as np
import pytest

from cosim.reports import maps, style

# Machado, Oliveira and Fernandes (2009), severity 1, on linear sRGB.
SEEN = {
    "all cones": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
XYZ = [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
WHITE = [0.95047, 1.0, 1.08883]
JUST_NOTICEABLE = 2.3


def lab(colour, seen):
    """Return CIE L*a*b* of ``#rrggbb`` as seen by a kind of eye."""
    coded = np.array([int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)])
    linear = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
    x, y, z = np.array(XYZ) @ np.clip(np.array(seen) @ linear, 0.0, 1.0) / WHITE
    f = [np.cbrt(t) if t > (6 / 29) ** 3 else t / (3 * (6 / 29) ** 2) + 4 / 29 for t in (x, y, z)]
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("eye", SEEN)
@pytest.mark.parametrize("colours", [style.SERIES, maps.SHADES], ids=["series", "classes of a map"])
def test_no_two_colours_of_a_figure_are_alike_to_any_eye(eye, colours):
    for one, other in combinations(colours, 2):
        assert np.linalg.norm(lab(one, SEEN[eye]) - lab(other, SEEN[eye])) > 5 * JUST_NOTICEABLE, (one, other)
