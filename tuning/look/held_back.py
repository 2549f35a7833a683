"""What a look is judged on: pictures, or parts of one, that it was not fitted to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isp.color.transfer import decoded
from isp.values import Float64
from reports.estimate import Estimate, Measured, difference
from reports.light import to_lab
from reports.metrics.color_difference import delta_e_2000
from reports.metrics.similarity import psnr_of, squared_error_tiles
from reports.metrics.tiles import TILE, Tiles
from tuning.look.lattice import Samples, coverage, deviation, smooth_table
from tuning.look.look_pairs import Pair, gathered, samples_of, weighed
from tuning.look.tetrahedra import looked_up

SMOOTHNESS = (0.01, 0.1, 1.0, 10.0)
"""Weights of the second differences that are tried."""
SEEN = 1.0
"""Pixels from which a point of a table counts as seen."""
ROUGH = 17
"""Points a side of tables that only weigh or compare."""
_VISIBLE = 0.1
"""CIEDE2000 below which nothing is left to gain."""
_AS_NEAR = 1.02
"""Ratio of squared errors that counts as equal."""
_ROUNDS = 3
"""Of robust weights."""
_MEDIAN_SQUARE = 0.789
"""Median of the mean of three squared normal variables."""

Look = Callable[[Float64], Float64]
"""From code values (N, 3) to code values."""


@dataclass(frozen=True)
class LookScore(Measured):
    """How near a look comes to pictures it was not fitted to.

    Parameters
    ----------
    psnr : Estimate [dB]
        Over sRGB code values.
    delta_e : Estimate
        Mean CIEDE2000.
    """

    psnr: Estimate
    delta_e: Estimate


@dataclass(frozen=True)
class Fold:
    """A part that is held back: where it is in each picture, its colours, and those of the rest."""

    held: list[NDArray[np.bool_]]
    colours: Samples
    rest: Samples


def with_parts(pairs: Sequence[Pair]) -> tuple[Samples, list[Fold]]:
    """All colours with robust weights, and the parts to hold back."""
    pixels, slope = samples_of(pairs)
    weight = np.ones(len(slope))
    for _ in range(_ROUNDS):
        table = smooth_table(gathered(pixels, weight), ROUGH, SMOOTHNESS[1])
        weight = weighed(pixels, slope, table)
    samples = gathered(pixels, weight)
    folds = []
    for held in _parts(pairs):
        flat = np.concatenate([h.ravel() for h in held])
        inside, outside = (
            gathered(Samples(pixels.before[k], pixels.after[k], pixels.weight[k]), weight[k]) for k in (flat, ~flat)
        )
        folds.append(Fold(held, inside, outside))
    return samples, folds


def _parts(pairs: Sequence[Pair]) -> list[list[NDArray[np.bool_]]]:
    """What is held back in turn: each pair, or alternate tiles of a single one."""
    if len(pairs) > 1:
        return [[np.full(p.slope.shape, i == k) for i, p in enumerate(pairs)] for k in range(len(pairs))]
    height, width = pairs[0].slope.shape
    side = min(TILE, max(height, width) // 4)
    board = (np.arange(height)[:, None] // side + np.arange(width) // side) % 2 == 0
    return [[board], [~board]]


def least_smooth(folds: Sequence[Fold]) -> float:
    """The smallest smoothness whose table, fitted to the rest, is as near to what is held back as the best one's."""

    def missed(smoothness: float) -> float:
        total = 0.0
        for fold in folds:
            table = smooth_table(fold.rest, ROUGH, smoothness)
            left = np.mean((looked_up(table, fold.colours.before) - fold.colours.after) ** 2, axis=1)
            total += float(fold.colours.weight @ left)
        return total

    errors = [missed(s) for s in SMOOTHNESS]
    return next(s for s, error in zip(SMOOTHNESS, errors, strict=True) if error <= _AS_NEAR * min(errors))


def inflation(samples: Samples, fold: Fold, smoothness: float, seed: int) -> float:
    """By how much tables of disjoint pictures differ beyond what the wild bootstrap says of them; at least 1.

    What neighbouring pixels share (blocks of JPEG, a shift that is left) counts as one error, not as many.
    """
    size = ROUGH
    both = [fold.colours, fold.rest]
    seen = np.min([coverage(part, size) for part in both], axis=0) >= SEEN
    if not seen.any():
        return 1.0
    tables = [smooth_table(part, size, smoothness) for part in both]
    share = both[0].weight.sum() / sum(part.weight.sum() for part in both)
    apart = np.mean((tables[0] - tables[1]) ** 2, axis=-1)[seen] * share * (1 - share)
    stated = deviation(samples, smooth_table(samples, size, smoothness), smoothness, seed)[seen] ** 2
    return float(max(1.0, np.sqrt(np.median(apart / np.maximum(stated, 1e-12)) / _MEDIAN_SQUARE)))


def judged(pairs: Sequence[Pair], folds: Sequence[Fold], fit: Callable[[Samples], Look]) -> LookScore:
    shown = [p.before.copy() for p in pairs]
    for fold in folds:
        look = fit(fold.rest)
        for picture, pair, held in zip(shown, pairs, fold.held, strict=True):
            if held.any():
                picture[held] = look(pair.before[held])
    errors = [squared_error_tiles(np.clip(s, 0, 1), p.after) for s, p in zip(shown, pairs, strict=True)]
    colours = [Tiles.of(delta_e_2000(_lab(s), _lab(p.after))) for s, p in zip(shown, pairs, strict=True)]
    return LookScore(psnr_of(errors), Tiles.join(colours).estimate())


def _lab(rgb: Float64) -> Float64:
    return to_lab(decoded(rgb, "srgb"))


def choice(scores: Mapping[str, LookScore]) -> tuple[str, str]:
    lut, few = scores["lut"].delta_e, scores["parametric"].delta_e
    gap = difference(lut, few)
    if not few > _VISIBLE:
        return "parametric", f"the table does not earn its place: the parameters are right to CIEDE2000 {few:.2f}"
    text = f"CIEDE2000 {float(lut):.2f} of the table against {float(few):.2f} of the parameters on what was held back"
    if gap.sure and gap.interval[0] > 0:
        return "lut", f"the table is better: {text}"
    if gap.sure and gap.interval[1] < 0:
        return "parametric", f"the parameters are better: {text}"
    return "parametric", f"the table does not earn its place: {text}, which chance may explain"
