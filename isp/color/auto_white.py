"""Automatic white balance: the neutral that a picture's own colours suggest.

Grey world: G. Buchsbaum, "A spatial processor model for object colour perception", J. Franklin Inst. 310 (1980) 1.
Shades of grey: G. D. Finlayson, E. Trezzi, "Shades of gray and colour constancy", CIC 12 (2004) 37: the neutral is the
Minkowski mean (mean of x^p)^(1/p) of each colour; p = 1 is grey world, p = 6 their best.

Both read the statistics thumbnail (pooled to about 256 boxes across), weighted by the unsaturated fraction of each box
(of any colour), without boxes near black. The result is held to lights that exist: 2000..15000 K and tint within 60
where the frame has colour matrices, else R and B of the neutral within 0.15..1.5 of G. Where too few boxes remain,
"not enough signal", the as-shot neutral is used, else daylight through the colour matrices, else unit gains.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

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
"""Boxes across the longer side."""
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
    if context.statistics is None:
        raise InputError("automatic white balance needs the statistics pass, which did not run")
    norm = 1.0 if values["method"] == "grey_world" else float(values["norm"])
    mean = minkowski_mean(context.statistics, norm)
    if mean is None:
        neutral, what = _without_signal(context)
        return neutral, f"not enough signal for automatic white balance; using {what}"
    neutral = _held(mean / mean.max(), context)
    far = float(np.max(np.abs(np.log2(neutral * mean.max() / mean))))
    return neutral, "automatic white balance is held at the border of likely lights" if far > 0.1 else ""


def minkowski_mean(statistics: Statistics, norm: float) -> Float64 | None:
    """(3,) Minkowski mean of order `norm` of the usable boxes, or None where too few are usable."""
    pixels = np.maximum(_pooled(statistics.thumbnail), 0.0)
    weights = 1.0 - _pooled(statistics.saturated).max(axis=2)
    weights[(weights < LEAST_WEIGHT) | (pixels.max(axis=2) < DARK)] = 0.0
    total = weights.sum()
    if total < LEAST_SHARE * weights.size:
        return None
    top = pixels.max()
    mean = (np.tensordot(weights, (pixels / top) ** norm, 2) / total) ** (1.0 / norm)
    return np.asarray(np.maximum(mean, 1e-6 * mean.max()))


def _pooled(array: Float32) -> Float64:
    """Means of k x k boxes, at most about `POOLED` a side: fine enough for a mean, and quick."""
    k = max(-(-max(array.shape[:2]) // POOLED), 1)
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
    if context.info.neutral is not None:
        neutral = as_array(context.info.neutral)
        return neutral / neutral.max(), "the as-shot neutral"
    color = CameraColor.of(context.info)
    if color is not None:
        return color.neutral(chromaticity(DAYLIGHT, 10.0), DAYLIGHT), f"daylight of {DAYLIGHT:.0f} K"
    return np.ones(3), "unit gains"
