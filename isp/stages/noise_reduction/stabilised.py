"""Values in which noise has unit variance, and the way back without bias.

The generalised Anscombe transform, and its exact unbiased inverse (M. Makitalo, A. Foi, "Optimal inversion of the
generalized Anscombe transformation for Poisson-Gaussian noise", IEEE TIP 22(1), 2013). With variance S x + O and
c = O + 3/8 S^2 a value x becomes

    D(x) = 2/S sqrt(S x + c)  above black,   D(0) + x / sqrt(c)  below it, where only read noise is left

S is held at a hundredth of c or more, where it makes no difference but for float32's digits.

A mean of such values estimates E[D | x], which is not D(x): D bends. Its exact inverse is the algebraic one plus a
correction that is S / 4 far above black and 0 far below it; between, it is tabulated over D from the expectations.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isp.values import Float64

if TYPE_CHECKING:
    from isp.engine.graph import Array, Expr

_TINY = 1e-9
"""Smallest c: a noise of 3e-5 of white, a third of a code of 14 bits."""
_LOWEST, _STEP, _ENTRIES = -6.0, 0.5, 49
"""The table's first place, relative to D(0), and the distance of its entries [sigma]. At its end, 18 sigma above
black, the correction is within a hundredth of a sigma of S / 4."""
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(48)


def terms(shot: NDArray[Any], read: NDArray[Any]) -> Float64:
    """(4, sites): S, c, 2 / S and 1 / sqrt(c) of each site."""
    c = np.maximum(read + 0.375 * shot**2, _TINY)
    shot = np.maximum(shot, 0.01 * c)
    return np.array([shot, c, 2 / shot, 1 / np.sqrt(c)])


def stable(value: Expr, terms: Sequence[Expr]) -> Expr:
    """D - D(0) + 2 sqrt(c) / S, that is, D as the first lines have it."""
    import halide as hl

    shot, constant, scale, slope = terms
    zero = hl.f32(0)
    return scale * hl.sqrt(shot * hl.max(value, zero) + constant) + slope * hl.min(value, zero)


def corrections(shot: NDArray[Any], read: NDArray[Any]) -> Float64:
    """(sites, entries): exact minus algebraic inverse [linear], over D - D(0) from `_LOWEST` in steps of `_STEP`."""
    return np.stack([_correction(s, o) for s, o in zip(*terms(shot, read)[:2], strict=True)])


def _correction(shot: float, constant: float) -> Float64:
    read = max(constant - 0.375 * shot**2, 0.0)
    places: Float64 = _LOWEST + _STEP * np.arange(_ENTRIES, dtype=np.float64)
    true = _algebraic(places, shot, constant)
    light = np.maximum(true, 0)
    sigma = np.sqrt(shot * light + read)
    skew = np.divide(shot**2 * light, sigma**3, out=np.zeros_like(sigma), where=sigma > 0)
    # Cornish and Fisher's expansion: normal nodes bent to the skewness of Poisson-Gaussian noise
    bent = _NODES + skew[:, None] / 6 * (_NODES**2 - 1)
    values = true[:, None] + sigma[:, None] * bent
    above = 2 / shot * (np.sqrt(shot * np.maximum(values, 0) + constant) - np.sqrt(constant))
    mean = (above + np.minimum(values, 0) / np.sqrt(constant)) @ _WEIGHTS / _WEIGHTS.sum()
    return np.asarray(np.interp(places, mean, true - _algebraic(mean, shot, constant)))


def _algebraic(place: Float64, shot: float, constant: float) -> Float64:
    root = shot / 2 * place + np.sqrt(constant)
    return np.asarray(np.where(place > 0, (root**2 - constant) / shot, place * np.sqrt(constant)))


def linear(value: Expr, terms: Sequence[Expr], table: Array, site: Expr, averaged: Expr) -> Expr:
    """The exact unbiased inverse of `stable` for means of its values; `table` holds `corrections`.

    `averaged` is the share of the noise's variance that is gone (0..1): a value that kept its noise has no bias.
    """
    import halide as hl

    shot, constant, scale, slope = terms
    place = value - scale * hl.sqrt(constant)
    root = value / scale
    algebraic = hl.select(place > 0, (root * root - constant) / shot, place / slope)
    at = hl.clamp((place - hl.f32(_LOWEST)) * hl.f32(1 / _STEP), hl.f32(0), hl.f32(_ENTRIES - 1))
    low = hl.clamp(hl.i32(hl.floor(at)), 0, _ENTRIES - 2)
    left, right = table[site, low], table[site, low + 1]
    return algebraic + (left + (right - left) * (at - hl.f32(low))) * averaged
