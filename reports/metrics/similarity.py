"""How much a picture differs from a reference of the same scene: PSNR, SSIM, MS-SSIM, FLIP.

All of them compare what is shown, so they take display-encoded values (0..1, or integer codes), not light. PSNR sees
all channels; SSIM and MS-SSIM are defined on one, and see the luma of colour pictures; FLIP sees colours.

Intervals come from resampling tiles: they say how far the number depends on which parts of such a scene are looked at.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isp.color.spaces import luma
from isp.errors import NumericError, UsageError
from isp.values import Float32, Float64
from reports.estimate import Estimate, bootstrap
from reports.light import values

TILE = 64
"""Side of a tile [px], the item of the bootstrap."""
STRIP = 256
"""Rows that are worked on at a time; a multiple of `TILE`."""
BORDER = 5
"""Pixels that SSIM's Gaussian window (sigma 1.5, cut at 3.5 sigma: 11 x 11) reaches beyond its middle."""
WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Of the scales of MS-SSIM, the finest first (Wang, Simoncelli, Bovik 2003, section 3.2)."""
COARSE_TILE = 256
"""Side of a tile of MS-SSIM [px]: its coarsest window is 176 px wide."""
PIXELS_PER_DEGREE = 67.0
"""FLIP's default: a 4K screen 0.7 m wide, seen from 0.7 m (Andersson et al. 2020)."""
FLIP_SIDE, FLIP_HALO = 256, 32
"""Squares that FLIP sees of a large picture, and the surroundings that its filters need [px]."""


@dataclass(frozen=True)
class Tiles:
    """Sums over tiles of a map, whose mean over all pixels is the ratio of the sums of both.

    Parameters
    ----------
    sums, counts : (N,) float64
        Of the map's values and of its pixels in each tile.
    """

    sums: Float64
    counts: Float64

    @classmethod
    def of(cls, plane: NDArray[np.floating], side: int = TILE) -> Tiles:
        """Tiles of a map (H, W) from its top left corner on; those at the right and lower border are smaller."""
        height, width = plane.shape
        edges = np.arange(0, height, side), np.arange(0, width, side)
        sums = np.add.reduceat(np.add.reduceat(plane, edges[0], 0, np.float64), edges[1], 1)
        sizes = [np.diff(np.append(edge, size)) for edge, size in zip(edges, plane.shape, strict=True)]
        return cls(sums.ravel(), np.outer(*sizes).ravel().astype(np.float64))

    @classmethod
    def join(cls, parts: Sequence[Tiles]) -> Tiles:
        """Tiles of several parts of one picture."""
        return cls(np.concatenate([p.sums for p in parts]), np.concatenate([p.counts for p in parts]))

    @property
    def mean(self) -> float:
        """Over all pixels."""
        return float(self.sums.sum() / self.counts.sum())

    @property
    def items(self) -> Float64:
        """(N,) what the mean is the mean of, tiles of unequal size included: the pseudo-values of a ratio."""
        return np.asarray(self.mean + (self.sums - self.mean * self.counts) / self.counts.mean())

    def estimate(self, unit: str = "", seed: int = 0) -> Estimate:
        """The mean with its bootstrap interval, and the tiles for paired comparison."""
        found = bootstrap(self.items, unit=unit, seed=seed)
        return Estimate(self.mean, found.interval, unit, found.reason, self.items)


def checked(picture: ArrayLike, reference: ArrayLike) -> tuple[NDArray[np.generic], NDArray[np.generic]]:
    """Both as arrays of one size (H, W) or (H, W, 3).

    Raises
    ------
    UsageError
        They are of different size, or not pictures.
    NumericError
        A value is not finite.
    """
    arrays = np.asarray(picture), np.asarray(reference)
    for array, name in zip(arrays, ("picture", "reference"), strict=True):
        if not (array.ndim == 2 or (array.ndim == 3 and array.shape[2] == 3)) or 0 in array.shape:
            raise UsageError(f"{name} of shape {array.shape} must be (H, W) or (H, W, 3)")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise NumericError(f"{name} holds values that are not finite")
    if arrays[0].shape != arrays[1].shape:
        shapes = " and ".join("x".join(map(str, (a.shape[1], a.shape[0], *a.shape[2:]))) for a in arrays)
        raise UsageError(f"picture and reference are {shapes}; they must have one size")
    return arrays


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


def flip_map(
    picture: ArrayLike, reference: ArrayLike, *, pixels_per_degree: float = PIXELS_PER_DEGREE
) -> Float32:
    """LDR-FLIP of every pixel (H, W), 0..1; see `flip`. Takes two seconds for a megapixel."""
    import flip_evaluator

    if not (math.isfinite(pixels_per_degree) and pixels_per_degree > 0):
        raise UsageError(f"pixels_per_degree {pixels_per_degree} must be above 0")
    one, two = (np.clip(_color(a), 0, 1).astype(np.float32) for a in checked(picture, reference))
    found, _, _ = flip_evaluator.evaluate(
        two, one, "LDR", applyMagma=False, computeMeanError=False, parameters={"ppd": float(pixels_per_degree)}
    )
    return np.asarray(found[..., 0], np.float32)


def flip(
    picture: ArrayLike,
    reference: ArrayLike,
    *,
    pixels_per_degree: float = PIXELS_PER_DEGREE,
    limit: int = 1_000_000,
    seed: int = 0,
) -> Estimate:
    """LDR-FLIP, the difference one sees when flipping between two pictures (Andersson et al. 2020); 0 is identical.

    Computed by flip-evaluator, mean over pixels.

    Parameters
    ----------
    picture, reference : (H, W) or (H, W, 3)
        sRGB-encoded values 0..1, or integer codes.
    pixels_per_degree : float
        Of visual angle; finer pixels hide more. 67 is a 4K screen 0.7 m wide at 0.7 m.
    limit : int
        Most pixels that are looked at: of larger pictures, squares of 256 px spread evenly, where both are taken from
        the same places. `flip_map` has no limit.
    seed : int
        Of the resampling.

    Raises
    ------
    UsageError, NumericError
        Pictures of different size, values that are not finite, or a number that is not above 0.
    """
    one, two = checked(picture, reference)
    height, width = one.shape[:2]
    if height * width <= max(limit, FLIP_SIDE**2):
        return Tiles.of(flip_map(one, two, pixels_per_degree=pixels_per_degree)).estimate(seed=seed)
    parts = []
    for top, left in _spread(height, width, max(1, limit // FLIP_SIDE**2)):
        y0, x0 = max(top - FLIP_HALO, 0), max(left - FLIP_HALO, 0)
        part = np.s_[y0 : top + FLIP_SIDE + FLIP_HALO, x0 : left + FLIP_SIDE + FLIP_HALO]
        found = flip_map(one[part], two[part], pixels_per_degree=pixels_per_degree)
        parts.append(Tiles.of(found[top - y0 :, left - x0 :][:FLIP_SIDE, :FLIP_SIDE]))
    return Tiles.join(parts).estimate(seed=seed)


def _strips(height: int) -> Iterator[slice]:
    return (slice(top, min(top + STRIP, height)) for top in range(0, height, STRIP))


def _spread(height: int, width: int, count: int) -> list[tuple[int, int]]:
    """Top left corners of about `count` squares (never more) spread evenly over a picture."""
    most = max(1, height // FLIP_SIDE), max(1, width // FLIP_SIDE)
    rows = min(most[0], max(1, int(math.sqrt(count * height / width))))
    columns = min(most[1], max(1, count // rows))
    ys, xs = ((np.arange(n) + 0.5) / n * size - FLIP_SIDE / 2 for n, size in ((rows, height), (columns, width)))
    return [(max(0, int(y)), max(0, int(x))) for y in ys for x in xs]


def _color(pixels: NDArray[np.generic]) -> Float64:
    given = values(pixels)
    return given if given.ndim == 3 else np.repeat(given[..., None], 3, 2)


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

