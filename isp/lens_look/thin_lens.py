"""The thin lens: where things come into focus, and how large a point out of focus becomes."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from isp.errors import UsageError
from isp.values import Float64


def blur_diameter(focal_length: float, f_number: float, distance: ArrayLike, focus: float) -> Float64:
    """Diameter of the blur circle of a thin lens on the sensor.

    c = f² / N · (d - d_f) / (d (d_f - f)), distances from the lens (for example S. F. Ray, "Applied Photographic
    Optics", 3rd ed., chapter 22).

    Parameters
    ----------
    focal_length : [mm]
    f_number : f / diameter of the entrance pupil
    distance : of the point [m], > 0; may be infinite
    focus : distance in focus [m]

    Returns
    -------
    Float64
        Of the shape of `distance` [mm]; negative in front of the focus.

    Raises
    ------
    UsageError
        A distance is not > 0, or the focus lies within the focal length.
    """
    check_focus(focal_length, focus)
    away = np.asarray(distance, np.float64)
    if not (away > 0).all():
        raise UsageError("distances must be > 0 m")
    scale = focal_length**2 / f_number / (1e3 * focus - focal_length)
    return np.asarray(scale * (1.0 - focus / away))


def check_focus(focal_length: float, focus: float) -> None:
    """Raise `UsageError` unless a lens of `focal_length` [mm] can focus at `focus` [m]."""
    if not 1e3 * focus > 2 * focal_length:
        raise UsageError(
            f"focus {focus:g} m is behind or inside the lens; allowed: more than two focal lengths, "
            f"{2e-3 * focal_length:g} m"
        )
