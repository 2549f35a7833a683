"""How much a picture differs from a reference of the same scene: PSNR, SSIM, MS-SSIM.

All of them compare what is shown, so they take display-encoded values (0..1, or integer codes), not light. PSNR sees
all channels; SSIM and MS-SSIM are defined on one, and see the luma of colour pictures.

Intervals come from resampling tiles: they say how far the number depends on which parts of such a scene are looked at.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isp.color.spaces import luma
from isp.values import Float32, Float64
from reports.estimate import Estimate, bootstrap
from reports.light import values
from reports.metrics.tiles import Tiles, checked

STRIP = 256
"""Rows that are worked on at a time; a multiple of `TILE`."""
BORDER = 5
"""Pixels that SSIM's Gaussian window (sigma 1.5, cut at 3.5 sigma: 11 x 11) reaches beyond its middle."""
WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Of the scales of MS-SSIM, the finest first (Wang, Simoncelli, Bovik 2003)."""
COARSE_TILE = 256
"""Side of a tile of MS-SSIM [px]: its coarsest window is 176 px wide."""


def squared_error_tiles(picture: ArrayLike, reference: ArrayLike) -> Tiles:
    """Tiles of the squared error (mean of the channels) of two parts of the same place; for `psnr_of`."""
    error = (values(picture) - values(reference)) ** 2
    return Tiles.of(error if error.ndim == 2 else error.mean(2))


def ssim_map(picture: ArrayLike, reference: ArrayLike) -> Float32:
    """SSIM of every pixel whose window lies inside: (H - 10, W - 10), -1..1; see `ssim`."""
    return np.asarray(_structure(_gray(picture), _gray(reference)), np.float32)


def ssim_tiles(picture: ArrayLike, reference: ArrayLike) -> Tiles:
    """Tiles of `ssim_map` of two parts of the same place; for `ssim_of`. Parts must overlap by 10 rows or columns."""
    return Tiles.of(ssim_map(picture, reference))


def psnr_of(parts: Sequence[Tiles], *, seed: int = 0) -> Estimate:
    """`psnr` from the `squared_error_tiles` of all parts of a picture."""
    tiles = Tiles.join(parts)
    mean = tiles.mean
    if mean == 0:
        return Estimate(math.inf, unit="dB", reason="the pictures are identical")
    value = -10 * math.log10(mean)
    both = np.stack([tiles.sums, tiles.counts], 1)
    found = bootstrap(both, lambda v: -10 * math.log10(max(v[:, 0].sum(), 1e-300) / v[:, 1].sum()), "dB", seed=seed)
    # the first-order share of each tile in the logarithm: their mean is the value itself
    items = value - 10 / math.log(10) * (tiles.items / mean - 1)
    return Estimate(value, found.interval, "dB", found.reason, items)


def ssim_of(parts: Sequence[Tiles], *, seed: int = 0) -> Estimate:
    """`ssim` from the `ssim_tiles` of all parts of a picture."""
    return Tiles.join(parts).estimate(seed=seed)


def psnr(picture: ArrayLike, reference: ArrayLike, *, seed: int = 0) -> Estimate:
    """Peak signal to noise ratio -10 log10(MSE) over all pixels and channels, of values whose peak is 1 [dB].

    Parameters
    ----------
    picture, reference : (H, W) or (H, W, 3)
        Display-encoded values 0..1, or integer codes.
    seed : int
        Of the resampling.

    Returns
    -------
    Estimate
        Infinite for identical pictures, and then counted as n.a.

    Raises
    ------
    UsageError, NumericError
        Pictures of different size, or values that are not finite.
    """
    one, two = checked(picture, reference)
    return psnr_of([squared_error_tiles(one[r], two[r]) for r in _strips(len(one))], seed=seed)


def ssim(picture: ArrayLike, reference: ArrayLike, *, seed: int = 0) -> Estimate:
    """Structural similarity of luma (Wang, Bovik, Sheikh, Simoncelli 2004), mean over the picture; 1 is identical.

    Gaussian window of sigma 1.5 (11 x 11), K1 = 0.01, K2 = 0.03, population covariance, windows that lie inside only,
    at full resolution: as the paper, by scikit-image. Luma is BT.709's of the encoded values.

    Parameters
    ----------
    picture, reference : (H, W) or (H, W, 3)
        Display-encoded values 0..1, or integer codes.
    seed : int
        Of the resampling.

    Raises
    ------
    UsageError, NumericError
        Pictures of different size, or values that are not finite.
    """
    one, two = checked(picture, reference)
    if min(one.shape[:2]) <= 2 * BORDER:
        return Estimate.missing(f"the picture is smaller than SSIM's window of {2 * BORDER + 1} px")
    rows = [slice(r.start, r.stop + 2 * BORDER) for r in _strips(len(one) - 2 * BORDER)]
    return ssim_of([ssim_tiles(one[r], two[r]) for r in rows], seed=seed)


def ms_ssim(picture: ArrayLike, reference: ArrayLike, *, seed: int = 0) -> Estimate:
    """Structural similarity over five scales (Wang, Simoncelli, Bovik 2003); 1 is identical.

    Contrast and structure of each scale, and luminance of the coarsest, each averaged over the picture, to the powers
    of the paper's `WEIGHTS`; a scale is the mean of 2 x 2 pixels of the one before. Negative means count as 0.

    Parameters
    ----------
    picture, reference : (H, W) or (H, W, 3)
        Display-encoded values 0..1, or integer codes; the shorter side at least 176 px.
    seed : int
        Of the resampling.

    Raises
    ------
    UsageError, NumericError
        Pictures of different size, or values that are not finite.
    """
    pair = checked(picture, reference)
    smallest = (2 * BORDER + 1) << (len(WEIGHTS) - 1)
    if min(pair[0].shape[:2]) < smallest:
        return Estimate.missing(f"the picture's shorter side is below {smallest} px, MS-SSIM's coarsest window")
    planes = [_gray(a).astype(np.float64) for a in pair]
    scales = []
    for scale in range(len(WEIGHTS)):
        last = scale == len(WEIGHTS) - 1
        inner = _structure(planes[0], planes[1], luminance=last)
        grid = tuple(-(-n // COARSE_TILE) for n in pair[0].shape[:2])
        scales.append(_placed(inner, COARSE_TILE >> scale, grid))
        planes = [_halved(p) for p in planes]
    sums, counts = (np.stack([getattr(t, name) for t in scales], 1) for name in ("sums", "counts"))

    def product(chosen: NDArray[np.intp]) -> float:
        means = sums[chosen].sum(0) / np.maximum(counts[chosen].sum(0), 1)
        return float(np.prod(np.maximum(means, 0) ** WEIGHTS))

    found = bootstrap(np.arange(len(sums)), product, seed=seed)
    return Estimate(found, found.interval, reason=found.reason)


def _strips(height: int) -> Iterator[slice]:
    return (slice(top, min(top + STRIP, height)) for top in range(0, height, STRIP))


def _gray(pixels: ArrayLike) -> Float32:
    """Luma as float32, exact enough: its rounding is far below SSIM's constants."""
    array = np.asarray(pixels)
    scale = 1 / np.iinfo(array.dtype).max if array.dtype.kind in "ui" else 1.0
    if array.ndim == 2:
        return np.asarray(array.astype(np.float32) * np.float32(scale))
    return np.asarray(array.astype(np.float32) @ (luma("srgb") * scale).astype(np.float32))


def _structure(one: NDArray[np.floating], two: NDArray[np.floating], luminance: bool = True) -> NDArray[np.floating]:
    from skimage.metrics import structural_similarity

    # a vast K1 makes the luminance term 1 and leaves contrast and structure
    _, found = structural_similarity(
        one, two, data_range=1.0, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, full=True,
        K1=0.01 if luminance else 1e6,
    )  # fmt: skip
    return np.asarray(found[BORDER:-BORDER, BORDER:-BORDER])


def _halved(plane: Float64) -> Float64:
    height, width = (n // 2 * 2 for n in plane.shape)
    return np.asarray(plane[:height, :width].reshape(height // 2, 2, width // 2, 2).mean((1, 3)))


def _placed(inner: NDArray[np.floating], side: int, grid: tuple[int, ...]) -> Tiles:
    """Tiles of a map without its border, where the border still counts for their place; `grid` of (rows, columns)."""
    full = [np.zeros((grid[0] * side, grid[1] * side)) for _ in range(2)]
    place = np.s_[BORDER : BORDER + inner.shape[0], BORDER : BORDER + inner.shape[1]]
    full[0][place], full[1][place] = inner, 1
    sums, counts = (Tiles.of(plane, side).sums for plane in full)
    return Tiles(sums, counts)

