"""Colour matrices over colour temperature that change smoothly from light to light."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from isp.errors import NumericError, UsageError
from isp.values import Float64, frozen
from reports.estimate import Estimate, Measured, mean_of
from reports.light import xyz_to_lab
from reports.metrics.color_difference import delta_e_2000
from tuning.calibrate.color_fit import ccm
from tuning.calibrate.color_objective import descend, rounded, with_slope
from tuning.calibrate.color_result import DIGITS, ColorFit, plain_matrix
from tuning.calibrate.lights import temperature_of

SPAN = 100.0
"""Mired over which a change of a matrix is told: from 6500 K to about 3900 K."""
_STIFFNESS = np.geomspace(1e-2, 1e3, 11)
"""Weights of the changes that are tried [CIEDE2000 per squared change of the matrix over SPAN]."""


@dataclass(frozen=True)
class MatrixTable(Measured):
    """Matrices as the stage `ccm` takes them, from balanced camera RGB to linear sRGB.

    Parameters
    ----------
    matrices : mapping of colour temperature [K] to (3, 3) float64
        Rows sum to 1.
    fits : mapping of colour temperature to ColorFit
        Each light fitted alone, with its cross-validation.
    mean, own : mapping of colour temperature to Estimate
        Mean CIEDE2000 of the patches by the smooth matrix, and by the light's own.
    between : mapping of colour temperature to Estimate
        Mean CIEDE2000 under a light by the matrix that the others give for it; n.a. for the two at the ends.
    change, own_change : Estimate
        Largest change of any number of the matrix over 100 mired, between neighbours; of the smooth matrices and of
        the own ones.
    stiffness : float
        Weight of the changes; 0 where none could be afforded.
    warnings : sentences
    """

    matrices: Mapping[float, Float64]
    fits: Mapping[float, ColorFit]
    mean: Mapping[float, Estimate]
    own: Mapping[float, Estimate]
    between: Mapping[float, Estimate]
    change: Estimate
    own_change: Estimate
    stiffness: float
    warnings: tuple[str, ...] = ()

    def stage_value(self, digits: int = DIGITS) -> Any:
        """`ccm.matrix`: a table over cct, or one matrix for one light."""
        plain = {round(cct, 1): plain_matrix(matrix, digits) for cct, matrix in self.matrices.items()}
        return next(iter(plain.values())) if len(plain) == 1 else {"cct": plain}


def color_matrices(
    lights: Mapping[float | str, tuple[ArrayLike, ArrayLike]], *, rise: float = 0.03, **options: Any,
) -> MatrixTable:  # fmt: skip
    """The colour matrix of each light, smooth over colour temperature.

    Parameters
    ----------
    lights : mapping of light to (camera RGB, XYZ), each (N, 3)
        A light is its correlated colour temperature [K] or a name (``A``, ``D65``, ``2856K``). XYZ as for `ccm`:
        adapted to one white under all lights, D65 unless ``white=`` says otherwise.
    rise : float
        By how much of itself the mean error of any light may grow for the sake of smoothness: 0.03 is 3 %. 0 leaves
        each light its own matrix.
    **options : of `ccm`
        For every light; those per patch (``weights``, ``positions``, ``names``, ``neutral``) may be a mapping by light.
        `method` stays linear and white is preserved, for tables of the profile mix 3 x 3 matrices.

    Returns
    -------
    MatrixTable

    Raises
    ------
    UsageError
        No light, two of one temperature, or what `ccm` refuses.
    NumericError
        As `ccm`, with the light's name in front.

    Notes
    -----
    A profile interpolates matrices linearly in mired, so what an error in the estimate of the light does to colours is
    the slope between neighbours. All matrices are found together: the sum over lights of mean CIEDE2000, plus
    `stiffness` times the squared slope and change of slope, integrated over the range, by BFGS (SciPy). The stiffness
    is the largest of a row at which no light's mean error has grown by more than `rise`.
    """
    if not lights:
        raise UsageError("colour matrices: no light is given")
    if not 0 <= rise <= 1:
        raise UsageError(f"rise={rise} must be 0..1")
    for name, allowed in (("method", "linear"), ("preserve_white", True)):
        if options.get(name, allowed) != allowed:
            raise UsageError(f"{name}={options[name]!r}: a table over colour temperature holds {name}={allowed!r} only")
    named = sorted(lights, key=temperature_of)
    ccts = [temperature_of(light) for light in named]
    if len(set(ccts)) < len(ccts):
        raise UsageError(f"two lights of one temperature: {', '.join(f'{c:.0f} K' for c in ccts)}")
    fits = {cct: fit_light(light, lights[light], options) for cct, light in zip(ccts, named, strict=True)}
    own = {cct: fit.stage_matrix() for cct, fit in fits.items()}
    matrices, stiffness = (own, 0.0) if len(own) == 1 or rise == 0 else _smooth(fits, own, rise)
    mired = 1e6 / np.array(ccts)
    return MatrixTable(
        {c: frozen(m) for c, m in matrices.items()}, fits,
        {c: mean_of(_errors(f, matrices[c])) for c, f in fits.items()},
        {c: f.mean for c, f in fits.items()}, _between(fits, matrices), _change(matrices, mired), _change(own, mired),
        stiffness, tuple(f"{cct:.0f} K: {line}" for cct, fit in fits.items() for line in fit.warnings),
    )  # fmt: skip


def fit_light(light: float | str, given: tuple[ArrayLike, ArrayLike], options: Mapping[str, Any]) -> ColorFit:
    """`ccm` of one light, its name in front of errors; options per patch may be a mapping by light."""
    mine = {key: value[light] if isinstance(value, Mapping) else value for key, value in options.items()}
    try:
        return ccm(*given, **mine)
    except NumericError as error:
        raise NumericError(f"light {light}: {error}") from None


def _smooth(
    fits: Mapping[float, ColorFit], own: Mapping[float, Float64], rise: float
) -> tuple[dict[float, Float64], float]:
    rough = _roughness(1e6 / np.array(list(fits)))
    means = [with_slope(_mean_error(fit)) for fit in fits.values()]
    p = np.stack([_free(matrix) for matrix in own.values()])
    allowed = [(1 + rise) * mean(free)[0] for mean, free in zip(means, p, strict=True)]
    best, stiffness = p, 0.0
    for weight in _STIFFNESS:

        def both(q: Float64, weight: float = float(weight)) -> tuple[float, Float64]:
            moved = q.reshape(len(means), 6)
            pulled = rough @ moved
            each = [mean(free) for mean, free in zip(means, moved, strict=True)]
            slope = np.stack([s for _, s in each]) + 2 * weight * pulled
            return sum(v for v, _ in each) + weight * float((moved * pulled).sum()), slope.ravel()

        p = descend(both, p.ravel()).reshape(p.shape)
        if any(mean(free)[0] > most for mean, free, most in zip(means, p, allowed, strict=True)):
            break
        best, stiffness = p, float(weight)
    return dict(zip(fits, _whole(best), strict=True)), stiffness


def _mean_error(fit: ColorFit) -> Callable[[Float64], Float64]:
    share = fit.weights / fit.weights.sum()
    return lambda free: np.asarray(rounded(_errors(fit, _whole(free))) @ share)


def _roughness(mired: Float64) -> Float64:
    """(K, K) quadratic form: the integral of the squared slope and of the squared change of slope, per SPAN."""
    x = mired / SPAN
    step = np.diff(x)
    slope = np.diff(np.eye(len(x)), axis=0) / step[:, None]
    form = slope.T @ (np.abs(step)[:, None] * slope)
    if len(x) > 2:
        middle = (np.abs(step[1:]) + np.abs(step[:-1])) / 2
        bend = np.diff(slope, axis=0) / middle[:, None]
        form = form + bend.T @ (middle[:, None] * bend)
    return np.asarray(form)


def _free(matrix: Float64) -> Float64:
    return np.asarray(matrix[..., [0, 2]].reshape(*matrix.shape[:-2], 6))


def _whole(free: Float64) -> Float64:
    left = free.reshape(*free.shape[:-1], 3, 2)
    return np.stack([left[..., 0], 1.0 - left.sum(axis=-1), left[..., 1]], axis=-1)


def _errors(fit: ColorFit, matrix: Float64) -> Float64:
    """(..., N) CIEDE2000 of the patches fitted, by stage matrices (..., 3, 3)."""
    xyz = np.einsum("...ij,nj->...ni", fit.from_stage(matrix), fit.balanced)
    return delta_e_2000(fit.lab, xyz_to_lab(xyz, fit.white))


def _between(fits: Mapping[float, ColorFit], matrices: Mapping[float, Float64]) -> dict[float, Estimate]:
    ccts = list(fits)
    found = {c: Estimate.missing("at an end of the table") for c in ccts}
    for low, middle, high in zip(ccts, ccts[1:], ccts[2:], strict=False):
        share = (1 / middle - 1 / low) / (1 / high - 1 / low)
        mixed = matrices[low] + share * (matrices[high] - matrices[low])
        found[middle] = mean_of(_errors(fits[middle], mixed))
    return found


def _change(matrices: Mapping[float, Float64], mired: Float64) -> Estimate:
    if len(matrices) < 2:
        return Estimate.missing("one light has no neighbours")
    steps = np.diff(np.stack(list(matrices.values())), axis=0) / np.diff(mired)[:, None, None]
    return Estimate(float(np.abs(steps).max()) * SPAN, reason="it is computed")
