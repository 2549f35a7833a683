"""The 24 patches of a ColorChecker Classic as numbers.

Source: the "BabelColor Average" data set (D. Pascale, BabelColor, 2006: means of 30 charts), CIE 1931 2 degree
observer, illuminant D50 of the ICC (x, y) = (0.3457, 0.3585), as published in colour-science 0.4.7.
"""

from __future__ import annotations

from isp.demo.colour import adaptation, xyY_to_XYZ, xyz_to_rec2020
from isp.values import Float64, frozen

REFERENCE_WHITE = (0.34570291, 0.3585386)
"""xy of the illuminant the patches were measured for."""

PATCHES: tuple[tuple[str, float, float, float], ...] = (
    ("dark skin", 0.4325, 0.3788, 0.1034),
    ("light skin", 0.4191, 0.3748, 0.3525),
    ("blue sky", 0.2761, 0.3004, 0.1847),
    ("foliage", 0.3700, 0.4501, 0.1335),
    ("blue flower", 0.3020, 0.2877, 0.2324),
    ("bluish green", 0.2856, 0.3910, 0.4174),
    ("orange", 0.5291, 0.4075, 0.3117),
    ("purplish blue", 0.2339, 0.2155, 0.1140),
    ("moderate red", 0.5008, 0.3293, 0.1979),
    ("purple", 0.3326, 0.2556, 0.0644),
    ("yellow green", 0.3989, 0.4998, 0.4435),
    ("orange yellow", 0.4962, 0.4428, 0.4358),
    ("blue", 0.2040, 0.1696, 0.0579),
    ("green", 0.3270, 0.5033, 0.2307),
    ("red", 0.5709, 0.3298, 0.1268),
    ("yellow", 0.4694, 0.4732, 0.6081),
    ("magenta", 0.4177, 0.2704, 0.2007),
    ("cyan", 0.2151, 0.3037, 0.1903),
    ("white 9.5", 0.3488, 0.3628, 0.9129),
    ("neutral 8", 0.3451, 0.3596, 0.5885),
    ("neutral 6.5", 0.3446, 0.3590, 0.3595),
    ("neutral 5", 0.3438, 0.3589, 0.1912),
    ("neutral 3.5", 0.3423, 0.3576, 0.0893),
    ("black 2", 0.3439, 0.3565, 0.0320),
)
"""Name and CIE xyY (Y = 1 is the perfect diffuser) of each patch, row by row, six to a row."""


def chart_colours() -> Float64:
    """The patches as they look under D65.

    Returns
    -------
    (24, 3) float64
        Linear Rec.2020; (1, 1, 1) is the perfect diffuser.
    """
    xyz = xyY_to_XYZ([patch[1:] for patch in PATCHES])
    to_d65 = adaptation(REFERENCE_WHITE, (0.3127, 0.3290))
    return frozen(xyz @ to_d65.T @ xyz_to_rec2020().T)
