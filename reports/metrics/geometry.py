"""Distortion from the places of a regular grid's points (ISO 17850)."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from isp.errors import NumericError, UsageError
from isp.values import Float64
from reports.estimate import CONFIDENCE, DRAWS, Estimate, Measured

FEWEST = 12
"""Points below which nothing is fitted: 13 numbers describe the grid and the lens."""
_RADII = np.linspace(0, 1, 201)


@dataclass(frozen=True)
class Distortion(Measured):
    """How far a picture bends straight lines.

    Local distortion is (H' - H) / H: H' is the distance of a point from the centre of distortion, H where it would lie
    if the whole picture had the scale of its centre. Negative is barrel, positive pincushion distortion.

    Parameters
    ----------
    worst : Estimate
        The local distortion of largest size within the picture, signed [%].
    corner : Estimate
        At half the diagonal [%].
    tv : Estimate
        SMIA TV distortion: by how much the sides of a rectangle that just fits into the picture are higher than its
        middle, 100 (A - B) / B [%]; twice the TV distortion of EBU and ISO 17850.
    k1, k2, k3 : Estimate
        r_scene = r (1 + k1 r^2 + k2 r^4 + k3 r^6), r the distance in the picture from the centre of distortion in
        halves of the diagonal (Brown 1971), as `sensors.Lens.distortion` and DNG's WarpRectilinear.
    center_x, center_y : Estimate
        Of distortion [px]; n.a. where distortion is too small to have one, and then the picture's middle is taken.
    residual : Estimate
        Root mean square distance of the points from the fit, along one axis [px].
    radius, local : (N,) float64
        Of each point: distance from the centre [halves of the diagonal], measured local distortion [%].
    points, straight : (N, 2) float64
        x, y of the points, and where they would lie without distortion [px].
    size : (width, height) [px]
    draws : (B, 3) float64
        Coefficients as likely as the fitted ones, for intervals.
    """

    worst: Estimate
    corner: Estimate
    tv: Estimate
    k1: Estimate
    k2: Estimate
    k3: Estimate
    center_x: Estimate
    center_y: Estimate
    residual: Estimate
    radius: Float64 = field(repr=False)
    local: Float64 = field(repr=False)
    points: Float64 = field(repr=False)
    straight: Float64 = field(repr=False)
    size: tuple[int, int]
    draws: Float64 = field(repr=False)

    def curve(self, radius: ArrayLike) -> Float64:
        """Fitted local distortion [%] at radii [halves of the diagonal]."""
        return local_distortion(np.array([self.k1, self.k2, self.k3]), np.asarray(radius, np.float64))


def local_distortion(k: Float64, radius: Float64) -> Float64:
    """(H' - H) / H [%] of Brown's coefficients k (..., 3) at radii in the picture (N,): (..., N)."""
    return np.asarray(100 / _factor(k, radius) - 100)


def distortion(centres: ArrayLike, indices: ArrayLike, size: tuple[int, int], *, terms: int = 3) -> Distortion:
    """Distortion of a picture of a regular grid (ISO 17850), such as `reports.charts.dots.find_dots` finds.

    The picture's points, straightened by Brown's polynomial, are fitted to the grid seen in perspective, which takes
    out how the chart was turned and tilted. Intervals are those of a least-squares fit with independent errors.

    Parameters
    ----------
    centres : (N, 2)
        x, y of the points [px]; the centre of the top left pixel is (0.5, 0.5).
    indices : (N, 2)
        Column and row of each point in the grid.
    size : (width, height)
        Of the picture [px].
    terms : 1..3
        How many of k1, k2, k3 are fitted; the others are 0.

    Returns
    -------
    Distortion
        Values are n.a. where fewer than 12 points, or fewer than 3 rows or columns, are given.

    Raises
    ------
    UsageError
        Shapes that do not fit together, `terms` or `size` that cannot be.
    NumericError
        Points that are not finite.
    """
    points, grid = np.asarray(centres, np.float64), np.asarray(indices, np.float64)
    if points.ndim != 2 or points.shape[1:] != (2,) or points.shape != grid.shape:
        raise UsageError(f"centres {points.shape} and indices {grid.shape} must both be (N, 2)")
    if terms not in (1, 2, 3) or min(size) < 1:
        raise UsageError(f"terms {terms} must be 1..3 and size {size} positive")
    if not (np.isfinite(points).all() and np.isfinite(grid).all()):
        raise NumericError("centres or indices hold values that are not finite")
    lines = [len(np.unique(grid[:, axis])) for axis in (0, 1)] if len(grid) else [0, 0]
    if len(points) < FEWEST or min(lines) < 3:
        return _missing(f"{len(points)} points in {lines[0]} columns and {lines[1]} rows are too few", points, size)
    return _fitted(points, grid, size, terms)


def _fitted(points: Float64, grid: Float64, size: tuple[int, int], terms: int) -> Distortion:
    from scipy.optimize import least_squares

    half, middle = float(np.hypot(*size)) / 2, np.array(size) / 2
    seen = (points - middle) / half
    # steps of the grid become halves of the diagonal, from its point nearest to the middle
    nearest = np.argsort(np.hypot(*seen.T))[:9]
    flat = np.column_stack([np.ones(len(grid)), grid])
    start = np.linalg.lstsq(flat[nearest], seen[nearest], rcond=None)[0]
    if abs(np.linalg.det(start[1:])) < 1e-9:
        start = np.linalg.lstsq(flat, seen, rcond=None)[0]

    def misfit(p: Float64, centred: bool) -> Float64:
        centre = p[6 + 2 + terms :] if centred else np.zeros(2)
        k = np.concatenate([p[8 : 8 + terms], np.zeros(3 - terms)])
        place = flat @ p[:6].reshape(3, 2) / (1 + grid @ p[6:8])[:, None]
        away = seen - centre
        gap = centre + away * _factor(k, np.hypot(*away.T))[:, None] - place
        return np.asarray((gap * half).ravel())

    first = np.concatenate([start.ravel(), np.zeros(2 + terms)])
    fixed = least_squares(misfit, first, args=(False,), x_scale="jac", max_nfev=50)
    free = least_squares(misfit, np.append(fixed.x, [0.0, 0.0]), args=(True,), x_scale="jac", max_nfev=30)
    # a centre that the picture does not know, or knows to be far outside, would only bend the other numbers
    spread = _deviations(free)
    known = bool(np.max(spread[-2:]) < 0.05 and np.max(np.abs(free.x[-2:])) < 0.5)
    fit = free if known else fixed
    return _described(fit, known, points, grid, flat, size, terms)


def _described(
    fit: object, known: bool, points: Float64, grid: Float64, flat: Float64, size: tuple[int, int], terms: int
) -> Distortion:
    half, middle = float(np.hypot(*size)) / 2, np.array(size) / 2
    p: Float64 = fit.x  # type: ignore[attr-defined]
    covariance = _covariance(fit)
    deviations = np.sqrt(np.diag(covariance))
    padding = np.zeros(3 - terms)
    k = np.concatenate([p[8 : 8 + terms], padding])
    random = np.random.Generator(np.random.Philox(0))
    part = covariance[8 : 8 + terms, 8 : 8 + terms]
    draws = np.zeros((DRAWS, 3))
    draws[:, :terms] = random.multivariate_normal(p[8 : 8 + terms], part, DRAWS, method="eigh")
    centre = p[-2:] if known else np.zeros(2)
    place = flat @ p[:6].reshape(3, 2) / (1 + grid @ p[6:8])[:, None] - centre
    away = (points - middle) / half - centre
    radius, straight = np.hypot(*away.T), np.hypot(*place.T)
    clear = radius > 0.05
    local = np.full(len(points), np.nan)
    local[clear] = 100 * (radius[clear] / straight[clear] - 1)

    reach = max(0.5, float(radius.max()))
    within = _RADII[reach >= _RADII]
    at = float(within[np.argmax(np.abs(local_distortion(k, within)))])
    corner = _between(local_distortion(k, np.array([1.0]))[0], local_distortion(draws, np.array([1.0]))[:, 0])
    if radius.max() < 0.8:
        corner = Estimate.missing(f"points reach {100 * radius.max():.0f} % of the way to the corner only", "%")
    ks = [Estimate.normal(p[8 + i], deviations[8 + i]) if i < terms else Estimate(0, (0, 0)) for i in range(3)]
    x, y = (
        Estimate.normal(middle[i] + half * p[i - 2], half * deviations[i - 2], "px")
        if known
        else Estimate.missing("distortion is too small to have a centre", "px")
        for i in (0, 1)
    )
    freedom = 2 * len(points) - len(p)
    residual = float(np.sqrt(2 * fit.cost / freedom))  # type: ignore[attr-defined]
    return Distortion(
        worst=_between(local_distortion(k, np.array([at]))[0], local_distortion(draws, np.array([at]))[:, 0]),
        corner=corner,
        tv=_between(_tv(k[None], size)[0], _tv(draws, size)),
        k1=ks[0], k2=ks[1], k3=ks[2], center_x=x, center_y=y,
        # of a chi-square with many degrees of freedom
        residual=Estimate.normal(residual, residual / np.sqrt(2 * freedom), "px"),
        radius=radius, local=local, points=points, straight=middle + half * (place + centre), size=size, draws=draws,
    )  # fmt: skip


def _factor(k: Float64, radius: Float64) -> Float64:
    square = radius * radius
    k1, k2, k3 = (k[..., i, None] for i in range(3)) if k.ndim > 1 else k
    return np.asarray(1 + square * (k1 + square * (k2 + square * k3)))


def _tv(k: Float64, size: tuple[int, int]) -> Float64:
    """SMIA TV distortion [%] of coefficients (B, 3)."""
    shape = np.array(size) / np.hypot(*size)
    reach = np.linspace(0, 1.3, 1301)
    result = np.empty(len(k))
    for n, each in enumerate(k):
        scene = reach * _factor(each, reach)
        # the chart's half height, half width and half diagonal, as large as all three lie within the picture
        scale = min(float(np.interp(r, reach, scene)) / r for r in (*shape, 1.0))
        high, far = np.interp([scale * shape[1], scale], scene, reach)
        result[n] = 100 * (far * shape[1] / high - 1)
    return result


def _covariance(fit: object) -> Float64:
    jacobian: Float64 = fit.jac  # type: ignore[attr-defined]
    variance = 2 * fit.cost / max(1, len(jacobian) - jacobian.shape[1])  # type: ignore[attr-defined]
    return np.asarray(np.linalg.pinv(jacobian.T @ jacobian) * variance)


def _deviations(fit: object) -> Float64:
    return np.asarray(np.sqrt(np.diag(_covariance(fit))))


def _between(value: float, draws: Float64) -> Estimate:
    low, high = np.quantile(draws, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Estimate(value, (float(low), float(high)), "%")


def _missing(reason: str, points: Float64, size: tuple[int, int]) -> Distortion:
    percent, number, pixel = (Estimate.missing(reason, unit) for unit in ("%", "", "px"))
    empty = np.zeros(len(points))
    return Distortion(
        percent, percent, percent, number, number, number, pixel, pixel, pixel,
        empty, empty, points, points, size, np.zeros((0, 3)),
    )  # fmt: skip
