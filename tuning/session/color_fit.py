"""A white-preserving colour matrix by mean CIEDE2000."""

from __future__ import annotations

from typing import Any

import numpy as np

from isp.color.spaces import D65, rgb_to_xyz, xy_to_xyz
from isp.values import Float64
from reports.light import to_lab, xyz_to_lab
from reports.metrics import delta_e_2000

_WHITE = xy_to_xyz(D65)


def fit_matrix(rgb: Float64, xyz: Float64) -> tuple[Float64, float]:
    """(3, 3) from balanced camera RGB to linear sRGB, rows summing to 1, and the exposure factor in front of it."""
    from scipy.optimize import minimize

    srgb = xyz @ np.linalg.inv(rgb_to_xyz("srgb")).T
    target = xyz_to_lab(xyz, _WHITE)
    scale = float(np.median(srgb[-6:-1].mean(1) / rgb[-6:-1].mean(1)))
    start = np.linalg.lstsq(rgb * scale, srgb, rcond=None)[0].T
    start = start / start.sum(1, keepdims=True)

    def matrix(x: Float64) -> Float64:
        m = x[:6].reshape(3, 2)
        return np.column_stack([m, 1 - m.sum(1)])

    def loss(x: Float64) -> float:
        lab = to_lab(rgb * np.exp(x[6]) @ matrix(x).T)
        return float(delta_e_2000(lab, target).mean())

    first = np.append(start[:, :2].ravel(), np.log(scale))
    found: Any = minimize(loss, first, method="BFGS", options={"gtol": 1e-3, "maxiter": 60})
    return matrix(found.x), float(np.exp(found.x[6]))


def errors(matrix: Float64, scale: float, rgb: Float64, xyz: Float64) -> Float64:
    """(N,) CIEDE2000 of patches."""
    return delta_e_2000(to_lab(rgb * scale @ matrix.T), xyz_to_lab(xyz, _WHITE))
