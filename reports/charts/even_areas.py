"""Even areas of any picture, for its noise where there is no chart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isp.values import Float64, frozen
from reports.light import luminance
from reports.metrics.noise import detrended
from reports.source import Source

NOTE = "Even areas of a natural picture: texture as fine and random as noise counts as noise."
SIDES = (64, 32)
"""Sides of the areas tried, the larger first [px]."""
FEW = 3
"""Even areas that are enough: with fewer there is nothing to tell noise from texture by."""
LOOKED_AT = 600
"""Areas whose pixels are looked at, the smoothest of each lightness by the reduced picture."""
LEVELS = 12
"""Classes of lightness that the areas are spread over."""
CLIPPED = 0.001
"""Share of clipped pixels of an area."""
SLOW, FAST = (2.0, 4.5), (4.5, 9.0)
"""Waves across an area: texture has much more power in slow ones than in fast ones, noise about the same."""
RED = 1.7
"""Largest ratio of their powers; that of structure, whose power falls with the square of frequency, is 4."""
UNEVEN = 2.0
"""Largest ratio of the variance of a quarter to the middle one."""
TAILS = 4.5
"""Largest kurtosis (3 is normal noise): lines and spots are rare and strong."""
SLANTED = 0.25
"""Largest coherence of the gradient: 0 has no direction, 1 is an edge."""
ABOVE, FAR_ABOVE = 2.0, 3.0
"""Ratios of an area's noise to the least of its lightness, and to the least of all after division by `_photons`,
beyond which it holds texture."""
NOISIEST = 0.25
"""Noise of middle grey, of its light, that no picture has: beyond it is texture."""
_GREY, _READ = 0.18, 0.02
"""Middle grey, and the light whose photon noise the noise of the dark equals."""
_TINY = 1e-12


@dataclass(frozen=True)
class EvenAreas:
    """Squares without texture, by rising luminance.

    Parameters
    ----------
    places : (N, 4) int
        x, y, width, height [px].
    light : (N,) float64
        Mean luminance.
    note : what to say beside a noise measured there; or why there are none
    """

    places: NDArray[np.int64]
    light: Float64
    note: str

    def outlines(self) -> list[tuple[str, Float64]]:
        """What to draw: name and (N, 2) points."""
        x, y, width, height = self.places.T.astype(np.float64)
        right, bottom = x + width, y + height
        quads = np.array([(x, y), (right, y), (right, bottom), (x, bottom)]).transpose(2, 0, 1)
        return [(str(number), quad) for number, quad in enumerate(quads, 1)]


def flat_regions(source: Source, most: int = 24) -> EvenAreas:
    """Flat, unclipped areas without texture, spread over the picture's range of lightness.

    Parameters
    ----------
    source : Source
    most : int
        Areas to return at most.

    Returns
    -------
    EvenAreas
        Empty, with the reason as its note, if there are fewer than three.

    Notes
    -----
    Conservative: an area counts only if what is left after a polynomial of degree 2 in x and y looks like noise of one
    strength: no more power in slow waves than in faster ones, no direction, no heavy tails, four quarters alike; and if
    it is not much noisier than the quietest area of its lightness. Areas without any noise (rendered pictures, strong
    noise reduction) are left out, since nothing tells them from clipped ones.
    """
    for side in SIDES:
        found = [area for place in _candidates(source, side) if (area := _area(source, place, side)) is not None]
        kept = _quiet(found)
        if len(kept) >= FEW:
            return _spread(kept, most, side)
    why = "no even areas: everything has texture, is clipped or has no noise"
    return EvenAreas(np.empty((0, 4), np.int64), np.empty(0), why)


_Area = tuple[int, int, float, float]
"""x, y, luminance, standard deviation."""


def _candidates(source: Source, side: int) -> list[tuple[int, int]]:
    """Top left corners (x, y) of squares, the smoothest of each lightness in the reduced picture."""
    overview, step = source.overview
    small = max(1, side // step)
    light = luminance(overview)
    rows, columns = (n // small for n in light.shape)
    if rows == 0 or columns == 0:
        return []
    cells = light[: rows * small, : columns * small].reshape(rows, small, columns, small)
    mean = cells.mean((1, 3))
    # coarse unevenness, by neighbours: noise of single pixels should not decide
    down, right = np.diff(mean, axis=0, append=mean[-1:]), np.diff(mean, axis=1, append=mean[:, -1:])
    rough = (np.maximum(np.abs(down), np.abs(right)) + cells.std((1, 3))) / np.sqrt(np.maximum(mean, 1e-4))
    order = np.argsort(rough, axis=None)
    level = _level(mean.ravel())
    picked: list[int] = []
    for number in range(LEVELS):
        picked.extend(order[level[order] == number][: LOOKED_AT // LEVELS])
    y, x = np.unravel_index(picked, mean.shape)
    height, width = source.shape
    places = zip(x * small * step, y * small * step, strict=True)
    return [(int(a), int(b)) for a, b in places if a + side <= width and b + side <= height]


def _level(light: Float64) -> NDArray[np.intp]:
    """Class of lightness: even steps of the cube root, up to the brightest."""
    root = np.cbrt(np.maximum(light, 0.0))
    return np.minimum((root / max(float(root.max(initial=0.0)), _TINY) * LEVELS).astype(np.intp), LEVELS - 1)


def _area(source: Source, place: tuple[int, int], side: int) -> _Area | None:
    x, y = place
    codes = source.codes(y, x, side, side)
    top: Any = np.iinfo(codes.dtype).max if codes.dtype.kind in "ui" else 1.0
    if float(((codes <= 0) | (codes >= top)).any(axis=2).mean()) > CLIPPED:
        return None
    light = luminance(source.light(y, x, side, side), source.space)
    noise = detrended(light)
    deviation = float(noise.std())
    if deviation <= 1e-6 * max(float(light.mean()), _TINY) or not _random(noise):
        return None
    return x, y, float(light.mean()), deviation


def _random(noise: Float64) -> bool:
    """Whether a detrended plane looks like noise of one strength."""
    variance = float((noise**2).mean())
    if float((noise**4).mean()) / variance**2 > TAILS:
        return False
    half = noise.shape[0] // 2
    quarters = np.sort([(noise[a : a + half, b : b + half] ** 2).mean() for a in (0, half) for b in (0, half)])
    if quarters[3] > UNEVEN * max(float(quarters[1]), _TINY * variance):
        return False
    power = np.abs(np.fft.fft2(noise)) ** 2
    waves = np.hypot(*np.meshgrid(*(np.fft.fftfreq(n, 1 / n) for n in noise.shape), indexing="ij"))
    slow, fast = (float(power[(waves >= low) & (waves < high)].mean()) for low, high in (SLOW, FAST))
    if slow > RED * fast:
        return False
    down, right = np.gradient(noise)
    xx, yy, xy = float((right**2).mean()), float((down**2).mean()), float((right * down).mean())
    return float(np.hypot(xx - yy, 2 * xy)) < SLANTED * (xx + yy)


def _photons(light: float) -> float:
    """How noise goes with light, about: photons, and something in the dark."""
    return float(np.sqrt(max(light, 0.0) + _READ))


def _quiet(found: list[_Area]) -> list[_Area]:
    """Without those that are much noisier than others, the more so of their own lightness."""
    if not found:
        return []
    level = [int(number) for number in _level(np.array([area[2] for area in found]))]
    least: dict[int, float] = {}
    for number, area in zip(level, found, strict=True):
        least[number] = min(least.get(number, np.inf), area[3])
    quietest = min(area[3] / _photons(area[2]) for area in found)
    most = min(FAR_ABOVE * quietest, NOISIEST * _GREY / _photons(_GREY))
    return [
        area
        for number, area in zip(level, found, strict=True)
        if area[3] <= ABOVE * least[number] and area[3] <= most * _photons(area[2])
    ]


def _spread(found: list[_Area], most: int, side: int) -> EvenAreas:
    """At most so many, in turn from every lightness, the quietest first."""
    level = _level(np.array([area[2] for area in found]))
    ranks: dict[int, int] = {}
    turns = []
    for i in sorted(range(len(found)), key=lambda i: found[i][3]):
        turns.append((ranks.setdefault(int(level[i]), 0), int(level[i]), i))
        ranks[int(level[i])] += 1
    chosen = sorted((found[i] for _, _, i in sorted(turns)[:most]), key=lambda area: area[2])
    places = np.array([(x, y, side, side) for x, y, _, _ in chosen], np.int64)
    return EvenAreas(frozen(places), frozen([area[2] for area in chosen]), NOTE)
