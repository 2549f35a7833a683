"""Noise model over ISO from pairs of frames, or from single ones: variance S x + O of linear values."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isp.errors import NumericError, UsageError
from isp.values import Float64, NoiseModel, RawFrame, frozen
from reports.estimate import NORMAL, Estimate, Measured
from tuning.calibrate.planes import check_alike, linear_planes, span_of, tiles

Scene = RawFrame | Sequence[RawFrame]
"""One frame, or several of one scene at one exposure."""
TILE = 32
"""Side of the squares in which mean and variance are taken [px of one colour]."""
HIDDEN = 0.35
"""Variance below which rounding bends the noise by more than about 1 % [DN²]: of a rounded normal variable the variance
differs from sigma² + 1/12 by up to (4 sigma² + 1/pi²) exp(-2 pi² sigma²) (B. Widrow, I. Kollar, "Quantization Noise",
Cambridge 2008, ch. 4); EMVA 1288's limit of 0.24 DN² allows 14 %."""
EVEN = 0.53
"""Share of even codes from which frames count as rounded half to even: binned ones, means of a few codes. What rounding
does to noise then repeats every two codes, and hides four times as much."""
CUT = 4.0
"""Standard deviations that a tile must stay below white, so that none of its noise is clipped."""
OUTLIER = 3.5
"""Standard deviations of a tile's variance beyond which it shows texture or something that moved."""
_CORRELATED = 1.9444
"""Sum of squared autocorrelation of the second difference along one axis, (6, -4, 1) / 6 on either side: by how much
fewer independent values a filtered line holds."""
_LOW, _DEVIATION = 0.3, -0.5244
"""Share of tiles below the first model, and where a normal distribution has that share [standard deviations]."""
FEWEST = 12
"""Tiles below which no line is fitted."""
UNSURE = 0.25
"""Largest relative 95 % half-width of S: beyond it the levels are too alike to tell S from O."""


@dataclass(frozen=True)
class NoiseLevel:
    """The noise model at one ISO.

    Parameters
    ----------
    iso : float
    shot, read : mapping of site to Estimate
        S and O of ``R``, ``Gr``, ``Gb``, ``B`` (``Y`` of a mono sensor); O with rounding, as DNG's NoiseProfile has it.
    quantisation : float
        The part of O that rounding one code adds, 1/12 DN².
    mean, variance : (N,) float64
        Of the tiles of all colours, linear; `used` (N,) says which the fit took.
    prnu : Estimate
        Response spread of single frames, where it counts as noise; n.a. from pairs, in which it cancels.
    how : ``pairs``, ``single frames``
    """

    iso: float
    shot: Mapping[str, Estimate]
    read: Mapping[str, Estimate]
    quantisation: float
    mean: Float64 = field(repr=False)
    variance: Float64 = field(repr=False)
    used: NDArray[np.bool_] = field(repr=False)
    prnu: Estimate
    how: str

    @property
    def model(self) -> NoiseModel:
        """As a frame carries it. An O that came out below 0 by chance is 0."""
        shot, read = ([max(float(e), 0.0) for e in part.values()] for part in (self.shot, self.read))
        times = 4 // len(shot)
        return NoiseModel(tuple(shot * times), tuple(read * times))  # type: ignore[arg-type]


@dataclass(frozen=True)
class NoiseCalibration(Measured):
    """The noise model over ISO: S = a ISO + b, O = c ISO² + d, and the table it was fitted to.

    Parameters
    ----------
    levels : tuple of NoiseLevel, by rising ISO
    a, b, c, d : Estimate
        n.a. with fewer than two ISO.
    shot_residual, read_residual : mapping of ISO to float
        By how much the table's S and O (means over the colours) lie above the form [%]. Sensors that switch their
        conversion gain, or whose noise has a part proportional to the gain, do not follow it: use the table.
    """

    levels: tuple[NoiseLevel, ...]
    a: Estimate
    b: Estimate
    c: Estimate
    d: Estimate
    shot_residual: Mapping[float, float]
    read_residual: Mapping[float, float]

    def stage_value(self, digits: int = 4) -> Any:
        """`black_level.noise`: S and O of R, Gr, Gb, B, over `iso` where there are several."""
        plain = {
            level.iso: [[float(f"{v:.{digits}g}") for v in part] for part in (level.model.shot, level.model.read)]
            for level in self.levels
        }
        return next(iter(plain.values())) if len(plain) == 1 else {"iso": plain}

    def at(self, iso: float) -> NoiseModel:
        """The table at an ISO, its logarithms linear in log ISO; beyond its ends S goes as ISO and O as ISO²."""
        axis = np.log2([level.iso for level in self.levels])
        place, inside = math.log2(iso), float(np.clip(math.log2(iso), axis[0], axis[-1]))
        gain = 2.0 ** (place - inside)

        def between(name: str) -> Float64:
            rows = np.array([getattr(level.model, name) for level in self.levels])
            logs = np.log(np.maximum(rows, 1e-12))
            return np.exp([np.interp(inside, axis, logs[:, site]) for site in range(4)])

        return NoiseModel(tuple(between("shot") * gain), tuple(between("read") * gain**2))


def noise(scenes: Iterable[Scene], *, black: ArrayLike | None = None, tile: int = TILE) -> NoiseCalibration:
    """The noise model of a sensor from frames of anything.

    Parameters
    ----------
    scenes : iterable of RawFrame, or of sequences of frames
        Frames that stand together show one scene at one exposure: their differences hold nothing but noise, whatever
        they show. A frame on its own is filtered. Any number at each ISO, flats, charts, pictures; the more levels of
        light, the better. Where an ISO has pairs, its single frames are not used.
    black : float or (4,), optional
        Black level of R, Gr, Gb, B [DN], as `tuning.calibrate.black_level` finds it; what the frames say by default.
    tile : int
        Side of the tiles [px of one colour], 8 or more.

    Returns
    -------
    NoiseCalibration

    Raises
    ------
    UsageError
        No frames, a frame that says no ISO, frames of one scene that differ in size.
    NumericError
        No ISO has enough tiles at different levels that are neither saturated nor hidden by rounding.

    Notes
    -----
    Mean and variance of each tile; the variance is half of that of the difference of two frames. Of a single frame it
    is that of second differences along both axes, in which shading and edges along rows or columns vanish, the way of
    AOSP's noise model (camera ITS) with another filter; response non-uniformity is fitted there as a term in x² and
    noise common to a row is not seen. The line is fitted with the weights of the model itself, so that no level that
    came out low counts more, and tiles far off it are left out on either side: texture, motion, dust. Levels whose
    variance is below `HIDDEN` are left out. Intervals are those of the fit.
    """
    if tile < 8:
        raise UsageError(f"tile {tile} must be 8 px or more")
    grouped: dict[float, list[tuple[RawFrame, ...]]] = {}
    for scene in scenes:
        frames = (scene,) if isinstance(scene, RawFrame) else tuple(scene)
        check_alike(frames, "noise")
        iso = frames[0].info.iso
        if iso is None or any(frame.info.iso != iso for frame in frames):
            raise UsageError("noise: a frame says no ISO, or frames of one scene say different ones")
        grouped.setdefault(float(iso), []).append(frames)
    if not grouped:
        raise UsageError("noise: no frames given")
    levels, faults = [], []
    for iso, group in sorted(grouped.items()):
        try:
            levels.append(_level(iso, group, black, tile))
        except NumericError as error:
            faults.append(str(error))
    if not levels:
        raise NumericError("; ".join(faults))
    return NoiseCalibration(tuple(levels), *_over_iso(levels))


def _level(iso: float, group: list[tuple[RawFrame, ...]], black: ArrayLike | None, tile: int) -> NoiseLevel:
    several = [frames for frames in group if len(frames) > 1]
    chosen, power = (several, 1) if several else (group, 2)
    count = tile * tile if several else (tile - 2) ** 2 / _CORRELATED**2
    points: dict[str, list[Float64]] = {}
    span = span_of(chosen[0][0], black)
    hidden = _hidden(chosen) / span**2
    for frames in chosen:
        planes = [linear_planes(frame, black) for frame in frames]
        for name in planes[0]:
            found = points.setdefault(name, [])
            if len(frames) == 1:
                found.append(_filtered(planes[0][name], tile))
            for one, other in pairwise(planes):
                found.append(_difference(one[name], other[name], tile))
    shot, read, prnu, all_points, used = {}, {}, [], [], []
    for name, parts in points.items():
        table = np.concatenate(parts)
        values, covariance, keep = _line(table, count, hidden, power, f"noise at ISO {iso:g}, {name}")
        error = np.sqrt(np.diag(covariance))
        shot[name], read[name] = Estimate.normal(values[1], error[1]), Estimate.normal(values[0], error[0])
        prnu += [values[2]] if power == 2 else []
        all_points.append(table)
        used.append(keep)
    table = np.concatenate(all_points)
    spread = Estimate(math.sqrt(max(float(np.mean(prnu)), 0.0))) if prnu else Estimate.missing("cancels in pairs")
    return NoiseLevel(
        iso, shot, read, 1 / 12 / span**2, frozen(table[:, 0]), frozen(table[:, 1]),
        frozen(np.concatenate(used)), spread, "pairs" if several else "single frames",
    )  # fmt: skip


def _hidden(scenes: Sequence[tuple[RawFrame, ...]]) -> float:
    """Variance below which rounding hides the noise of these frames [DN²]."""
    codes = [frame.data[frame.data < frame.white] for frame, *_ in scenes]
    even = [float(np.mean(part % 2 == 0)) for part in codes if part.size]
    period = 2 if even and np.median(even) > EVEN else 1
    return (HIDDEN - 1 / 12) * period**2 + 1 / 12


def _difference(one: Float64, other: Float64, side: int) -> Float64:
    """(N, 3): mean, variance and largest value of the tiles of two frames."""
    a, b = tiles(one, side), tiles(other, side)
    top = np.maximum(a.max(-1), b.max(-1))
    return np.stack([(a.mean(-1) + b.mean(-1)) / 2, (a - b).var(-1, ddof=1) / 2, top], -1).reshape(-1, 3)


def _filtered(plane: Float64, side: int) -> Float64:
    """The same of one frame, by second differences along both axes."""
    across = plane[:, :-2] - 2 * plane[:, 1:-1] + plane[:, 2:]
    both = (across[:-2] - 2 * across[1:-1] + across[2:]) / 6
    # tiles of the filtered plane hold what lies wholly in tiles of the plane
    rows, columns = (n // side for n in plane.shape)
    held = np.full((rows * side, columns * side), np.nan)
    held[1:-1, 1:-1] = both[: rows * side - 2, : columns * side - 2]
    inner = tiles(held, side).reshape(rows, columns, side, side)[:, :, 1:-1, 1:-1].reshape(rows, columns, -1)
    whole = tiles(plane, side)
    return np.stack([whole.mean(-1), (inner**2).mean(-1), whole.max(-1)], -1).reshape(-1, 3)


def _line(
    table: Float64, count: float, hidden: float, power: int, what: str
) -> tuple[Float64, Float64, NDArray[np.bool_]]:
    """O, S (and the square of PRNU): values, covariance, tiles used."""
    x, y, top = table.T
    clear = (top < 1.0) & (x + CUT * np.sqrt(np.maximum(y, 0)) < 1.0)
    if clear.sum() < FEWEST:
        raise NumericError(f"{what}: {int(clear.sum())} tiles of {len(x)} are not saturated; {FEWEST} are needed")
    spread = math.sqrt(2 / count)
    design = np.vander(x, power + 1, increasing=True)
    model = _start(x, y, clear, spread)
    keep = clear
    for _ in range(12):
        keep = clear & (np.abs(y / model - 1) < OUTLIER * spread) & (model > hidden)
        if keep.sum() < FEWEST:
            raise NumericError(
                f"{what}: {int(keep.sum())} of {len(x)} tiles are neither saturated, textured nor hidden by rounding; "
                f"{FEWEST} are needed: add frames at other levels of light"
            )
        weight = 1 / (spread * model[keep])
        scaled = design[keep] * weight[:, None]
        values, *_ = np.linalg.lstsq(scaled, y[keep] * weight, rcond=None)
        after = np.maximum(design @ values, 1e-3 * hidden)
        if np.allclose(after, model, rtol=1e-7):
            break
        model = after
    residual = (y[keep] - design[keep] @ values) * weight
    excess = max(1.0, float(residual @ residual) / (keep.sum() - power - 1))
    covariance = np.linalg.pinv(scaled.T @ scaled) * excess
    if not values[1] > 0 or NORMAL * math.sqrt(covariance[1, 1]) > UNSURE * values[1]:
        raise NumericError(
            f"{what}: its levels of light, {x[keep].min():.3g} to {x[keep].max():.3g} of white, are too alike to tell "
            "S from O: add frames at other levels"
        )
    return values, covariance, keep


def _start(x: Float64, y: Float64, clear: NDArray[np.bool_], spread: float) -> Float64:
    """A first model, below most of the texture: the line with `_LOW` of the tiles below it.

    Quantile regression (Koenker, Bassett 1978) of relative residuals, by iterated weights.
    """
    from scipy.optimize import nnls

    # dark tiles lie a little below 0
    design = np.stack([np.ones_like(x), np.maximum(x, 0.0)], 1)
    model = np.full(x.shape, max(float(np.median(y[clear])), 1e-12))
    tilt = np.ones(x.shape)
    for _ in range(40):
        weight = np.sqrt(tilt[clear]) / model[clear]
        fit, _ = nnls(design[clear] * weight[:, None], y[clear] * weight)
        model = np.maximum(design @ fit, 1e-12)
        off = y / model - 1
        tilt = np.where(off > 0, _LOW, 1 - _LOW) / np.maximum(np.abs(off), spread / 4)
    return np.asarray(model / (1 + _DEVIATION * spread))


def _over_iso(levels: Sequence[NoiseLevel]) -> tuple[Estimate, Estimate, Estimate, Estimate, dict[float, float],
                                                     dict[float, float]]:  # fmt: skip
    """a, b, c, d and the residuals of both forms [%]."""
    iso = np.array([level.iso for level in levels])
    results: list[Estimate] = []
    residuals = []
    for name, axis in (("shot", iso), ("read", iso**2)):
        estimates = [list(getattr(level, name).values()) for level in levels]
        value = np.array([np.mean(row) for row in estimates])
        width = np.array([np.mean([e.interval[1] - e for e in row]) / math.sqrt(len(row)) for row in estimates])
        if len(levels) < 2:
            results += [Estimate.missing("one ISO only")] * 2
            residuals.append({float(iso[0]): 0.0})
            continue
        weight = NORMAL / width
        design = np.stack([axis, np.ones_like(axis)], 1) * weight[:, None]
        fit = np.linalg.lstsq(design, value * weight, rcond=None)[0]
        off = (value - fit[0] * axis - fit[1]) * weight
        excess = max(1.0, float(off @ off) / max(len(levels) - 2, 1))
        error = np.sqrt(np.diag(np.linalg.pinv(design.T @ design)) * excess)
        results += [Estimate.normal(float(f), float(e)) for f, e in zip(fit, error, strict=True)]
        line = fit[0] * axis + fit[1]
        residuals.append({float(i): 100 * (v / t - 1) if t else math.inf
                          for i, v, t in zip(iso, value, line, strict=True)})  # fmt: skip
    return results[0], results[1], results[2], results[3], residuals[0], residuals[1]
