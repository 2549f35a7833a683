"""Pairs of pictures before and after a look: read, registered, weighed, and gathered to samples of colour."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isp.errors import InputError, NumericError, UsageError
from isp.values import Float64, Picture
from tuning.look.lattice import Samples, smooth_table
from tuning.look.tetrahedra import looked_up

Given = str | os.PathLike[str] | Picture | ArrayLike
"""A file, a picture, or an array (H, W, 3): uint8 or uint16 codes, or floats in 0..1; display-encoded."""
LEAST_SHIFT = 0.05
"""Shift below which pictures count as registered [px]."""
FARTHEST = 0.05
"""Largest shift that is undone [of the shorter side]."""
_BINS = 512
"""Steps per channel within which colours are averaged: a fraction of a table's cell."""
_CAUCHY = 2.385
"""Residual, in standard deviations, with half the weight: 95 % efficient on normal noise (P. J. Huber, "Robust
Statistics", 1981)."""
_FLOOR = 0.3 / 255
"""Least standard deviation of a residual: the rounding of 8-bit codes."""
_MEDIAN = 0.888
"""Median of the root mean square of three normal variables [standard deviations]."""
_REFINEMENTS, _ROUGH_SIZE = 6, 9
_SMALLEST = 16


@dataclass(frozen=True)
class Pair:
    """One registered pair.

    Parameters
    ----------
    before, after : (H, W, 3) float64, 0..1
    slope : (H, W)
        How much `before` changes from pixel to pixel: where a misplaced pixel has another colour.
    shift : (down, right) by which `after` was moved [px].
    name : for messages
    """

    before: Float64
    after: Float64
    slope: Float64
    shift: tuple[float, float]
    name: str


def read_pair(before: Given, after: Given, name: str, *, register: bool = True) -> Pair:
    """Read and register a pair.

    Raises
    ------
    InputError
        A file cannot be read, or a value is not finite or outside 0..1.
    UsageError
        The sizes differ.
    NumericError
        The pictures are too far from each other.
    """
    one, two = _codes(before, f"{name}, before"), _codes(after, f"{name}, after")
    if one.shape != two.shape:
        sizes = " and ".join(f"{p.shape[1]}x{p.shape[0]}" for p in (one, two))
        raise UsageError(f"{name}: pictures of {sizes} pixels; both must have the same size")
    if min(one.shape[:2]) < _SMALLEST:
        raise InputError(f"{name}: a picture of {one.shape[1]}x{one.shape[0]} pixels; at least 16x16 are needed")
    shift = (0.0, 0.0)
    if register:
        shift = _shift(one, two)
        if max(map(abs, shift)) > FARTHEST * min(one.shape[:2]):
            raise NumericError(
                f"{name}: before and after are {shift[0]:.1f} px down and {shift[1]:.1f} px right of each other; "
                "are they the same scene?"
            )
        shift = _refined(one, two, shift)
        one, two = _moved(one, two, shift)
    steps = [np.abs(np.gradient(one, axis=axis)).max(axis=2) for axis in (0, 1)]
    return Pair(one, two, np.maximum(*steps), shift, name)


def samples_of(pairs: Sequence[Pair]) -> tuple[Samples, Float64]:
    """The colours of pairs, a sample to a pixel with the weight 1, and their slopes (N,)."""
    before, after = (np.concatenate([getattr(p, side).reshape(-1, 3) for p in pairs]) for side in ("before", "after"))
    slope = np.concatenate([p.slope.ravel() for p in pairs])
    return Samples(before, after, np.ones(len(before))), slope


def weighed(samples: Samples, slope: Float64, table: Float64) -> Float64:
    """(N,) weights of the pixels of `samples_of`, given a table that fits them roughly; at most 1.

    The variance of a residual is modelled as a + b slope^2, which is what misplaced pixels do, and what remains is
    weighed by Cauchy's function, which forgives the rest: moved things, retouched places, blocks of JPEG.
    """
    left = np.sqrt(np.mean((samples.after - looked_up(table, samples.before)) ** 2, axis=1))
    spread = _spread(left, slope)
    return np.asarray((spread.min() / spread) ** 2 / (1.0 + (left / (_CAUCHY * spread)) ** 2))


def gathered(samples: Samples, weight: Float64) -> Samples:
    """Pixels of nearly the same colour before, averaged with their weights."""
    code = np.round(samples.before * _BINS).astype(np.int64) @ np.array([1, _BINS + 1, (_BINS + 1) ** 2])
    _, place = np.unique(code, return_inverse=True)
    total = np.bincount(place, weight).astype(np.float64)
    means = [
        np.stack([np.bincount(place, weight * side[:, c]) for c in range(3)], 1) / np.maximum(total, 1e-12)[:, None]
        for side in (samples.before, samples.after)
    ]
    seen = total > 1e-9
    return Samples(means[0][seen], means[1][seen], total[seen])


def explained(pair: Pair, predicted: Float64) -> float:
    """Share of the variance of `after` that a prediction (H, W, 3) of it explains; below 0 if none."""
    total = float(np.mean((pair.after - pair.after.mean(axis=(0, 1))) ** 2))
    return 1.0 - float(np.mean((pair.after - predicted) ** 2)) / max(total, 1e-9)


def _codes(given: Given, name: str) -> Float64:
    if isinstance(given, Picture):
        picture = replace(given, pixels=given.upright(), orientation=1)
        pixels: NDArray[Any] = picture.pixels
    elif isinstance(given, (str, os.PathLike)):
        from isp.io.picture_read import read_image

        stored = read_image(given)
        if not stored.encoded:
            raise InputError(f"{stored.name}: linear light; display-encoded pictures are needed (PNG, JPEG, TIFF)")
        pixels = stored.pixels
    else:
        pixels = np.asarray(given)
    if pixels.ndim != 3 or pixels.shape[2] != 3:
        raise InputError(f"{name}: an array of shape {pixels.shape}; (H, W, 3) is needed")
    if pixels.dtype in (np.uint8, np.uint16):
        return pixels.astype(np.float64) / np.iinfo(pixels.dtype).max
    values = np.asarray(pixels, np.float64)
    if not np.isfinite(values).all():
        raise InputError(f"{name}: holds {int((~np.isfinite(values)).sum())} values that are not finite")
    if values.min() < -0.01 or values.max() > 1.01:
        raise InputError(f"{name}: values {values.min():g}..{values.max():g}; display-encoded ones in 0..1 are needed")
    return np.clip(values, 0.0, 1.0)


def _shift(one: Float64, two: Float64) -> tuple[float, float]:
    """By how much `two` must move to lie on `one`, from the edges of their luminance."""
    from skimage.registration import phase_cross_correlation

    edges = []
    for picture in (one, two):
        grey = picture.mean(axis=2)
        window = np.outer(np.hanning(grey.shape[0]), np.hanning(grey.shape[1]))
        size = np.hypot(*np.gradient(grey))
        edges.append(window * (size - size.mean()))
    if min(float(np.ptp(e)) for e in edges) < 1e-6:
        return 0.0, 0.0
    found, _, _ = phase_cross_correlation(edges[0], edges[1], upsample_factor=4, normalization=None)
    return float(found[0]), float(found[1])


def _refined(one: Float64, two: Float64, shift: tuple[float, float]) -> tuple[float, float]:
    """The shift to a fraction of a pixel: the step that brings `two` nearest to `one` with a rough look, by the method
    of B. D. Lucas, T. Kanade, IJCAI 1981."""
    for _ in range(_REFINEMENTS):
        before, after = _moved(one, two, shift)
        samples = Samples(before.reshape(-1, 3), after.reshape(-1, 3), np.ones(before[..., 0].size))
        rough = gathered(samples, samples.weight)
        shown = looked_up(smooth_table(rough, _ROUGH_SIZE, 1.0), before)
        left = (after - shown).ravel()
        slopes = np.stack([np.gradient(after, axis=axis).ravel() for axis in (0, 1)], 1)
        # moving `after` by d changes it by -slope d
        even = np.abs(left) < 3 * np.median(np.abs(left)) + _FLOOR
        step, *_ = np.linalg.lstsq(slopes[even], left[even], rcond=1e-6)
        shift = shift[0] + float(np.clip(step[0], -1, 1)), shift[1] + float(np.clip(step[1], -1, 1))
        if np.abs(step).max() < LEAST_SHIFT / 5:
            break
    return shift if max(map(abs, shift)) >= LEAST_SHIFT else (0.0, 0.0)


def _moved(one: Float64, two: Float64, shift: tuple[float, float]) -> tuple[Float64, Float64]:
    if shift == (0.0, 0.0):
        return one, two
    from scipy import ndimage

    moved = ndimage.shift(two, (*shift, 0.0), order=3, mode="nearest")
    edge = [int(np.ceil(abs(s))) + 2 for s in shift]
    inner = tuple(slice(e, -e) for e in edge)
    return one[inner], np.clip(moved[inner], 0.0, 1.0)


def _spread(left: Float64, slope: Float64) -> Float64:
    """Standard deviation of the residuals over the slope: sqrt(a + b slope^2) through robust values of groups."""
    from scipy.optimize import nnls

    groups = np.array_split(np.argsort(slope, kind="stable"), 20)
    x = np.array([np.mean(slope[g] ** 2) for g in groups if len(g)])
    y = np.array([(np.median(left[g]) / _MEDIAN) ** 2 for g in groups if len(g)])

    (a, b), _ = nnls(np.stack([np.ones_like(x), x], 1) / (y + _FLOOR**2)[:, None], y / (y + _FLOOR**2))
    return np.asarray(np.sqrt(np.maximum(a + b * slope**2, _FLOOR**2)))
