"""A slanted edge as a smooth curve of the distance from it, fitted to the pixels themselves.

The edge spread function is that of a Gaussian blur seen by square pixels, plus a smooth deviation near the edge: a
cubic spline whose size is a random effect (Wahba 1983; Ruppert, Wand and Carroll 2003). The restricted likelihood
(Patterson and Thompson 1971) says how large deviations are, and the fit is averaged over that: an edge that is
Gaussian costs next to no precision, one that is not is followed, and the intervals hold both the noise and the choice.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isp.values import Float64
from reports.metrics.edge_curve import Curve, roughness

BENDS = 4
"""Coefficients of the edge's position along it: place, slant, bend, S-shape."""
REACH = 12.0
"""Scales of the spline over which the edge may deviate from a Gaussian, if the region is as large."""
SIZES = 10.0 ** np.arange(-6.0, 1.01, 0.25)
"""Sizes of the deviation that are averaged over, as fractions of the step: all equally probable beforehand."""
QUIET = 1e-5
"""Least noise assumed, as fraction of the step: about what the models of edges are good for."""
WIDEST = 1 / 6
"""Of the region: a wider blur leaves no level beside it."""
_ROUNDS = 20
_SETTLED = 1e-3
"""Movement, in its own standard deviations, at which the search ends."""


@dataclass(frozen=True)
class EdgeFit:
    """A fitted edge that rises from left to right.

    Parameters
    ----------
    curve : Curve
        The edge spread function and its transfer.
    levels : (low, high), in the region's units
    position : (BENDS,) Legendre coefficients over the rows -1..1 of the edge's column from the region's centre [px]
    noise : standard deviation of pixels at the two levels, in the region's units
    distance : (h, w) of the pixels' centres, across the edge [px]
    scaled : (h, w) pixels as fractions of the step
    residual : (h, w) pixels less the model, fractions of the step
    correlation : float
        Variance of the mean of many pixels over that of as many independent ones.
    covariance : (BENDS + 2, BENDS + 2)
        Of the position and the two levels.
    """

    curve: Curve
    levels: tuple[float, float]
    position: Float64
    noise: tuple[float, float]
    distance: Float64
    scaled: Float64
    residual: Float64
    correlation: float
    covariance: Float64


def fit_edge(light: Float64, line: tuple[float, float], step: tuple[float, float], width: float = 1.0) -> EdgeFit:
    """Fit a rising, nearly vertical edge by weighted least squares: first its Gaussian, then what deviates from it.

    Parameters
    ----------
    light : (h, w) float64
    line : (column at the centre row from the centre column [px], columns per row), roughly
    step : (low, high) levels, roughly
    width : of the Gaussian, roughly [px]
    """
    height, columns = light.shape
    legendre = np.polynomial.legendre.legvander(np.linspace(-1, 1, height), BENDS - 1)
    lean = np.polynomial.legendre.legvander(np.linspace(-1, 1, height), BENDS - 2) @ (
        np.polynomial.legendre.legder(np.eye(BENDS), axis=0) * (2 / (height - 1))
    )
    x = np.arange(columns) - (columns - 1) / 2
    position = np.zeros(BENDS)
    position[:2] = line[0], line[1] * (height - 1) / 2
    low, high = step
    noise, correlation = np.ones(2), 1.0
    curve = Curve.gaussian(width, float(np.arctan(line[1])))
    for turn in range(_ROUNDS):
        cosine = 1 / np.hypot(1.0, lean @ position)
        distance = (x - (legendre @ position)[:, None]) * cosine[:, None]
        if not curve.coefficients.size:
            curve = Curve.gaussian(curve.width, float(np.arctan(lean[height // 2] @ position)))
        flat = distance.ravel()
        near = np.flatnonzero(np.abs(flat) < curve.reach)
        shape = (flat > 0).astype(np.float64)
        shape[near], slope, basis = curve.at(flat[near])
        gap = high - low
        residual = light.ravel() - (low + gap * shape)
        if turn:
            noise = _noise(residual, flat, curve.width, QUIET * gap)
        if curve.coefficients.size:
            correlation = _correlation((residual / np.sqrt(_variance(shape, noise))).reshape(light.shape))
        weight = 1 / np.sqrt(_variance(shape, noise) * correlation)
        fixed = BENDS + 2
        design = np.empty((near.size, fixed + basis.shape[1]))
        along = cosine[near // columns, None] * legendre[near // columns]
        design[:, :BENDS] = along * (-gap * slope)[:, None]
        design[:, BENDS], design[:, BENDS + 1] = 1 - shape[near], shape[near]
        design[:, fixed:] = gap * basis
        design *= weight[near, None]
        target = residual * weight
        normal, right = design.T @ design, design.T @ target[near]
        # pixels beyond the reach are a level and nothing else
        away = np.abs(flat) >= curve.reach
        for side, of_side in ((BENDS, away & (flat < 0)), (BENDS + 1, away & (flat > 0))):
            normal[side, side] += float((weight[of_side] ** 2).sum())
            right[side] += float((weight[of_side] * target[of_side]).sum())
        # the current deviation is part of what the spline has to explain
        right += normal[:, fixed:] @ curve.parameters
        mean, covariance = _averaged(normal, right, fixed + 1)
        moved = np.abs(mean[:BENDS]) / np.sqrt(np.diag(covariance)[:BENDS])
        turned = np.abs(mean[fixed:] - curve.parameters) / np.sqrt(np.diag(covariance)[fixed:])
        position = position + np.clip(mean[:BENDS], -2 * curve.width, 2 * curve.width)
        low, high = low + mean[BENDS], high + mean[BENDS + 1]
        settled = max(float(moved.max()), float(turned.max())) < _SETTLED
        if curve.coefficients.size:
            curve = curve.changed(mean[fixed:], covariance[fixed:, fixed:])
            if settled:
                break
            continue
        change = float(np.clip(mean[fixed], -0.5 * curve.width, curve.width))
        curve = Curve.gaussian(min(max(curve.width + change, 0.05), WIDEST * columns), curve.slant)
        if settled or turn == _ROUNDS // 2:
            half = min(-float(np.median(distance[:, 0])), float(np.median(distance[:, -1])))
            curve = curve.deviating(min(REACH * curve.scale, half - 1.5))
    scaled = (light - low) / (high - low)
    return EdgeFit(
        curve, (low, high), position, (float(noise[0]), float(noise[1])), distance, scaled,
        (residual / gap).reshape(light.shape), correlation, covariance[: BENDS + 2, : BENDS + 2],
    )  # fmt: skip


def _noise(residual: Float64, flat: Float64, width: float, least: float) -> Float64:
    """Standard deviations at the two levels."""
    sides = (flat < -2 * width - 0.5, flat > 2 * width + 0.5)
    return np.array([max(float(np.sqrt(np.mean(residual[s] ** 2))) if s.any() else least, least) for s in sides])


def _variance(shape: Float64, noise: Float64) -> Float64:
    """Of pixels between the levels: photon noise is linear in the light."""
    part = np.clip(shape, 0.0, 1.0)
    return np.asarray(noise[0] ** 2 * (1 - part) + noise[1] ** 2 * part)


def _averaged(normal: Float64, right: Float64, fixed: int) -> tuple[Float64, Float64]:
    """Mean and covariance of the parameters, averaged over the size of the random ones (those after `fixed`).

    The joint eigenvectors of information and penalty make every size a sum over independent coefficients.
    """
    from scipy.linalg import eigh

    scale = 1 / np.sqrt(np.diag(normal)[:fixed])
    own = normal[:fixed, :fixed] * np.outer(scale, scale)
    inverse = np.linalg.inv(own) * np.outer(scale, scale)
    if len(normal) == fixed:
        return inverse @ right, inverse
    cross = inverse @ normal[:fixed, fixed:]
    inner = normal[fixed:, fixed:] - normal[fixed:, :fixed] @ cross
    values, vectors = eigh((inner + inner.T) / 2, roughness(len(inner)))
    values = np.maximum(values, 0.0)
    part = vectors.T @ (right[fixed:] - cross.T @ right[:fixed])
    shrunk = 1 / (values + SIZES[:, None] ** -2)
    score = np.log1p(SIZES[:, None] ** 2 * values).sum(axis=1) - shrunk @ part**2
    share = np.exp(-(score - score.min()) / 2)
    share /= share.sum()
    each = shrunk * part
    mean = share @ each
    apart = each - mean
    inside = vectors @ (np.diag(share @ shrunk) + (share[:, None] * apart).T @ apart) @ vectors.T
    found = vectors @ mean
    covariance = np.block([[inverse + cross @ inside @ cross.T, -cross @ inside], [-inside @ cross.T, inside]])
    return np.concatenate([inverse @ right[:fixed] - cross @ found, found]), covariance


def _correlation(residual: Float64, reach: int = 4) -> float:
    """Sum of the autocorrelation of residuals over the lags where it is no accident; at least 1."""
    total = 1.0
    bound = 4 / np.sqrt(residual.size)
    power = float(np.mean(residual**2))
    height, width = residual.shape
    for dy in range(reach + 1):
        for dx in range(-reach if dy else 1, reach + 1):
            if power == 0.0 or dy >= height or abs(dx) >= width:
                continue
            a = residual[dy:, max(dx, 0) : width + min(dx, 0)]
            b = residual[: height - dy, max(-dx, 0) : width - max(dx, 0)]
            share = float(np.mean(a * b)) / power
            total += 2 * share * (share > bound)
    return total
