"""The noise model as stages read it: variance S x + O at each Bayer site, or a stand-in where the frame says none."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from isp.stage import Context
from isp.values import NoiseModel

TYPICAL = NoiseModel((4e-4,) * 4, (4e-6,) * 4)
"""Stand-in for a frame that says none: a phone's 1/2" sensor at about ISO 400 (a full well of 6000 e- used to a
quarter plus 3 e- of read noise gives S = 1/1500 and O = 4e-6; larger sensors are better). Unit: linear, white 1."""


def site_noise(context: Context) -> NDArray[np.float64]:
    """(2, 4): S and O of R, Gr, Gb, B at this point of the pipeline; `TYPICAL` where unknown.

    The stand-in follows the gains in `context.clip`, as a model from the file would have.
    """
    noise = context.noise
    if noise is None:
        r, g, b = context.clip
        noise = TYPICAL.scaled((r, g, g, b))
    return np.array([noise.shot, noise.read])


def sigma(shot: Any, read: Any, level: Any) -> Any:
    """Standard deviation at a linear level as an expression; never 0."""
    import halide as hl

    return hl.sqrt(hl.max(shot * hl.max(level, hl.f32(0)) + read, hl.f32(1e-12)))
