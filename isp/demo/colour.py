"""The little colour mathematics the generated scene needs, in closed form and float64."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from isp.values import Float64

BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
"""XYZ to sharpened cone response (Lam 1985, as in the ICC specification, annex E)."""

REC2020_TO_XYZ = np.array(
    [
        [0.636958048301291, 0.144616903586208, 0.168880975164172],
        [0.262700212011267, 0.677998071518871, 0.059301716469862],
        [0.000000000000000, 0.028072693049087, 1.060985057710791],
    ]
)
"""Linear Rec.2020 (D65) to CIE XYZ with Y = 1 for white; from the primaries of ITU-R BT.2020."""


def xyY_to_XYZ(xyY: ArrayLike) -> Float64:
    """CIE xyY (..., 3) to XYZ (..., 3)."""
    x, y, Y = np.moveaxis(np.asarray(xyY, np.float64), -1, 0)
    return np.stack([x * Y / y, Y, (1 - x - y) * Y / y], axis=-1)


def xyz_to_rec2020() -> Float64:
    """(3, 3) CIE XYZ (D65) to linear Rec.2020."""
    return np.linalg.inv(REC2020_TO_XYZ)


def adaptation(source: tuple[float, float], target: tuple[float, float]) -> Float64:
    """(3, 3) linear Bradford adaptation of XYZ from white `source` to white `target`, both CIE 1931 xy."""
    before = BRADFORD @ xyY_to_XYZ((*source, 1.0))
    after = BRADFORD @ xyY_to_XYZ((*target, 1.0))
    return np.asarray(np.linalg.inv(BRADFORD) @ np.diag(after / before) @ BRADFORD)


def daylight_xy(temperature: float) -> tuple[float, float]:
    """CIE 1931 xy of CIE daylight of 4000..7000 K (CIE 15:2004, equations 3.2 and 3.3)."""
    t = temperature
    x = -4.6070e9 / t**3 + 2.9678e6 / t**2 + 0.09911e3 / t + 0.244063
    return x, -3.0 * x * x + 2.870 * x - 0.275
