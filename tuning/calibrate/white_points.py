"""A camera's white-balance curve: its neutrals over the colour temperature of the light."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from isp.color.white_curve import WhiteCurve
from isp.errors import NumericError, UsageError
from isp.values import Float64, frozen
from reports.estimate import NORMAL, Estimate, Measured, mean_of
from tuning.calibrate.color_result import ColorFit
from tuning.calibrate.lights import temperature_of

if TYPE_CHECKING:
    from scipy.interpolate import CubicSpline

_STEP = 20.0
"""Most between rows of the curve [1e6/K]: the stage's cubics then follow the smooth curve to 0.01 degrees."""
_STIFFNESS = np.geomspace(1e-4, 1e4, 17)
"""Weights of the curvature that are tried [per (100 mired)^3]."""
_SPAN = 100.0
_OFF = 0.75
"""Degrees from which a light is named: half of what colour constancy at its best leaves (1.5, NUS-8)."""


@dataclass(frozen=True)
class WhiteBalance(Measured):
    """Neutrals of a camera over colour temperature.

    Parameters
    ----------
    curve : (M, 3) float64
        Rows of temperature [K], R/G, B/G, temperatures rising: `white_balance.curve`.
    neutrals : mapping of colour temperature [K] to (3,) float64
        As measured, green 1.
    residual : mapping of colour temperature to Estimate [degrees]
        Angle between a measured neutral and the curve's at this temperature; the interval is of the neutral.
    left_out : mapping of colour temperature to Estimate [degrees]
        The same when the curve is drawn without this light; n.a. for the two at the ends, which only extrapolation
        could give.
    mean, worst : Estimate [degrees]
        Of `left_out`.
    transverse : (float, float)
        Farthest that a light lies across the curve in R/G and B/G: on the side of larger, and of smaller green.
    warnings : sentences
    """

    curve: Float64
    neutrals: Mapping[float, Float64]
    residual: Mapping[float, Estimate]
    left_out: Mapping[float, Estimate]
    mean: Estimate
    worst: Estimate
    transverse: tuple[float, float]
    warnings: tuple[str, ...] = ()

    def neutral(self, temperature: float) -> Float64:
        """(3,) camera RGB of a neutral object under a light [K], largest 1, as the stage has it."""
        return WhiteCurve(self.curve).neutral(temperature)

    def stage_value(self, digits: int = 5) -> list[list[float]]:
        """`white_balance.curve`."""
        return [[round(row[0], 1), *(round(v, digits) for v in row[1:])] for row in self.curve.tolist()]


def white_balance(greys: Mapping[float, ColorFit] | Mapping[float | str, ColorFit | ArrayLike]) -> WhiteBalance:
    """The white-balance curve of a camera.

    Parameters
    ----------
    greys : mapping of light to camera RGB or ColorFit
        A light is its correlated colour temperature [K] or a name (``A``, ``D65``, ``2856K``). Camera RGB is (3,), or
        (N, 3) of several greys, linear, without black level, not balanced. The neutral of a `ColorFit` is a chart's
        greys without the veil and without what they lack in neutrality: ``white_balance(color_matrices(...).fits)``.
        Two lights or more.

    Returns
    -------
    WhiteBalance

    Raises
    ------
    UsageError
        Fewer than two lights, two of one temperature, or arrays of another shape.
    NumericError
        A grey that is not finite and above 0, or lights of which the warmer have not more R/G and less B/G, as every
        camera has.

    Notes
    -----
    log R/G and log B/G are natural cubic splines in the reciprocal temperature. For narrow channels under black bodies
    they are straight there (Wien: log E = const - c2 / (lambda T); Finlayson, Hordley, IEEE Trans. Image Process. 10
    (2001) 1604), so what bends is measured against what must: the weight of the curvature is the one with the least
    error on lights left out in turn, of those that keep R/G rising and B/G falling with 1/T all the way. A light far
    from the locus (fluorescent) moves the curve less the stiffer it is; how far it stays off is `residual`.
    """
    if len(greys) < 2:
        raise UsageError(f"white balance: {len(greys)} light; a curve needs 2 or more")
    by_light: dict[float | str, ColorFit | ArrayLike] = {light: value for light, value in greys.items()}
    named = sorted(by_light, key=temperature_of)
    ccts = np.array([temperature_of(light) for light in named])
    if (np.diff(ccts) <= 0).any():
        raise UsageError(f"white balance: two lights of one temperature among {ccts.round().tolist()} K")
    logs, spread = (np.array(v) for v in zip(*(_log_ratios(light, by_light[light]) for light in named), strict=True))
    mired = 1e6 / ccts
    weight = _chosen(mired, logs)
    curve = _rows(mired, _spline(mired, logs, weight))
    drawn = WhiteCurve(curve)
    neutrals = np.insert(np.exp(logs), 1, 1.0, axis=1)
    residual = {
        float(c): _with_interval(_angle(n, drawn.neutral(c)), n, s)
        for c, n, s in zip(ccts, neutrals, spread, strict=True)
    }
    left_out = {float(c): Estimate.missing("at an end of the curve", "degrees") for c in ccts}
    for k in range(1, len(ccts) - 1):
        rest = np.arange(len(ccts)) != k
        other = WhiteCurve(_rows(mired[rest], _spline(mired[rest], logs[rest], _chosen(mired[rest], logs[rest]))))
        left_out[float(ccts[k])] = _with_interval(_angle(neutrals[k], other.neutral(ccts[k])), neutrals[k], spread[k])
    inner = [float(e) for e in left_out.values() if e.known]
    mean = worst = Estimate.missing(f"{len(ccts)} lights; 3 are needed to leave one out", "degrees")
    if inner:
        mean, worst = mean_of(inner, "degrees"), Estimate(max(inner), unit="degrees", reason="the largest of some")
    lines = [
        f"{c:.0f} K: the light lies {e:.1f} degrees off the curve, which no temperature corrects"
        for c, e in residual.items() if e > _OFF
    ]  # fmt: skip
    return WhiteBalance(
        frozen(curve), {float(c): frozen(n) for c, n in zip(ccts, neutrals, strict=True)}, residual, left_out, mean,
        worst, _transverse(drawn, mired, np.exp(logs)), tuple(lines),
    )  # fmt: skip


def _log_ratios(light: float | str, value: ColorFit | ArrayLike) -> tuple[Float64, Float64]:
    """log R/G and log B/G (2,) of a grey, and their standard errors (2,): NaN where not known."""
    if isinstance(value, ColorFit):
        own, error = value.neutral, value.neutral_deviation / value.neutral
        return np.log(own[[0, 2]] / own[1]), np.hypot(error[[0, 2]], error[1])
    given = np.atleast_2d(np.asarray(value, np.float64))
    if given.ndim != 2 or given.shape[1] != 3 or not len(given):
        raise UsageError(f"white balance, light {light}: camera RGB of shape {given.shape} must be (3,) or (N, 3)")
    if not np.isfinite(given).all() or given.min() <= 0:
        raise NumericError(f"white balance, light {light}: a grey that is not finite and above 0 in all colours")
    logs = np.log(given[:, [0, 2]] / given[:, 1:2])
    n = len(logs)
    return logs.mean(axis=0), logs.std(axis=0, ddof=1) / np.sqrt(n) if n > 2 else np.full(2, np.nan)


def _spline(mired: Float64, logs: Float64, weight: float) -> CubicSpline:
    """Natural cubic splines that minimise squared misses plus `weight` times the integral of squared curvature."""
    from scipy.interpolate import CubicSpline

    x, y = mired[::-1] / _SPAN, logs[::-1]
    if len(x) > 2:
        # Reinsch (1967) with the second derivatives of natural splines through unit vectors
        unit = CubicSpline(x, np.eye(len(x)), bc_type="natural")
        bends = unit(x, 2)
        step = np.diff(x)
        form = np.zeros((len(x), len(x)))
        for h, a, b in zip(step, bends[:-1], bends[1:], strict=True):
            form += h / 3 * (np.outer(a, a) + np.outer(b, b) + (np.outer(a, b) + np.outer(b, a)) / 2)
        y = np.asarray(np.linalg.solve(np.eye(len(x)) + weight * form, y))
    return CubicSpline(x, y, bc_type="natural")


def _chosen(mired: Float64, logs: Float64) -> float:
    if len(mired) < 3:
        _check_monotone(_spline(mired, logs, 0.0), mired)
        return 0.0
    best, least = None, np.inf
    for weight in _STIFFNESS:
        if not _monotone(_spline(mired, logs, float(weight)), mired):
            continue
        miss = _left_out_error(mired, logs, float(weight))
        if miss < least:
            best, least = float(weight), miss
    if best is None:
        _check_monotone(_spline(mired, logs, float(_STIFFNESS[-1])), mired)
        return float(_STIFFNESS[-1])
    return best


def _left_out_error(mired: Float64, logs: Float64, weight: float) -> float:
    total = 0.0
    for k in range(1, len(mired) - 1):
        rest = np.arange(len(mired)) != k
        total += float(((_spline(mired[rest], logs[rest], weight)(mired[k] / _SPAN) - logs[k]) ** 2).sum())
    return total


def _monotone(spline: CubicSpline, mired: Float64) -> bool:
    """True if R/G rises and B/G falls with 1/T."""
    slope = spline(np.linspace(mired.min(), mired.max(), 200) / _SPAN, 1)
    return bool((slope[:, 0] > 0).all() and (slope[:, 1] < 0).all())


def _check_monotone(spline: CubicSpline, mired: Float64) -> None:
    if not _monotone(spline, mired):
        raise NumericError(
            "white balance: R/G does not rise, or B/G does not fall, from cold light to warm; check which greys are of "
            "which light"
        )


def _rows(mired: Float64, spline: CubicSpline) -> Float64:
    """(M, 3) rows of the curve at the lights and between them."""
    counts = [max(int(np.ceil((warm - cold) / _STEP)), 1) for warm, cold in pairwise(mired)]
    places = [np.linspace(*ends, n, endpoint=False) for ends, n in zip(pairwise(mired), counts, strict=True)]
    at = np.concatenate([*places, mired[-1:]])
    return np.column_stack([1e6 / at, np.exp(spline(at / _SPAN))])


def _angle(one: Float64, two: Float64) -> float:
    cosine = one @ two / np.linalg.norm(one) / np.linalg.norm(two)
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))


def _with_interval(angle: float, neutral: Float64, spread: Float64) -> Estimate:
    """The angle with what the standard errors of the logarithms make of it."""
    if not np.isfinite(spread).all():
        return Estimate(angle, unit="degrees", reason="the scatter of the neutral is not known")
    off = NORMAL * float(np.degrees(np.hypot(*(spread * neutral[[0, 2]])) / np.linalg.norm(neutral)))
    return Estimate(angle, (max(angle - off, 0.0), angle + off), "degrees")


def _transverse(curve: WhiteCurve, mired: Float64, ratios: Float64) -> tuple[float, float]:
    """Distances to the curve's nearest point; a light that is greener lies nearer to black than the curve."""
    away = []
    for pair in ratios:
        neutral = curve.neutral(curve.temperature([pair[0], 1.0, pair[1]]))
        near = neutral[[0, 2]] / neutral[1]
        gap = pair - near
        away.append(float(np.hypot(*gap) * np.sign(-gap.sum())))
    return max([*away, 0.0]), max([*(-v for v in away), 0.0])
