"""Where each colour saturates, measured from the picture.

Sensors saturate below the white level that their files state, each colour at its own (a GoPro HERO6: G at 0.95, B at
0.92). Where they do, shot noise ends: the largest of many sites in a box is as large as their mean. In a bright but
sound area it is larger by about twice the standard deviation that the noise model gives. So boxes whose largest site
exceeds the mean by less than half a standard deviation are saturated ones, and if enough of them agree, what they hold
is the level.
"""

from __future__ import annotations

from functools import reduce

import numpy as np

from isp.stage import Context
from isp.stages.mesh import sampled
from isp.values import Float32, Float64, Statistics

SITES = 16
"""Fewest sites of a colour in a box: the largest of 16 exceeds the mean by less than half a standard deviation in 3 of
1000 sound boxes."""
FLAT = 0.5
"""Excess of the largest site [standard deviations] below which a box is saturated."""
LOWEST = 0.85
"""Share of the stated level below which no sensor saturates (the lowest seen is 0.92)."""
NOISY = 0.05
"""Share of the level from which sound boxes must show noise: a frame without any (synthetic, denoised) shows none."""
AGREE = 0.01
"""Boxes whose levels differ by less (share of the level) agree."""
FEWEST = 16
"""Boxes that must agree."""


def measured_levels(context: Context) -> tuple[float | None, float | None, float | None]:
    """Level of R, G and B over the stated one (`context.clip`); None where the picture does not show it."""
    seen = context.statistics
    if seen is None or seen.peak is None or context.noise is None:
        return None, None, None
    k = max(-(-int(2 * SITES**0.5) // seen.block), 1)
    mean = np.asarray(sum(_parts(seen.thumbnail, k)), np.float64) / k**2
    if mean.size == 0:
        return None, None, None
    peak = np.asarray(reduce(np.maximum, _parts(seen.peak, k)), np.float64)
    scale = np.array(seen.clip) * _shading(context, seen, (mean.shape[0], mean.shape[1]), k * seen.block)
    mean, peak = mean / scale, peak / scale
    found: list[float | None] = []
    for c, site in enumerate((0, 1, 3)):
        shot, read = context.noise.shot[site] / context.clip[c], context.noise.read[site] / context.clip[c] ** 2
        noise = np.sqrt(shot * np.maximum(mean[..., c], 0.0) + read)
        flat = peak[..., c] - mean[..., c] < FLAT * noise
        sound = (mean[..., c] > NOISY) & (mean[..., c] < LOWEST)
        tops = np.sort(peak[..., c][flat & (mean[..., c] >= LOWEST)])
        level = float(tops[-(-9 * tops.size // 10) - 1]) if tops.size else 0.0
        agree = int(np.count_nonzero(np.abs(tops - level) < AGREE * level))
        silent = bool(sound.any()) and float(np.mean(flat[sound])) > 0.5
        found.append(min(level, 1.0) if agree >= max(FEWEST, tops.size // 2) and not silent else None)
    return found[0], found[1], found[2]


def _parts(planes: Float32, k: int) -> list[Float32]:
    """The k x k boxes that are taken together, as k * k arrays (h // k, w // k, 3)."""
    rows, columns = (n // k * k for n in planes.shape[:2])
    return [planes[y:rows:k, x:columns:k] for y in range(k) for x in range(k)]


def _shading(context: Context, seen: Statistics, shape: tuple[int, int], side: int) -> Float64:
    """(h, w, 3) lens-shading gain at the middle of each box of `side` pixels."""
    if context.shading is None:
        return np.ones((*shape, 3))
    axes = zip(shape, reversed(seen.start), context.shape, strict=True)
    down, across = ((start + (np.arange(count) + 0.5) * side) / size for count, start, size in axes)
    return sampled(context.shading, down, across)[..., [0, 1, 3]]
