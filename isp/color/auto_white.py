"""Automatic white balance: the neutral that a picture's own colours suggest.

Correlation, the default: see `isp.color.correlation`.
Grey world: G. Buchsbaum, "A spatial processor model for object colour perception", J. Franklin Inst. 310 (1980) 1.
Shades of grey: G. D. Finlayson, E. Trezzi, "Shades of gray and colour constancy", CIC 12 (2004) 37: the neutral is the
Minkowski mean (mean of x^p)^(1/p) of each colour; p = 1 is grey world, p = 6 their best.

All read the statistics thumbnail (pooled to about 128 boxes across for correlation, 256 for the means) without boxes
near black or saturated: correlation leaves out a box with any saturated site to speak of, the means weigh boxes by
their unsaturated fraction. The means are held to lights that exist: 2000..15000 K and tint within 60 where the frame
has colour matrices, else R and B of the neutral within 0.15..1.5 of G; correlation tries no others. Where too few boxes
remain, "not enough signal", the as-shot neutral is used, else daylight through the colour matrices, else unit gains.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from isp.color.correlation import correlate
from isp.color.dng import CameraColor
from isp.color.temperature import chromaticity, temperature_and_tint
from isp.errors import InputError
from isp.stage import Context, as_array
from isp.values import Float32, Float64, Statistics

DARK = 0.002
"""Boxes whose brightest colour is below this are near black (linear, white 1)."""
LEAST_SHARE = 0.005
"""Share of the frame that must remain for an estimate."""
LEAST_WEIGHT = 0.5
"""Boxes with less than this unsaturated fraction are left out."""
POOLED = 256
"""Boxes across the longer side for the means."""
COARSE = 128
"""The same for correlation: its differences should be between things, not within them."""
TOUCHED = 0.05
"""Saturated fraction from which correlation leaves a box out: its mean is not the colour of what it shows."""
UNSURE = 0.3
"""Standard deviation of log R/B from which the user is told: one photograph in twenty, whose errors are five times the
others'."""
LIGHTS = (2000.0, 15000.0)
TINTS = (-60.0, 60.0)
"""Lights that exist: colour temperature [K] and tint."""
RATIOS = (0.15, 1.5)
"""R and B of a neutral over G."""
DAYLIGHT = 5500.0
"""Light assumed without signal [K], with daylight's tint of +10."""


def estimate(values: Mapping[str, Any], context: Context) -> tuple[Float64, str]:
    """The neutral (3,), its largest component 1, and a remark for the user ("" if there is nothing to say).

    Parameters
    ----------
    values : plain values of `white_balance`: `method` and `norm`
    context : with `statistics`

    Raises
    ------
    InputError
        There are no statistics.
    """
    seen = context.statistics
    if seen is None:
        raise InputError("automatic white balance needs the statistics pass, which did not run")
    # prepare, advance, warn and the stages behind ask the same thing of the same frame
    method, norm = str(values["method"]), float(values["norm"])
    # `info` is kept with the answer: while it lives no other can have its id
    _, found = seen.once(
        ("white", method, norm, id(context.info)), lambda: (context.info, _estimate(method, norm, seen, context))
    )
    return found


def _estimate(method: str, norm: float, seen: Statistics, context: Context) -> tuple[Float64, str]:
    if method == "correlation":
        boxes, touched = _pooled(seen.thumbnail, COARSE), _pooled(seen.saturated, COARSE).max(axis=2)
        usable = (touched < TOUCHED) & (boxes.max(axis=2) >= DARK)
        if usable.sum() < max(LEAST_SHARE * usable.size, 1):
            return _without_signal(context)
        found = correlate(boxes, usable, CameraColor.of(context.info))
        unsure = "automatic white balance is unsure: few colours, or strong ones, under a light hard to tell"
        return found.neutral, unsure if found.deviation > UNSURE else ""
    mean = minkowski_mean(seen, 1.0 if method == "grey_world" else norm)
    if mean is None:
        return _without_signal(context)
    neutral = _held(mean / mean.max(), context)
    far = float(np.max(np.abs(np.log2(neutral * mean.max() / mean))))
    return neutral, "automatic white balance is held at the border of likely lights" if far > 0.1 else ""


def minkowski_mean(statistics: Statistics, norm: float) -> Float64 | None:
    """(3,) Minkowski mean of order `norm` of the usable boxes, or None where too few are usable."""
    pixels = np.maximum(_pooled(statistics.thumbnail, POOLED), 0.0)
    weights = 1.0 - _pooled(statistics.saturated, POOLED).max(axis=2)
    weights[(weights < LEAST_WEIGHT) | (pixels.max(axis=2) < DARK)] = 0.0
    total = weights.sum()
    if total < LEAST_SHARE * weights.size:
        return None
    top = pixels.max()
    mean = (np.tensordot(weights, (pixels / top) ** norm, 2) / total) ** (1.0 / norm)
    return np.asarray(np.maximum(mean, 1e-6 * mean.max()))


def _pooled(array: Float32, across: int) -> Float64:
    """Means of k x k boxes, at most about `across` a side."""
    k = max(-(-max(array.shape[:2]) // across), 1)
    rows, columns = (n // k * k if n >= k else n for n in array.shape[:2])
    parts = [array[y:rows:k, x:columns:k] for y in range(min(k, rows)) for x in range(min(k, columns))]
    total = np.zeros(parts[0].shape, np.float64)
    for part in parts:
        total += part
    return total / len(parts)


def _held(neutral: Float64, context: Context) -> Float64:
    color = CameraColor.of(context.info)
    if color is None:
        green = max(float(neutral[1]), 1e-3)
        near = np.clip(neutral / green, *RATIOS)
        near[1] = 1.0
        return np.asarray(near / near.max())
    xy, _ = color.white(neutral)
    temperature, tint = temperature_and_tint(xy)
    held = float(np.clip(temperature, *LIGHTS)), float(np.clip(tint, *TINTS))
    if held == (temperature, tint) and np.allclose(color.neutral(xy, temperature), neutral, rtol=0.02):
        return neutral
    return color.neutral(chromaticity(*held), held[0])


def _without_signal(context: Context) -> tuple[Float64, str]:
    color = CameraColor.of(context.info)
    if context.info.neutral is not None:
        given = as_array(context.info.neutral)
        neutral, what = given / given.max(), "the as-shot neutral"
    elif color is not None:
        neutral, what = color.neutral(chromaticity(DAYLIGHT, 10.0), DAYLIGHT), f"daylight of {DAYLIGHT:.0f} K"
    else:
        neutral, what = np.ones(3), "unit gains"
    return neutral, f"not enough signal for automatic white balance; using {what}"
