"""Power and cross spectra of half overlapping blocks, averaged over rings of equal frequency (Welch 1967)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from isp.values import Float64

Complex = NDArray[np.complex128]


@dataclass(frozen=True)
class Spectra:
    """Sums of each block whose ratio over all blocks is a transfer function.

    Parameters
    ----------
    over, under : (N, F) float64
        Numerator and denominator at frequencies k / (2 F) cycles/pixel, k = 1..F.
    own : (N, F) float64
        The picture's own power, for the coherence.
    squared : the ratio is the square of the contrast
    """

    over: Float64
    under: Float64
    own: Float64
    squared: bool

    def curve(self, weights: Float64) -> Float64:
        """(B, F) contrast from blocks weighted by (B, N)."""
        ratio = weights @ self.over / (weights @ self.under)
        return np.asarray(np.sqrt(np.maximum(ratio, 0)) if self.squared else ratio)

    def coherence(self, last: float) -> float:
        """|S_xy|^2 / (S_xx S_yy), mean up to the frequency `last`."""
        part = np.s_[:, : max(1, int(last * 2 * self.over.shape[1]))]
        joint, one, two = (s[part].sum(0) for s in (self.over, self.under, self.own))
        return float(np.mean(joint**2 / np.maximum(one * two, 1e-300)))


def usual_side(shape: tuple[int, ...]) -> int:
    """Of the blocks of a picture [px]."""
    return 128 if min(shape) >= 256 else 64


@cache
def window(side: int) -> Float64:
    """(side, side) Hann window of mean square 1."""
    line = np.sin(np.pi * (np.arange(side) + 0.5) / side) ** 2
    plane = np.outer(line, line)
    return np.asarray(plane / np.sqrt(np.mean(plane**2)))


def places(shape: tuple[int, ...], side: int) -> list[tuple[int, int]]:
    """Top left corners of blocks that overlap by half."""
    rows, columns = (range(0, n - side + 1, side // 2) for n in shape)
    return [(y, x) for y in rows for x in columns]


def blocks(plane: Float64, side: int) -> Complex:
    """(N, side, side // 2 + 1) spectra of the blocks; the mean square is the power in a pixel's band."""
    return np.stack([_spectrum(plane[y : y + side, x : x + side]) for y, x in places(plane.shape, side)])


def radial(planes: Float64) -> Float64:
    """Means over rings: (N, side, side // 2 + 1) to (N, side // 2), at frequencies k / side, k = 1..side / 2."""
    side = planes.shape[1]
    rings, weight = _rings(side)
    count = np.bincount(rings, weight, side // 2 + 1)
    sums = [np.bincount(rings, p.ravel() * weight, side // 2 + 1) for p in planes.reshape(len(planes), -1)]
    return np.asarray(np.stack(sums)[:, 1:] / count[1:])


def cross(plane: Float64, reference: Float64, side: int) -> Spectra:
    """Spectra of each block of a picture against the same place of a reference, aligned."""
    dy, dx = _offset(plane, reference)
    height, width = plane.shape
    rows, columns = slice(max(0, -dy), height - max(0, dy)), slice(max(0, -dx), width - max(0, dx))
    truth = reference[rows, columns]
    seen = plane[rows.start + dy : rows.stop + dy, columns.start + dx : columns.stop + dx]
    if min(seen.shape) < side:
        truth, seen = reference, plane
    one, two = blocks(truth, side), blocks(seen, side)
    joint = np.conj(one) * two
    aligned = np.stack([np.real(j * np.exp(2j * np.pi * _phase(j))) for j in joint])
    return Spectra(radial(aligned), radial(np.abs(one) ** 2), radial(np.abs(two) ** 2), squared=False)


def _spectrum(block: Float64) -> Complex:
    side = len(block)
    taper = window(side)
    return np.asarray(np.fft.rfft2((block - np.average(block, weights=taper)) * taper) / side)


@cache
def _frequencies(side: int) -> tuple[Float64, Float64]:
    return np.asarray(np.fft.fftfreq(side)[:, None]), np.asarray(np.fft.rfftfreq(side)[None, :])


@cache
def _rings(side: int) -> tuple[NDArray[np.intp], Float64]:
    """Of each frequency its ring (0 for those of none), and how many of the whole plane it stands for."""
    v, u = _frequencies(side)
    number = np.rint(np.hypot(u, v) * side).astype(np.intp)
    number[number > side // 2] = 0
    twice = np.broadcast_to(np.where((u == 0) | (u == 0.5), 1.0, 2.0), number.shape)
    return number.ravel(), twice.ravel()


def _offset(plane: Float64, reference: Float64) -> tuple[int, int]:
    """Whole pixels by which the picture lies further down and to the right than the reference."""
    from skimage.registration import phase_cross_correlation

    shift, _, _ = phase_cross_correlation(_calm(plane), _calm(reference), normalization=None)
    limit = min(plane.shape) // 4
    dy, dx = (int(v) for v in shift)
    return (dy, dx) if max(abs(dy), abs(dx)) <= limit else (0, 0)


def _calm(plane: Float64) -> Float64:
    """The plane without mean, faded out towards its border."""
    rows, columns = (np.hanning(n + 2)[1:-1] for n in plane.shape)
    return np.asarray((plane - plane.mean()) * np.outer(rows, columns))


def _phase(joint: Complex) -> Float64:
    """u dx + v dy of the shift of one block, by weighted least squares on the phase of its low frequencies."""
    v, u = _frequencies(len(joint))
    away = np.hypot(u, v)
    used = (away > 0) & (away < 0.12)
    vv, uu = (np.broadcast_to(f, joint.shape)[used] for f in (v, u))
    # weighted by the square of frequency times power, so that no ring counts alone
    weight = np.sqrt(np.abs(joint[used]) * away[used])
    matrix = -2 * np.pi * np.stack([vv, uu], 1) * weight[:, None]
    dy, dx = np.linalg.lstsq(matrix, np.angle(joint[used]) * weight, rcond=None)[0]
    return np.asarray(v * dy + u * dx)
