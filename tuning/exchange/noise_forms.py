"""The noise model in the forms that other programs have it in."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from isp.values import Float64
from tuning.exchange.camera_facts import NO_LIGHT

_LEVELS = np.geomspace(0.002, 1.0, 64)
"""Linear values at which the two forms are compared: from a dark patch to white."""


def from_root_law(constant: float, slope: float) -> tuple[float, float]:
    """S and O nearest to a deviation constant + slope sqrt(x), in relative variance over 0.002..1."""
    from scipy.optimize import nnls

    wanted = (constant + slope * np.sqrt(_LEVELS)) ** 2
    if constant == 0 or not wanted.any():
        return slope**2, 0.0
    found, _ = nnls(np.stack([_LEVELS, np.ones_like(_LEVELS)], 1) / wanted[:, None], np.ones_like(wanted))
    return float(found[0]), float(found[1])


def to_root_law(noise: Mapping[float, Float64], unity_iso: float) -> tuple[float, float, float]:
    """Constant and slope of a deviation constant + slope sqrt(x) at `unity_iso`, and the largest relative error.

    The model is that of the lowest ISO, its deviation divided by the square root of the gain above `unity_iso`; means
    over the colours.
    """
    from scipy.optimize import nnls

    lowest = min(noise)
    gain = lowest / unity_iso if lowest != NO_LIGHT else 1.0
    shot, read = noise[lowest].mean(axis=1) / gain
    wanted = np.sqrt(shot * _LEVELS + read)
    if read == 0:
        return 0.0, float(np.sqrt(shot)), 0.0
    basis = np.stack([np.ones_like(_LEVELS), np.sqrt(_LEVELS)], 1)
    found, _ = nnls(basis / wanted[:, None], np.ones_like(wanted))
    worst = float(np.abs(basis @ found / wanted - 1).max())
    return float(found[0]), float(found[1]), worst
