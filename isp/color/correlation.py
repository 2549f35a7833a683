"""The light under which a picture's colours are the most natural ones: colour by correlation.

G. D. Finlayson, S. D. Hordley, P. M. Hubel, "Color by correlation: a simple, unifying framework for color constancy",
IEEE PAMI 23 (2001) 1209: every light of a set is scored by how likely the colours of the picture are under it. As in
J. T. Barron, "Convolutional color constancy", ICCV 2015, colours are c = (log R/G, log B/G), which a light l moves as
a whole, so that one convolution scores all lights, and the differences between neighbours are read beside the colours:

    log P(l | picture) = log P(l) + sum_k w_k log p(c_k - l) over the colours + the same over the differences,
    p(d) = a t(d; 0, C) + (1 - a) t(d; m, S),    t(d; m, S) = (1 + (d - m)' S^-1 (d - m) / 2)^-2 / sqrt(det S).

p are greys, which are common, and all else: Student's t of two degrees of freedom, whose tails forgive the one large
coloured thing that pulls grey world away. The weights w are brightness and sum to 1: bright colours and edges say more
of the light, and as neighbouring boxes show the same things, all colours together count as one sample and not as
thousands, as do all differences. The estimate is the mean of the posterior, which moves smoothly with the picture;
its spread tells how sure it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from isp.color.dng import CameraColor
from isp.color.spaces import xy_to_xyz
from isp.color.temperature import chromaticity
from isp.values import ColorCalibration, Float64, frozen

MIREDS: Float64 = frozen(np.arange(70.0, 501.0, 10.0))
TINTS: Float64 = frozen(np.arange(-42.0, 61.0, 6.0))
"""Lights tried: reciprocal temperature [1e6/K], 2000..14300 K, and tint [1/3000 uv]."""
USUAL, BEYOND = (140.0, 360.0), 30.0
"""Range of usual lights and standard deviation of those beyond it [1e6/K]: 45 of 47 illuminants of CIE 015:2018 (A,
D50..D75, the FL, LED and HP series) lie at 133..367, evenly; HP2 at 399, HP1 (orange street lamps) at 510."""
TINT_MEAN, TINT_SPREAD = 5.0, 9.0
"""Mean and standard deviation of their tint."""
LIGHT_FREEDOM = 4.0
"""Degrees of freedom of the tint's Student's t: a few lamps are far from the locus."""
UNKNOWN = (1.5, 3.0)
"""How much wider BEYOND and TINT_SPREAD are for a camera without colour matrices."""
NATURAL_MEAN: Float64 = frozen([0.06, -0.10])
NATURAL_SHAPE: Float64 = frozen([[0.20, -0.07], [-0.07, 0.15]])
"""Mean and covariance of (log R/G, log B/G), balanced, of the 99 colour samples of CIE 224:2017 under D50 (phone
sensors and DSLRs of the catalogue and of rawtoaces): the world's colours are warmer than grey."""
NATURAL_SHARE = 0.10
"""Covariance of natural colours over that of the samples, which fill colour space evenly. It and GREY_WEIGHT fit
every other Kodak picture, where 0.07..0.15 and 0.1..0.3 differ by less than 0.15 degrees."""
GREY_SHARE, GREY_WEIGHT = 0.005, 0.2
"""Covariance of greys over that of the samples (3 % in R/G: about what a paint maker calls neutral) and their part."""
STEP, SIDE = 0.05, 256
"""Step and side of the plane of (log R/G, log B/G) on which lights are scored; it is joined at its borders."""
FARTHEST = 0.24 * STEP * SIDE
"""Colours and lights farther than this from equal channels are held there, so that no distance reaches around."""
FAINT = 1e-4
"""Channels below this (white 1) count as this, and smaller differences say nothing."""
GENERIC = CameraColor(
    (
        ColorCalibration(2856.0, np.array([[1.197, -0.284, -0.087], [-0.433, 1.340, 0.317], [-0.092, 0.184, 0.654]])),
        ColorCalibration(6504.0, np.array([[0.907, -0.147, -0.113], [-0.412, 1.174, 0.200], [-0.114, 0.202, 0.483]])),
    )
)
"""A camera where the frame does not say its own: that of the simulator's parametric curves of a phone sensor."""


@dataclass(frozen=True)
class Found:
    """The neutral (3,), largest component 1; its standard deviation in log R/B; its light in mired and tint."""

    neutral: Float64
    deviation: float
    mired: float
    tint: float


def correlate(boxes: Float64, usable: NDArray[np.bool_], color: CameraColor | None) -> Found:
    """The light of a picture.

    Parameters
    ----------
    boxes : (h, w, 3) camera RGB before white balance
    usable : (h, w) true where a box is neither saturated nor near black; at least one is
    color : colour matrices, or None for a camera of which nothing is known
    """
    neutrals = _neutrals(color or GENERIC)
    lights = np.log(neutrals[..., [0, 2]] / neutrals[..., 1:2])
    wider = UNKNOWN if color is None else (1.0, 1.0)
    outside = np.maximum(np.maximum(USUAL[0] - MIREDS, MIREDS - USUAL[1]), 0.0) / (BEYOND * wider[0])
    tint = (TINTS - TINT_MEAN) / (TINT_SPREAD * wider[1])
    tints = -0.5 * (LIGHT_FREEDOM + 1.0) * np.log1p(tint**2 / LIGHT_FREEDOM)
    score = -0.5 * outside[:, None] ** 2 + tints[None, :]
    across = np.abs(np.diff(boxes, axis=1))[usable[:, 1:] & usable[:, :-1]]
    down = np.abs(np.diff(boxes, axis=0))[usable[1:] & usable[:-1]]
    seen = _histogram(boxes[usable]) + _histogram(np.concatenate([across, down]))
    plane = np.fft.irfft2(np.fft.rfft2(seen) * _natural(), s=seen.shape)
    score = score + _between(plane, lights)
    chance = np.exp(score - score.max())
    chance /= chance.sum()
    logs = np.log(neutrals)
    mean = np.tensordot(chance, logs, 2)
    warmth = logs[..., 0] - logs[..., 2]
    deviation = np.sqrt(np.sum(chance * (warmth - np.sum(chance * warmth)) ** 2))
    neutral = np.exp(mean - mean.max())
    return Found(neutral, float(deviation), float(chance.sum(1) @ MIREDS), float(chance.sum(0) @ TINTS))


def _corners(places: Float64) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp], Float64]]:
    """The four points of the plane around each of (..., 2) places, and their shares (bilinear)."""
    at = np.clip(places, -FARTHEST, FARTHEST) / STEP + SIDE // 2
    whole = np.floor(at).astype(np.intp)
    part = at - whole
    for i, j in ((0, 0), (0, 1), (1, 0), (1, 1)):
        shares = (part[..., 0] if i else 1 - part[..., 0]) * (part[..., 1] if j else 1 - part[..., 1])
        yield whole[..., 0] + i, whole[..., 1] + j, shares


def _histogram(colors: Float64) -> Float64:
    """(SIDE, SIDE) share of the brightness of (N, 3) colours at each point of the plane; zeros if there are none."""
    held = np.maximum(colors[colors.max(axis=1) >= FAINT], FAINT)
    bright = held.sum(axis=1)
    total = np.zeros(SIDE * SIDE)
    for u, v, shares in _corners(np.log(held[:, [0, 2]] / held[:, 1:2])):
        total += np.bincount(u * SIDE + v, bright * shares, SIDE * SIDE)
    return np.asarray(total.reshape(SIDE, SIDE) / max(bright.sum(), FAINT))


def _between(plane: Float64, places: Float64) -> Float64:
    return np.asarray(sum(plane[u, v] * shares for u, v, shares in _corners(places)))


@cache
def _natural() -> NDArray[np.complex128]:
    """Conjugate transform of log p over the plane, distance 0 at its origin."""
    step = np.fft.fftfreq(SIDE, 1.0 / SIDE) * STEP
    distance = np.stack(np.meshgrid(step, step, indexing="ij"), axis=-1)
    weights = np.linalg.inv(NATURAL_SHAPE) / 2.0

    def student(mean: Float64 | float, share: float) -> Float64:
        u, v = np.moveaxis(distance - mean, -1, 0)
        far = (weights[0, 0] * u + 2.0 * weights[0, 1] * v) * u + weights[1, 1] * v * v
        return np.asarray(1.0 / (share * np.square(1.0 + far / share)))

    grey, other = student(0.0, GREY_SHARE), student(NATURAL_MEAN, NATURAL_SHARE)
    return np.conj(np.fft.rfft2(np.log(GREY_WEIGHT * grey + (1.0 - GREY_WEIGHT) * other)))


def _neutrals(color: CameraColor) -> Float64:
    """(mireds, tints, 3) neutrals of the lights tried."""
    matrices = np.stack([color.xyz_to_camera(1e6 / mired) for mired in MIREDS])
    camera = np.einsum("mij,mtj->mti", matrices, _whites())
    camera = camera / camera.max(axis=2, keepdims=True)
    return np.asarray(np.clip(camera, 1e-3, 1.0))


@cache
def _whites() -> Float64:
    """(mireds, tints, 3) XYZ of the lights tried."""
    return frozen([[xy_to_xyz(chromaticity(1e6 / mired, tint)) for tint in TINTS] for mired in MIREDS])
