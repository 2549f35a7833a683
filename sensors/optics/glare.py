"""Veiling glare: light scattered in the lens that covers the whole frame evenly.

ISO 9358:1994 measures the veiling glare index as the irradiance in the image of a small black patch over that of the
bright surround which fills the field. A lens that scatters the share g of the light evenly over the frame gives

    E' = (1 - g) E + g mean(E),

so the patch reads g and the surround 1, and g is that index. The mean of the frame does not change.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from isp.values import Float64
from sensors.optics.lens import Lens


def glare_terms(lens: Lens, mean: ArrayLike) -> tuple[float, Float64]:
    """Factor and offset that add the veil.

    Parameters
    ----------
    lens : Lens
    mean : (C,)
        Mean over the frame of the light of each channel, shaded, without veil.

    Returns
    -------
    (float, (C,) float64)
        `scale` and `offset` with E' = scale E + offset.
    """
    return 1.0 - lens.glare, np.asarray(mean, np.float64) * lens.glare
