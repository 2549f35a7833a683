"""A reference brought onto the grid of the picture that a profile develops: orientation, size, shift, small warps.

Both are compared as local contrast: luma less its mean over a neighbourhood, over its deviation there. That does not
see exposure, tone or (much) colour, so a picture can be registered before it is fitted. The displacement is measured in
blocks by phase correlation (M. Guizar-Sicairos et al., Optics Letters 33 (2008) 156, as scikit-image has it), each
weighted by how well the block then agrees, and a polynomial of place is fitted to it: 6 numbers, or 12 where there are
blocks enough for a warp of second order. Repeated until it stays where it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isp.errors import NumericError
from isp.values import Float32, Float64

SAME = 0.5
"""Correlation of local contrast below which two pictures show different scenes. Registered pairs of one scene have 0.8
and more (camera JPEG against our own), different ones below 0.2."""
STILL = 0.08
"""Displacement below which the reference is left as it is [px]: resampling would cost it more than it gains."""
WORTH = 0.8
"""What must be left of the difference in local contrast for a displacement to be undone: differences of tone alone look
like shifts of up to a fifth of a pixel."""
MOST = 0.1
"""Largest displacement, as a share of the picture's sides."""
_BLOCKS = (48, 128)
"""Least and largest side of a block [px]; a quarter of the picture's shorter side in between."""
_ROUNDS = 5
_SIGMA = 4.0
"""Size of the neighbourhood [px]."""


@dataclass(frozen=True)
class Registered:
    """A reference on the picture's grid.

    Attributes
    ----------
    planes : (3, H, W) float32 code values
    inside : (H, W) bool, where the reference has a value
    likeness : correlation of local contrast, -1..1
    displacement : largest one that was undone [px]; 0 where the reference was left as it is
    """

    planes: Float32
    inside: NDArray[np.bool_]
    likeness: float
    displacement: float


def register(reference: Float32, picture: Float32, name: str, *, move: bool = True) -> Registered:
    """Bring `reference` (3, h, w) onto the grid of `picture` (3, H, W).

    Parameters
    ----------
    reference, picture : code values; alike in contrast at least
    name : of the reference, for messages
    move : False to take the reference as it lies; its size must be the picture's

    Raises
    ------
    NumericError
        They show different scenes, or their sizes do not match.
    """
    shape = picture.shape[1:]
    here = _contrast(picture)
    field = _scaled(reference.shape[1:], shape, name, move)
    planes, inside = (reference, np.ones(shape, np.bool_)) if field is None else _sampled(reference, field)
    start = field if field is not None else np.indices(shape, np.float64)
    total = np.zeros((2, *shape))
    if move:
        for number in range(_ROUNDS):
            # the first is one shift for all, which may be larger than a block
            side = min(shape) if number == 0 else int(np.clip(min(shape) // 4, *_BLOCKS))
            step = _displacement(here, _contrast(planes), inside, min(side, *shape))
            if step is None or float(np.abs(step).max()) < STILL:
                if number == 0:
                    continue
                break
            total += step
            if float(np.abs(total).max()) > MOST * max(shape):
                break
            planes, inside = _sampled(reference, _composed(start, total))
    likeness = _likeness(here, _contrast(planes), inside)
    if field is None and total.any():
        still = _likeness(here, _contrast(reference), np.ones(shape, np.bool_))
        if 1 - likeness > WORTH * (1 - still):
            planes, inside, likeness, total = reference, np.ones(shape, np.bool_), still, np.zeros_like(total)
    if not likeness >= SAME:
        raise NumericError(f"{name} shows another scene than its raw: local contrast correlates by {likeness:.2f} "
                           f"after registration, and {SAME} is needed; check the pair")
    return Registered(planes.astype(np.float32), inside, likeness, float(np.abs(total).max()))


def _scaled(given: tuple[int, ...], wanted: tuple[int, ...], name: str, move: bool) -> Float64 | None:
    """Where each pixel lies in a reference of another size, centres on centres; None for the same size."""
    if given == wanted:
        return None
    scales = [g / w for g, w in zip(given, wanted, strict=True)]
    scale = float(np.mean(scales))
    if not move or abs(scales[0] / scales[1] - 1) > 0.05:
        raise NumericError(f"{name} is {given[1]} x {given[0]}, its raw develops to {wanted[1]} x {wanted[0]}: not the "
                           "same picture, nor one scaled")
    # one scale for both axes, nearest to 1 where the difference is a cropped border
    scale = 1.0 if max(abs(g - w) for g, w in zip(given, wanted, strict=True)) <= 64 else scale
    rows, columns = np.indices(wanted, np.float64)
    return np.stack([
        (rows - (wanted[0] - 1) / 2) * scale + (given[0] - 1) / 2,
        (columns - (wanted[1] - 1) / 2) * scale + (given[1] - 1) / 2,
    ])


def _composed(start: Float64, displacement: Float64) -> Float64:
    """`start` at displaced places; both are smooth, so `start` goes on as a straight line."""
    slopes = [(start[axis].take(-1, axis) - start[axis].take(0, axis)).mean() / (start.shape[1 + axis] - 1)
              for axis in (0, 1)]
    return np.asarray(start + displacement * np.array(slopes)[:, None, None])


def _sampled(planes: Float32, field: Float64) -> tuple[Float32, NDArray[np.bool_]]:
    from scipy.ndimage import map_coordinates

    height, width = planes.shape[1:]
    inside = (field[0] >= 0) & (field[0] <= height - 1) & (field[1] >= 0) & (field[1] <= width - 1)
    values = np.stack([map_coordinates(p, field, output=np.float32, order=3, mode="nearest") for p in planes])
    return np.clip(values, 0, 1), inside


def _contrast(planes: Float32) -> Float32:
    """Luma (Rec. 709 weights on code values) less its local mean, over its local deviation."""
    from scipy.ndimage import gaussian_filter

    luma = np.tensordot(np.array([0.2126, 0.7152, 0.0722], np.float32), planes, axes=1)
    # a little blur: noise and sharpening differ between the two
    luma = gaussian_filter(luma, 1.0)
    mean = gaussian_filter(luma, _SIGMA)
    power = gaussian_filter(np.square(luma - mean), _SIGMA)
    # two codes of 8 bits: below that, contrast is noise
    return np.asarray((luma - mean) / np.sqrt(power + np.float32((2 / 255) ** 2)))


def _likeness(here: Float32, there: Float32, inside: NDArray[np.bool_]) -> float:
    a, b = here[inside].astype(np.float64), there[inside].astype(np.float64)
    power = np.sqrt(np.sum(a * a) * np.sum(b * b))
    return float(np.sum(a * b) / power) if power > 0 else 0.0


def _displacement(here: Float32, there: Float32, inside: NDArray[np.bool_], side: int) -> Float64 | None:
    """(2, H, W) how far `there` must be moved at each pixel, from blocks of `side`; None where no block tells."""
    from skimage.registration import phase_cross_correlation

    height, width = here.shape
    places, moves, weights = [], [], []
    for top in _starts(height, side):
        for left in _starts(width, side):
            part = (slice(top, top + side), slice(left, left + side))
            if inside[part].mean() < 0.9:
                continue
            a, b = here[part], there[part]
            window = np.outer(np.hanning(side), np.hanning(side)).astype(np.float32)
            if float(np.mean(a * a)) < 0.02 or float(np.mean(b * b)) < 0.02:
                continue
            shift, _, _ = phase_cross_correlation(a * window, b * window, upsample_factor=20, normalization=None)
            places.append((top + (side - 1) / 2, left + (side - 1) / 2))
            # a shift moves `there` onto `here`: its value for a pixel lies the other way
            moves.append(-np.asarray(shift, np.float64))
            weights.append(_agreement(a, b, shift))
    if not places or max(weights) <= 0.2:
        return None
    return _smooth(np.array(places), np.array(moves), np.maximum(np.array(weights), 0.0) ** 2, here.shape)


def _starts(length: int, side: int) -> list[int]:
    # blocks overlap by half
    count = max(-(-2 * length // side) - 1, 1)
    return [round(i * (length - side) / max(count - 1, 1)) for i in range(count)]


def _agreement(a: Float32, b: Float32, shift: Float64) -> float:
    rows, columns = (round(float(s)) for s in shift)
    moved = np.roll(b, (rows, columns), (0, 1))
    edge = min(max(abs(rows), abs(columns)) + 1, min(a.shape) // 3)
    x, y = (v[edge : v.shape[0] - edge, edge : v.shape[1] - edge] for v in (a, moved))
    power = float(np.sqrt(np.sum(x * x, dtype=np.float64) * np.sum(y * y, dtype=np.float64)))
    return float(np.sum(x * y, dtype=np.float64)) / power if power > 0 else 0.0


def _smooth(places: Float64, moves: Float64, weights: Float64, shape: tuple[int, ...]) -> Float64:
    """A polynomial of place through the blocks' displacements, outliers left out twice."""
    size = np.array(shape) / 2
    for count in (6, 3, 1):  # terms per axis: second order, affine, a shift alone
        if len(places) >= 4 * count or count == 1:
            break
    keep = np.ones(len(places), bool)
    for _ in range(3):
        root = np.sqrt(weights * keep)[:, None]
        terms = _terms((places - size) / size, count)
        found = np.linalg.lstsq(terms * root, moves * root, rcond=None)[0]
        away = np.linalg.norm(moves - terms @ found, axis=1)
        limit = max(3 * float(np.median(away[keep])), 0.25)
        keep = away <= limit if (away <= limit).sum() >= max(count, 1) else keep
    rows, columns = np.indices(shape, np.float64)
    at = np.stack([(rows - size[0]) / size[0], (columns - size[1]) / size[1]], axis=-1)
    return np.moveaxis(_terms(at, count) @ found, -1, 0)


def _terms(at: Float64, count: int) -> Float64:
    y, x = at[..., 0], at[..., 1]
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y][:count], axis=-1)
