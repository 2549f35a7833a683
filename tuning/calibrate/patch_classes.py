"""Weights of the 24 patches by what their colours stand for, as users of colour tools choose them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np

from isp.errors import UsageError
from isp.values import Float64
from reports.charts.references import PATCHES

CLASSES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "neutral": ("white", "neutral 8", "neutral 6.5", "neutral 5", "neutral 3.5", "black"),
        "skin": ("dark skin", "light skin"),
        "foliage": ("foliage", "yellow green"),
        "sky": ("blue sky", "blue flower"),
        "saturated": ("orange", "purplish blue", "orange yellow", "blue", "green", "red", "yellow", "magenta", "cyan"),
        "other": ("bluish green", "moderate red", "purple"),
    }
)
"""Every patch is in one class. The chart's first row imitates skin, sky, foliage and a blue flower (McCamy, Marcus,
Davidson, J. Appl. Photogr. Eng. 2 (1976) 95)."""


def class_weights(names: Sequence[str] = PATCHES, **weights: float) -> Float64:
    """Weights of patches from weights of classes.

    Parameters
    ----------
    names : (N,) of patches of the 24-patch chart, in any order
    **weights : float >= 0
        Of the classes ``neutral``, ``skin``, ``foliage``, ``sky``, ``saturated``, ``other``: what one of their patches
        counts; 1 where not given, 0 leaves them out.

    Returns
    -------
    (N,) float64
        For `ccm`.

    Raises
    ------
    UsageError
        An unknown class or patch, or a weight below 0.

    Examples
    --------
    >>> class_weights(neutral=2, saturated=0.5)[:3]
    array([1., 1., 1.])
    """
    unknown = sorted(set(weights) - set(CLASSES))
    if unknown:
        raise UsageError(f"class {unknown[0]!r} is not known; classes: {', '.join(CLASSES)}")
    bad = [name for name, weight in weights.items() if not (np.isfinite(weight) and weight >= 0)]
    if bad:
        raise UsageError(f"weight {bad[0]}={weights[bad[0]]} must be 0 or more")
    of = {patch: weights.get(name, 1.0) for name, patches in CLASSES.items() for patch in patches}
    strange = [name for name in names if name not in of]
    if strange:
        raise UsageError(f"patch {strange[0]!r} is not of the 24-patch chart")
    return np.array([of[name] for name in names], np.float64)
