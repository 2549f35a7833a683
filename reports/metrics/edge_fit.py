"""Fits the formula of an edge to its pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from isp.values import Float64
from reports.metrics.edge_model import EdgeModel

ORDERS = (0, 2, 4, 6, 8)
"""Terms of the series that are tried, from none on."""
LINE, BLUR = (0, 1, 2, 3, 4, 5), (0, 1, 2, 5)
"""Numbers of the model that pixels near the edge decide, and those that bins across it do."""
FINE = 32
"""Bins per pixel: their width adds 0.0001 px^2 to the variance of the blur."""
PENALTY = 2.0
"""Of the criterion, for each number of the formula."""
SHARPEST = 0.08
"""Least standard deviation of the blur beside the pixel's aperture [px]."""
MISFIT = 0.002
"""Mean residual of a bin by the step, below which the formula is good enough whatever the noise."""
CONTRADICTED = 1e-4
"""Probability of the binned residuals below which the formula is given up."""
WOBBLE = 3.0
"""Scatter about the fit by the noise between neighbours, above which there is more in the region than an edge."""
HOPELESS = 0.2
"""Root mean square residual near the edge by the step, from which no series will help."""
WEAKEST = 8.0
"""Step by its standard error along the edge, below which it is lost in noise."""


@dataclass(frozen=True)
class Fit:
    """The formula with its errors.

    Parameters
    ----------
    model : EdgeModel
    covariance : (n, n) of its vector
    noise : standard deviation of one pixel
    contradicted : True if the residuals are not noise about this formula
    """

    model: EdgeModel
    covariance: Float64
    noise: float
    contradicted: bool

    @property
    def deviations(self) -> Float64:
        """Standard errors of the model's vector."""
        return np.sqrt(np.maximum(np.diag(self.covariance), 0))


def fitted(plane: Float64) -> Fit | str:
    """The formula of the near-vertical edge in (h, w) light, or why there is none.

    The line is fitted to the pixels near it; everything else then to bins across it so fine that nothing is lost.
    """
    height, width = plane.shape
    x, y = (v.astype(np.float64).ravel() for v in np.meshgrid(np.arange(width), np.arange(height) - (height - 1) / 2))
    values = plane.ravel()
    model = _start(plane)
    if isinstance(model, str):
        return model
    line = np.zeros((6, 6))
    for _ in range(2):
        near = np.abs(model.distance(x, y)) < 4 * model.width + 4
        fit = _least_squares(model, x[near], y[near], values[near], np.ones(int(near.sum())), LINE)
        if fit is None:
            return "no edge could be fitted"
        model, line, chi = fit
        if chi / max(int(near.sum()), 1) > (HOPELESS * model.step) ** 2:
            return "there is more in the region than one straight edge"
    bins = _binned(model, x, y, values)
    chosen = _ordered(model, bins, np.ones_like(bins.counts))
    if chosen is not None:
        chosen = _ordered(chosen[0], bins, _weights(chosen[0], bins, x, y, values))
    if chosen is None:
        return "no edge could be fitted"
    best, covariance = chosen
    residuals = values - best.values(x, y)
    noise = float(np.sqrt(np.mean(residuals**2)))
    # the errors of the line itself are those of its own fit
    covariance[3:5] = covariance[:, 3:5] = 0
    covariance[3:5, 3:5] = line[3:5, 3:5] * noise**2
    reason = _doubtful(plane, best, residuals, noise)
    return reason or Fit(best, covariance, noise, _contradicted(best, x, y, residuals))


@dataclass(frozen=True)
class _Bins:
    """Pixels by distance from the line: mean distance (as x on the middle row), mean value, how many, scatter."""

    x: Float64
    values: Float64
    counts: Float64
    scatter: float


def _binned(model: EdgeModel, x: Float64, y: Float64, values: Float64) -> _Bins:
    d = model.distance(x, y)
    # beyond the blur only levels are left: bins may be wide there
    reach = 8 * model.width + 6
    fine = np.clip(d, -reach, reach)
    number = np.floor((fine + reach) * FINE).astype(np.intp)
    coarse = np.floor(np.abs(d - fine)).astype(np.intp)
    number = np.where(d < -reach, -1 - coarse, np.where(d > reach, number + coarse, number))
    _, index, counts = np.unique(number, return_inverse=True, return_counts=True)
    means = np.bincount(index, values) / counts
    scatter = float(((values - means[index]) ** 2).sum())
    places = np.bincount(index, d) / counts * math.hypot(1, model.slope) + model.place
    return _Bins(places, means, counts.astype(np.float64), scatter)


def _ordered(model: EdgeModel, bins: _Bins, weights: Float64) -> tuple[EdgeModel, Float64] | None:
    """The formula with as many terms as the data ask for (the least Akaike criterion)."""
    best: tuple[float, EdgeModel, Float64] | None = None
    worse, pixels, zero = 0, float(bins.counts.sum()), np.zeros_like(bins.x)
    for order in ORDERS:
        series = (*(best[1] if best is not None else model).series, *([0.0] * order))[:order]
        begin = replace(best[1] if best is not None else model, series=series)
        tried = _least_squares(begin, bins.x, zero, bins.values, weights * bins.counts, BLUR)
        if tried is None:
            break
        candidate, normal, chi = tried
        # a floor far below any noise keeps the logarithm of a perfect fit finite
        floor = (1e-6 * candidate.step) ** 2
        total = chi + bins.scatter
        score = pixels * math.log(total / pixels + floor) + PENALTY * (6 + order)
        if best is None or score < best[0]:
            best, worse = (score, candidate, normal * (total / max(pixels - 6 - order, 1))), 0
        else:
            worse += 1
        if worse == 2 or chi / pixels < floor:
            break
    return None if best is None else (best[1], best[2])


def _start(plane: Float64) -> EdgeModel | str:
    """Levels, line and width by rows: the centre of the gradient in each."""
    from scipy.ndimage import gaussian_filter1d

    height, width = plane.shape
    smooth = gaussian_filter1d(gaussian_filter1d(plane, 1.0, axis=1), 2.0, axis=0)
    gradient = np.gradient(smooth, axis=1)
    sign = 1.0 if gradient.sum() >= 0 else -1.0
    gradient = np.maximum(gradient * sign, 0)
    y = np.arange(height) - (height - 1) / 2
    x = np.arange(width, dtype=np.float64)
    line = np.array([0.0, float(x @ gradient.sum(0)) / max(float(gradient.sum()), 1e-12)])
    # the gradient of the whole says where the line starts; windows about it close in on the edge
    spread = width / 2
    for _ in range(8):
        near = np.exp(-(((x - np.polyval(line, y)[:, None]) / spread) ** 2) / 2) * gradient
        total = near.sum(1)
        if total.max() <= 0:
            return "no edge found"
        centers = (near @ x) / np.maximum(total, 1e-12)
        line = np.polyfit(y, centers, 1, w=np.sqrt(np.maximum(total, 0)))
        spread = max(spread * 0.6, 4.0)
    if not np.isfinite(line).all():
        return "no edge found"
    place, slope = float(line[1]), float(line[0])
    ends = place + slope * y[[0, -1]]
    if ends.min() < 2 or ends.max() > width - 3:
        return "the edge does not cross the region from side to side with room on both sides"
    d = (x - np.polyval(line, y)[:, None]) / math.hypot(1, slope)
    far = max(2.0, 0.5 * float(min(d.max(), -d.min())))
    low, high = float(np.median(plane[d < -far])), float(np.median(plane[d > far]))
    if not abs(high - low) > 0:
        return "both sides are of one level"
    return EdgeModel(low, high - low, place, slope, 0.0, 1.0)


def _least_squares(
    begin: EdgeModel, x: Float64, y: Float64, values: Float64, weights: Float64, free: tuple[int, ...]
) -> tuple[EdgeModel, Float64, float] | None:
    """The fitted model, the inverse of the normal matrix, and the weighted sum of squared residuals."""
    from scipy.optimize import least_squares

    root, start = np.sqrt(weights), begin.vector
    chosen = np.array([i for i in range(len(start)) if i in free or i > 5])
    scale = np.array([abs(begin.step), abs(begin.step), 1, 0.01, 1e-4, 1, *([0.1] * len(begin.series))])[chosen]
    lowest = np.where(chosen == 5, SHARPEST, np.where(chosen > 5, -5.0, -np.inf))
    highest = np.where(chosen == 5, 30.0, np.where(chosen > 5, 5.0, np.inf))

    def model(numbers: Float64) -> EdgeModel:
        vector = start.copy()
        vector[chosen] = numbers
        return EdgeModel.of(vector)

    try:
        found = least_squares(
            lambda v: root * (model(v).values(x, y) - values), np.clip(start[chosen], lowest, highest),
            lambda v: root[:, None] * model(v).jacobian(x, y)[:, chosen], (lowest, highest), x_scale=scale,
            max_nfev=25, ftol=1e-12, xtol=1e-10, gtol=1e-14,
        )  # fmt: skip
        outer = np.outer(scale, scale)
        inverse = np.zeros((len(start), len(start)))
        inverse[np.ix_(chosen, chosen)] = np.linalg.inv((found.jac.T @ found.jac) * outer) * outer
    except (np.linalg.LinAlgError, ValueError):
        return None
    return model(found.x), inverse, float(2 * found.cost)


def _weights(model: EdgeModel, bins: _Bins, x: Float64, y: Float64, values: Float64) -> Float64:
    """Inverse variances of the bins' pixels, the variance taken to be linear in light; mean 1."""
    expected = model.values(x, y)
    squares = (values - expected) ** 2
    upper = (expected - model.low) / model.step > 0.5
    if min(upper.sum(), (~upper).sum()) < 50:
        return np.ones_like(bins.x)
    (l0, v0), (l1, v1) = ((float(expected[s].mean()), float(squares[s].mean())) for s in (~upper, upper))
    if min(v0, v1) <= 1e-14 * model.step**2:
        return np.ones_like(bins.x)
    at = model.values(bins.x, np.zeros_like(bins.x))
    variance = np.clip(v0 + (at - l0) * (v1 - v0) / (l1 - l0), min(v0, v1) / 2, max(v0, v1) * 2)
    return np.asarray(float((v0 + v1) / 2) / variance)


def _contradicted(model: EdgeModel, x: Float64, y: Float64, residuals: Float64) -> bool:
    """Whether residuals binned by quarter pixels are more than noise, and large enough to matter."""
    from scipy.stats import chi2

    d = model.distance(x, y)
    reach = 5 * model.width + 3
    inside = np.abs(d) < reach
    bins = np.floor((d[inside] + reach) * 4).astype(np.intp)
    counts = np.bincount(bins)
    sums = np.bincount(bins, residuals[inside])
    squares = np.bincount(bins, residuals[inside] ** 2)
    held = counts >= 4
    means = sums[held] / counts[held]
    within = float((squares[held] - counts[held] * means**2).sum() / max((counts[held] - 1).sum(), 1))
    large = float(np.sqrt(np.mean(means**2))) > MISFIT * abs(model.step)
    if within <= 0 or not large:
        return large
    statistic = float((counts[held] * means**2).sum() / within)
    return bool(chi2.sf(statistic, max(int(held.sum()) - 6, 1)) < CONTRADICTED)


def _doubtful(plane: Float64, model: EdgeModel, residuals: Float64, noise: float) -> str:
    """Why the fit is not that of one straight edge in noise; empty if it is."""
    height = plane.shape[0]
    if model.width >= 29:
        return "the edge is wider than the region shows"
    if noise > 0 and abs(model.step) / noise * math.sqrt(height) < WEAKEST:
        return f"the edge is lost in noise (signal to noise {abs(model.step) / noise:.2g})"
    grid = residuals.reshape(plane.shape)
    # differences of neighbours along the edge see noise, but little of what else is wrong with the fit
    local = float(np.sqrt(np.mean(np.diff(plane - (plane - grid), axis=0) ** 2) / 2))
    if noise > WOBBLE * local and noise > 0.02 * abs(model.step):
        return "there is more in the region than one straight edge"
    return ""
