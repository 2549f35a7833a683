"""A look from pairs of pictures before and after: fitted, held against what was held back, and chosen in words."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isp.errors import NumericError, UsageError
from isp.io.cube import Cube, write_cube
from isp.values import Float64, frozen
from reports.estimate import Measured
from tuning.look import held_back
from tuning.look.held_back import ROUGH, SEEN, Look, LookScore
from tuning.look.lattice import Samples, coverage, deviation, monotone, smooth_table
from tuning.look.look_pairs import Given, Pair, explained, read_pair
from tuning.look.parametric_look import ParametricLook, fitted
from tuning.look.tetrahedra import looked_up

SIZES = (17, 33, 65)
"""Points a side that tables may have."""
_LEAST_EXPLAINED = 0.5
"""Share of the variance that any look explains of a pair of one scene; two scenes share a fifth, by chance."""
_LEAST_SEEN = 8
"""Fewest points of a table of 9 a side that pictures must touch."""
MODELS = ("lut", "parametric")


@dataclass(frozen=True)
class LookFit(Measured):
    """A fitted look.

    Parameters
    ----------
    model : str
        ``lut`` or ``parametric``: which of the two `cube` is.
    reason : str
        Why, in a sentence.
    cube : Cube
        The look as a table over sRGB code values, for `isp.io.cube.write_cube` and the stage `look_lut`.
    lut : Cube
        The fitted table, whichever was chosen.
    parametric : ParametricLook
    scores : mapping of ``lut``, ``parametric`` and ``none`` (the picture before) to LookScore
        On what was held back: each pair in turn, or parts of a single one.
    coverage : (n, n, n) float64
        Pixels that each point of the table [blue, green, red] answers for.
    deviation : (n, n, n) float64
        Standard deviation of each point of the fitted table, in code values; NaN where no pixel was seen.
    smoothness : float
        Weight of the second differences.
    shifts : tuple of (down, right) by which each `after` was moved [px].
    warnings : sentences
    """

    model: str
    reason: str
    cube: Cube
    lut: Cube
    parametric: ParametricLook
    scores: Mapping[str, LookScore]
    coverage: Float64 = field(repr=False)
    deviation: Float64 = field(repr=False)
    smoothness: float
    shifts: tuple[tuple[float, float], ...]
    warnings: tuple[str, ...] = ()

    @property
    def seen(self) -> float:
        """Share of the table's points that some pixel touched, 0..1."""
        return float(np.mean(self.coverage >= SEEN))

    def apply(self, rgb: ArrayLike) -> Float64:
        """sRGB code values (..., 3) in 0..1 with the chosen look."""
        return _table_of(self.cube, np.asarray(rgb, np.float64))

    def write(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """The chosen look as a ``.cube`` file."""
        write_cube(self.cube, path, overwrite=overwrite)

    def stage_values(self) -> dict[str, Any]:
        """Parameters of the stage `look_lut`, behind `tone_curve`."""
        return {"file": self.cube, "space": "srgb", "transfer": "srgb"}


def fit_look(
    pairs: Sequence[tuple[Given, Given]], *, size: int = 33, model: str = "auto", smoothness: float | None = None,
    keep_monotone: bool = True, register: bool = True, title: str = "", seed: int = 0,
) -> LookFit:  # fmt: skip
    """Fit a look to pictures before and after it.

    Parameters
    ----------
    pairs : sequence of (before, after)
        Files, `Picture`s or arrays (H, W, 3) of the same size: sRGB code values, as integers or floats in 0..1.
        `before` may be a rendering of our own.
    size : int
        Points a side of the table: 17, 33 or 65.
    model : str
        ``lut``, ``parametric``, or ``auto``: the better on what is held back.
    smoothness : float, optional
        Weight of the table's second differences; by default the best of four on what is held back.
    keep_monotone : bool
        No channel of the table falls where its own input rises.
    register : bool
        Undo a shift between before and after.
    title : str
        Of the ``.cube`` file.
    seed : int
        Of the draws in the parametric fit, the uncertainties and the intervals.

    Raises
    ------
    UsageError, InputError
        No pairs, an option that cannot be, pictures that differ in size or cannot be read.
    NumericError
        The look cannot be found: another scene, a picture of a single colour.
    """
    if size not in SIZES:
        raise UsageError(f"size {size} of a look is not allowed; allowed: {', '.join(map(str, SIZES))}")
    if model not in ("auto", *MODELS):
        raise UsageError(f"model {model!r} of a look is not known; models: auto, {', '.join(MODELS)}")
    if smoothness is not None and not 0 < smoothness < 1e6:
        raise UsageError(f"smoothness {smoothness} of a look must be above 0 and below 1000000")
    if not pairs:
        raise UsageError("no pairs of pictures to fit a look to")
    read = [read_pair(b, a, f"pair {i}", register=register) for i, (b, a) in enumerate(pairs, 1)]
    samples, folds = held_back.with_parts(read)
    _check(read, samples)
    best = held_back.least_smooth(folds) if smoothness is None else smoothness
    scores = {
        "lut": held_back.judged(read, folds, lambda part: _as_table(part, size, best, keep_monotone)),
        "parametric": held_back.judged(read, folds, lambda part: fitted(part, seed).apply),
        "none": held_back.judged(read, folds, lambda part: lambda rgb: rgb),
    }
    free = smooth_table(samples, size, best)
    table = np.clip(monotone(free) if keep_monotone else free, 0.0, 1.0)
    parametric = fitted(samples, seed)
    covered = coverage(samples, size)
    seen = covered >= SEEN
    spread = deviation(samples, free, best, seed) * held_back.inflation(samples, folds[0], best, seed)
    spread = np.where(seen, spread, np.nan)
    chosen, reason = held_back.choice(scores) if model == "auto" else (model, f"{model} was asked for")
    lut = Cube(table=table.astype(np.float32), title=title)
    cube = lut if chosen == "lut" else Cube(table=parametric.cube(size).table, title=title)
    return LookFit(
        chosen, reason, cube, lut, parametric, scores, frozen(covered), frozen(spread), best,
        tuple(p.shift for p in read), tuple(_warnings(scores[chosen], samples, free, table, seen, spread)),
    )  # fmt: skip


def _check(pairs: Sequence[Pair], samples: Samples) -> None:
    if int((coverage(samples, 9) >= SEEN).sum()) < _LEAST_SEEN:
        raise NumericError("the pictures before the look show too few colours to tell a look from")
    table = smooth_table(samples, ROUGH, held_back.SMOOTHNESS[1])
    for pair in pairs:
        share = explained(pair, looked_up(table, pair.before))
        if share < _LEAST_EXPLAINED:
            raise NumericError(
                f"{pair.name}: no look explains more than {max(share, 0):.0%} of the picture after by the colours "
                "before; are they the same scene?"
            )


def _as_table(samples: Samples, size: int, smoothness: float, keep_monotone: bool) -> Look:
    table = smooth_table(samples, size, smoothness)
    table = np.clip(monotone(table) if keep_monotone else table, 0.0, 1.0)
    return lambda rgb: looked_up(table, rgb)


def _table_of(cube: Cube, rgb: Float64) -> Float64:
    if cube.table is None:
        raise UsageError("a look without a three-dimensional table")
    return looked_up(cube.table, rgb)


def _warnings(
    score: LookScore, samples: Samples, free: Float64, table: Float64, seen: NDArray[np.bool_], spread: Float64
) -> list[str]:
    lines = []
    if seen.mean() < 0.02:
        lines.append(f"the pictures touch {seen.mean():.1%} of the table's points; elsewhere the look is a guess")
    moved = np.abs(table - np.clip(free, 0, 1)).max(axis=-1)
    against = int((seen & (moved > np.maximum(3 * spread, 2 / 255))).sum())
    if against:
        lines.append(f"{against} points that pictures touch were made monotone against them; see keep_monotone")
    if float(score.delta_e) > 2:
        error = float(score.delta_e)
        lines.append(f"CIEDE2000 {error:.1f} on what was held back: noise, or more than a change of colours")
    light = samples.before.mean(axis=1)
    low, high = float(light.min()), float(light.max())
    if low > 0.1 or high < 0.9:
        lines.append(f"the pictures hold tones of {low:.2f}..{high:.2f} only; beyond, the look is a guess")
    return lines
