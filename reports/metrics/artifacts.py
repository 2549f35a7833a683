"""What demosaicing adds that was not there: zipper along edges, false colours in fine detail."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isp.errors import UsageError
from isp.values import Float32, Float64
from reports.estimate import Estimate, Measured
from reports.light import Encoding, linear, luminance, to_lab
from reports.metrics.tiles import Tiles, checked

NOTICEABLE = 2.3
"""CIE 1976 colour difference that is just noticed (Mahy, Van Eycken, Oosterlinck 1994), as Lu and Tan use it."""
EDGES = 0.2
"""Share of pixels, those of steepest luminance (of the square root of light), that count as edges."""
FAINT = 0.02
"""Steps of the square root of light below this are no edge, however many there are [of white, per pixel]."""
NEIGHBORHOOD = 5
"""Side of the square whose median colour difference is taken for the true one [px] (Maschal et al. 2010)."""

Window = tuple[slice, slice]


@dataclass(frozen=True)
class Zipper(Measured):
    """Pixels that stand out from the neighbour they were most like.

    Parameters
    ----------
    grown : Estimate
        Pixels whose difference to that neighbour grew by more than 2.3 [%].
    changed : Estimate
        Those where it changed by more than 2.3 either way, the measure of the paper [%].
    change : (H, W) float32
        By how much it grew [CIE 1976 dE]; negative where an edge was washed out.
    """

    grown: Estimate
    changed: Estimate
    change: Float32


@dataclass(frozen=True)
class FalseColor(Measured):
    """Colours near edges that should not be there.

    Parameters
    ----------
    chroma_error : Estimate
        Mean distance in the a*b* plane to the reference, over its edges [CIE 1976 dE]; n.a. without a reference.
    deviation : Estimate
        Mean of ((G-R) - median)^2 + ((G-B) - median)^2 over edges, as its square root [% of white]: needs no reference.
    error : (H, W) float32 or None
        Chroma error of every pixel.
    edges : (H, W) bool
    """

    chroma_error: Estimate
    deviation: Estimate
    error: Float32 | None
    edges: NDArray[np.bool_]


def zipper(
    picture: ArrayLike, reference: ArrayLike, *, encoding: Encoding = "linear", space: str = "srgb", seed: int = 0
) -> Zipper:
    """Zipper effect of a demosaiced picture (Lu and Tan, IEEE Transactions on Image Processing 12(10), 2003).

    Of every pixel's eight neighbours, the one most like it in the reference is found; the change of the difference
    (CIE 1976, D65) between these two is what is judged. Any other processing that is not in the reference (noise,
    sharpening) counts too.

    Parameters
    ----------
    picture, reference : (H, W, 3)
        Linear RGB, 1 is white, or as `encoding` says.
    encoding, space : str
        See `reports.light.linear`; `space` names the primaries.
    seed : int
        Of the resampling of tiles.

    Raises
    ------
    UsageError, NumericError
        Pictures of different size, not of three channels, or with values that are not finite.
    """
    labs = [_lab(p, encoding, space) for p in _colored(picture, reference)]
    least = np.full(labs[0].shape[:2], np.inf, np.float32)
    change = np.zeros_like(least)
    for here, there in _neighbors(least.shape):
        found, true = (np.sqrt(((lab[here] - lab[there]) ** 2).sum(-1)) for lab in labs)
        nearer = true < least[here]
        np.copyto(least[here], true, where=nearer)
        np.copyto(change[here], found - true, where=nearer)
    shares = [Tiles.of(100.0 * mask).estimate("%", seed) for mask in (change > NOTICEABLE, abs(change) > NOTICEABLE)]
    return Zipper(shares[0], shares[1], change)


def false_color(
    picture: ArrayLike,
    reference: ArrayLike | None = None,
    *,
    encoding: Encoding = "linear",
    space: str = "srgb",
    seed: int = 0,
) -> FalseColor:
    """False colours near edges, against a reference and without one.

    Against a reference: the mean chroma difference (CIE 1976) in the edge regions of the reference, as Lu and Tan
    (2003) judge edges apart from smooth parts. Without: around an edge the differences G-R and G-B are
    taken as constant, so what deviates from their median over 5 x 5 pixels is false (Maschal et al., ARL-TR-5061,
    2010); values are square roots of light, R and B scaled to G's mean. True edges between colours deviate too, so
    this one compares pictures of the same scene, and is near zero only on neutral detail.

    Parameters
    ----------
    picture, reference : (H, W, 3)
        Linear RGB, 1 is white, or as `encoding` says.
    encoding, space : str
        See `reports.light.linear`; `space` names the primaries.
    seed : int
        Of the resampling of tiles.

    Raises
    ------
    UsageError, NumericError
        Pictures of different size, not of three channels, or with values that are not finite.
    """
    given = _colored(picture, picture if reference is None else reference)
    one, two = (linear(p, encoding, space) for p in given)
    edges = _edges(two, space)
    if not edges.any():
        none = "the picture has no edges"
        return FalseColor(Estimate.missing(none, "dE"), Estimate.missing(none, "%"), None, edges)
    deviation = _root(_over(_deviation(one), edges).estimate("", seed))
    if reference is None:
        return FalseColor(Estimate.missing("needs a reference", "dE"), deviation, None, edges)
    gap = to_lab(one, space)[..., 1:] - to_lab(two, space)[..., 1:]
    error = np.hypot(gap[..., 0], gap[..., 1]).astype(np.float32)
    return FalseColor(_over(error, edges).estimate("dE", seed), deviation, error, edges)


def _colored(picture: ArrayLike, reference: ArrayLike) -> tuple[NDArray[np.generic], NDArray[np.generic]]:
    pair = checked(picture, reference)
    if pair[0].ndim != 3:
        raise UsageError(f"picture of shape {pair[0].shape} must be (H, W, 3): colour artefacts need colours")
    return pair


def _lab(pixels: NDArray[np.generic], encoding: Encoding, space: str) -> Float32:
    return np.asarray(to_lab(linear(pixels, encoding, space), space), np.float32)


def _neighbors(shape: tuple[int, ...]) -> Iterator[tuple[Window, Window]]:
    """For each of the eight neighbours: the pixels that have it, and where it is."""
    height, width = shape
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            if dx or dy:
                here = slice(max(0, -dy), height - max(0, dy)), slice(max(0, -dx), width - max(0, dx))
                yield here, (slice(max(0, dy), height + min(0, dy)), slice(max(0, dx), width + min(0, dx)))


def _edges(light: Float64, space: str) -> NDArray[np.bool_]:
    from scipy.ndimage import binary_dilation, gaussian_gradient_magnitude

    steep = gaussian_gradient_magnitude(np.sqrt(np.maximum(luminance(light, space), 0)), 1.0)
    return np.asarray(binary_dilation(steep > max(float(np.quantile(steep, 1 - EDGES)), FAINT)))


def _deviation(light: Float64) -> Float32:
    from scipy.ndimage import median_filter

    root = np.sqrt(np.maximum(light, 0))
    means = np.maximum(root.mean((0, 1)), 1e-6)
    total = np.zeros(root.shape[:2], np.float32)
    for channel in (0, 2):
        gap = (root[..., 1] - root[..., channel] * (means[1] / means[channel])).astype(np.float32)
        total += (gap - median_filter(gap, NEIGHBORHOOD)) ** 2
    return total


def _over(plane: Float32, mask: NDArray[np.bool_]) -> Tiles:
    """Tiles of the part of a map under a mask."""
    tiles = Tiles(Tiles.of(plane * mask).sums, Tiles.of(mask.astype(np.float32)).sums)
    held = tiles.counts > 0
    return Tiles(tiles.sums[held], tiles.counts[held])


def _root(square: Estimate) -> Estimate:
    low, high = (100 * np.sqrt(max(v, 0.0)) for v in square.interval)
    value = 100 * float(np.sqrt(square))
    if value == 0 or square.items is None:
        return Estimate(value, (low, high), "%", square.reason)
    # first-order shares of the root: their mean is the value
    return Estimate(value, (low, high), "%", square.reason, value * (1 + (square.items / float(square) - 1) / 2))
