"""A look of a few parameters: a matrix, a curve, and hue, saturation and lightness of eight bands of colour.

In this order, on light of the display: the matrix in Rec.2020 keeps white; one curve for all channels through eight
points of sRGB's code values (monotone cubic: F. N. Fritsch, J. Butland, SIAM J. Sci. Stat. Comput. 5 (1984) 300); and
the stage `hue_saturation` as it is. 38 numbers, so it says less than a table and guesses better where no sample lies.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from isp.color.spaces import WORKING, conversion, srgb_encoded
from isp.color.transfer import decoded
from isp.io.cube import Cube
from isp.stages import hue_saturation, oklab
from isp.values import Float64
from tuning.look.lattice import Samples
from tuning.look.tetrahedra import identity_table

KNOTS = 8
_BANDS = len(hue_saturation.BANDS)
_COLOURS = 500
"""Colours that the fit looks at, drawn by weight and evenly over the seen colours, half and half."""
_STEPS = 15
_PRIOR = 0.002
"""Weight of the parameters' distance from no look: holds those that no sample tells."""
_LOSS = 0.02
"""Residual [code] from which the loss grows linearly."""


@dataclass(frozen=True)
class ParametricLook:
    """A look of a few parameters.

    Parameters
    ----------
    matrix : (3, 3)
        On linear Rec.2020; rows add up to 1.
    curve : (KNOTS,)
        Code values that evenly spaced code values 0..1 become; never falling.
    hue, saturation, lightness : (8,)
        As parameters of the stage `hue_saturation`: degrees, factor, factor.
    """

    matrix: Float64
    curve: Float64
    hue: Float64
    saturation: Float64
    lightness: Float64

    def apply(self, rgb: ArrayLike) -> Float64:
        """sRGB code values (..., 3) in 0..1 with the look."""
        from scipy.interpolate import PchipInterpolator

        given = np.asarray(rgb, np.float64)
        light = decoded(given, "srgb") @ (self.matrix @ conversion("srgb", WORKING)).T
        through = PchipInterpolator(np.linspace(0.0, 1.0, KNOTS), self.curve)
        curved = decoded(through(srgb_encoded(np.clip(light, 0.0, 1.0))), "srgb")
        turned = _banded(curved, self.hue_saturation())
        return srgb_encoded(turned @ conversion(WORKING, "srgb").T)

    def hue_saturation(self) -> dict[str, tuple[float, ...]]:
        """Parameters of the stage `hue_saturation`."""
        names = ("hue", "saturation", "lightness")
        return {name: tuple(float(v) for v in getattr(self, name)) for name in names}

    def cube(self, size: int = 33) -> Cube:
        """The look as a table."""
        return Cube(table=self.apply(identity_table(size)).astype(np.float32))


def fitted(samples: Samples, seed: int) -> ParametricLook:
    """The parameters that bring `before` nearest to `after`: robust least squares over code values (SciPy, trf)."""
    from scipy.optimize import least_squares

    random = np.random.Generator(np.random.Philox(seed))
    chosen = _chosen(samples.weight, random)
    before, after = samples.before[chosen], samples.after[chosen]
    start, low, high = _start()

    def residual(p: Float64) -> Float64:
        miss = _look(p).apply(before) - after
        return np.concatenate([miss.ravel() / np.sqrt(len(before)), _PRIOR * (p - start) / (high - low)])

    scale = _LOSS / np.sqrt(len(before))
    found = least_squares(
        residual, start, bounds=(low, high), loss="soft_l1", f_scale=scale, x_scale=(high - low) / 10, max_nfev=_STEPS
    )
    return _look(found.x)


def _chosen(weight: Float64, random: np.random.Generator) -> Any:
    if len(weight) <= _COLOURS:
        return np.arange(len(weight))
    usual = random.choice(len(weight), _COLOURS // 2, replace=False, p=weight / weight.sum())
    return np.union1d(usual, random.choice(len(weight), _COLOURS // 2, replace=False))


def _start() -> tuple[Float64, Float64, Float64]:
    """No look, and the bounds of the parameters: six of the matrix, rises of the curve, three times eight bands."""
    rises = np.log(np.full(KNOTS - 1, 1.0 / (KNOTS - 1)))
    parts = [
        (np.zeros(6), -0.6, 0.6), (np.zeros(1), 0.0, 0.3), (rises, np.log(1e-4), np.log(0.7)),
        (np.zeros(_BANDS), -40.0, 40.0), (np.ones(_BANDS), 0.0, 3.0), (np.ones(_BANDS), 0.5, 1.5),
    ]  # fmt: skip
    low, high = (np.concatenate([np.full(len(p[0]), p[side]) for p in parts]) for side in (1, 2))
    start = np.concatenate([p[0] for p in parts])
    return np.clip(start, low + 1e-6, high - 1e-6), low, high


def _look(p: Float64) -> ParametricLook:
    off, lift, rises, bands = p[:6], p[6:7], p[7 : 6 + KNOTS], p[6 + KNOTS :].reshape(3, _BANDS)
    matrix = np.array([[0.0, off[0], off[1]], [off[2], 0.0, off[3]], [off[4], off[5], 0.0]])
    matrix += np.diag(1.0 - matrix.sum(axis=1))
    curve = np.clip(np.concatenate([lift, lift + np.cumsum(np.exp(rises))]), 0.0, 1.0)
    return ParametricLook(matrix, curve, *bands)


def _banded(rgb: Float64, values: dict[str, tuple[float, ...]]) -> Float64:
    """The stage `hue_saturation` on linear Rec.2020 (..., 3), in float64."""
    arrays = oklab.arrays()
    lab = np.cbrt(rgb @ arrays["lms"].T) @ arrays["lab"].T
    light, a, b = np.moveaxis(lab, -1, 0)
    squared = a * a + b * b
    weights = hue_saturation.band_weights(np.degrees(np.arctan2(b, a)).ravel())
    turn, factor, lightness = ((weights @ np.array(values[n])).reshape(a.shape) for n in values)
    angle = np.radians(turn)
    cosine, sine = factor * np.cos(angle), factor * np.sin(angle)
    share = squared / (squared + hue_saturation.PALE**2)
    turned = [light * (1 + (lightness - 1) * share), a * cosine - b * sine, a * sine + b * cosine]
    back = (np.stack(turned, -1) @ arrays["roots"].T) ** 3 @ arrays["rgb"].T
    low, high = hue_saturation.NEUTRAL
    t = np.clip((np.sqrt(squared) - low) / (high - low), 0.0, 1.0)
    return np.asarray(rgb + (back - rgb) * (t * t * (3 - 2 * t))[..., None])
