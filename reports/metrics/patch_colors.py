"""Colour errors of patches against what they should be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isp.color.spaces import D65, rgb_to_xyz, xy_to_xyz
from isp.errors import UsageError
from isp.values import Float64, frozen
from reports.estimate import Estimate, Measured, bootstrap, mean_of
from reports.light import lab_to_xyz, xyz_to_lab
from reports.metrics.color_difference import delta_c, delta_e_76, delta_e_2000, delta_h
from reports.metrics.white import WhiteError, white_error

COLORED = 15.0
"""Chroma C*ab from which a patch counts for saturation."""
GREY, DARKEST, LIGHTEST = 5.0, 30.0, 90.0
"""Largest chroma and the lightnesses of patches that count for white: white itself clips first, black is noise."""
WIDEST = 4.0
"""Exposure factors are searched within this ratio of the first guess."""


@dataclass(frozen=True)
class PatchErrors(Measured):
    """Per patch (arrays (N,), NaN for those left out) and over all patches.

    Parameters
    ----------
    names : of the patches
    measured, reference : (N, 3) float64
        L*a*b* (D65), the measured one after `exposure`.
    de00, de76, dl, dc, dh : (N,) float64
        CIEDE2000, ΔE*ab, and its parts ΔL*, ΔC*ab, ΔH*ab, measured minus reference.
    mean, median, p95, maximum : Estimate
        Of ΔE00 over the patches. Intervals say what other patches of the kind would give (bootstrap); the maximum has
        none, because no resampling can find one larger.
    mean_76 : Estimate
        Mean ΔE*ab.
    exposure : Estimate
        Factor by which the measured light was multiplied; 1 with ``exposure="as_is"``.
    chroma : Estimate [%]
        Mean chroma of the coloured patches, of that in the reference.
    corrected : Estimate
        Mean ΔE00 after all chroma is divided by that ratio: what is left is hue and lightness.
    white : WhiteError
        Of the neutral patches, against the reference's own.
    notes : sentences on what was left out
    """

    names: tuple[str, ...]
    measured: Float64
    reference: Float64
    de00: Float64
    de76: Float64
    dl: Float64
    dc: Float64
    dh: Float64
    mean: Estimate
    median: Estimate
    p95: Estimate
    maximum: Estimate
    mean_76: Estimate
    exposure: Estimate
    chroma: Estimate
    corrected: Estimate
    white: WhiteError
    notes: tuple[str, ...] = ()

    def worst(self, count: int = 5) -> tuple[tuple[str, float], ...]:
        """Name and ΔE00 of the patches that are furthest off, the worst first."""
        kept = np.flatnonzero(np.isfinite(self.de00))
        order = kept[np.argsort(-self.de00[kept], kind="stable")][:count]
        return tuple((self.names[i], float(self.de00[i])) for i in order)


def patch_errors(
    measured: ArrayLike, reference_lab: ArrayLike, *, exposure: str = "normalised", space: str = "srgb",
    names: Sequence[str] | None = None, exclude: ArrayLike | None = None,
) -> PatchErrors:
    """Colour errors of patches.

    Parameters
    ----------
    measured : (N, 3) float
        Linear RGB of `space`, white near 1; or L*a*b* with ``space="lab"``.
    reference_lab : (N, 3) float
        L*a*b* under D65, 2 degrees; see `reports.charts.reference_lab`.
    exposure : str
        ``normalised`` multiplies the measured light by the factor that gives the least mean ΔE00, so that colour is
        judged apart from brightness; ``as_is`` takes it as it is.
    space : str
        `srgb`, `rec2020`, `display_p3` or `lab`.
    names : of the patches, "1".."N" if not given
    exclude : (N,) bool, optional
        Patches to leave out: those that are clipped, say.

    Returns
    -------
    PatchErrors

    Raises
    ------
    UsageError
        Shapes that do not fit, or an unknown `exposure` or `space`.

    Notes
    -----
    The exposure factor s minimises mean ΔE00(s · XYZ, reference), as camera tuning tools do (ΔE "normalised"); a chart
    under even light fixes colours up to such a factor only. Saturation after the practice of Imatest: 100 % times the
    ratio of mean C*ab, over patches whose reference has C*ab of at least 15.
    """
    given, wanted = np.asarray(measured, np.float64), np.asarray(reference_lab, np.float64)
    if given.ndim != 2 or given.shape[1] != 3 or given.shape != wanted.shape or len(given) == 0:
        raise UsageError(f"measured colours {given.shape} and reference {wanted.shape} must both be (N, 3), N > 0")
    if exposure not in ("normalised", "as_is"):
        raise UsageError(f"exposure={exposure!r} must be 'normalised' or 'as_is'")
    labels = tuple(names) if names is not None else tuple(str(i + 1) for i in range(len(given)))
    left_out = np.zeros(len(given), bool) if exclude is None else np.asarray(exclude, bool)
    if len(labels) != len(given) or left_out.shape != (len(given),):
        raise UsageError(f"{len(labels)} names and exclude of shape {left_out.shape} must be for {len(given)} patches")
    notes = []
    if left_out.any():
        notes.append("left out: " + ", ".join(np.array(labels)[left_out]))
    unusable = ~left_out & ~(np.isfinite(given).all(1) & np.isfinite(wanted).all(1))
    if unusable.any():
        notes.append("no colour: " + ", ".join(np.array(labels)[unusable]))
    keep = ~(left_out | unusable)
    xyz = lab_to_xyz(given) if space == "lab" else given @ rgb_to_xyz(space).T
    factor = Estimate(1.0)
    if exposure == "normalised":
        factor = _best_exposure(xyz[keep], wanted[keep])
    lab = np.full(given.shape, np.nan)
    if factor.known:
        lab[keep] = _lab(xyz[keep] * float(factor))
    return _errors(labels, lab, wanted, keep & factor.known, factor, tuple(notes))


def _errors(
    names: tuple[str, ...], lab: Float64, wanted: Float64, keep: NDArray[np.bool_], factor: Estimate,
    notes: tuple[str, ...],
) -> PatchErrors:  # fmt: skip
    off = delta_e_2000(wanted, lab)
    kept = off[keep]
    saturation, corrected = _saturation(lab[keep], wanted[keep])
    chromas = np.hypot(wanted[:, 1], wanted[:, 2])
    grey = keep & (chromas < GREY) & (wanted[:, 0] > DARKEST) & (wanted[:, 0] < LIGHTEST)
    to_rgb = np.linalg.inv(rgb_to_xyz("srgb")).T
    white = white_error(lab_to_xyz(lab[grey]) @ to_rgb, lab_to_xyz(wanted[grey]) @ to_rgb)
    maximum = mean = median = p95 = mean_76 = Estimate.missing(factor.reason or "no patch is left")
    if len(kept):
        mean, mean_76 = mean_of(kept), mean_of(delta_e_76(wanted[keep], lab[keep]))
        median = bootstrap(kept, np.median)
        p95 = bootstrap(kept, lambda v: float(np.quantile(v, 0.95)))
        maximum = Estimate(kept.max(), reason="the largest of some has no bootstrap interval")
    return PatchErrors(
        names, frozen(lab), frozen(wanted), frozen(off),
        frozen(delta_e_76(wanted, lab)), frozen(lab[:, 0] - wanted[:, 0]), frozen(delta_c(wanted, lab)),
        frozen(delta_h(wanted, lab)),
        mean, median, p95, maximum, mean_76, factor, saturation, corrected, white, notes,
    )  # fmt: skip


def _lab(xyz: Float64) -> Float64:
    return xyz_to_lab(xyz, xy_to_xyz(D65))


def _best_exposure(xyz: Float64, wanted: Float64) -> Estimate:
    """The factor of least mean ΔE00; its interval from the least of resampled patches."""
    from scipy.optimize import minimize_scalar

    lit = xyz[:, 1] > 0
    if not lit.any():
        return Estimate.missing("the patches are black" if len(xyz) else "no patch is left")
    first = np.log(np.median(lab_to_xyz(wanted)[lit, 1] / xyz[lit, 1]))

    def off(log_factors: ArrayLike) -> Float64:
        """(factors, patches) ΔE00."""
        return delta_e_2000(wanted, _lab(xyz * np.exp(np.atleast_1d(log_factors))[:, None, None]))

    coarse = first + np.log(WIDEST) * np.linspace(-1, 1, 41)
    near = coarse[np.argmin(off(coarse).mean(1))]
    step = coarse[1] - coarse[0]
    best = minimize_scalar(lambda at: off(at).mean(), bounds=(near - step, near + step), method="bounded",
                           options={"xatol": 1e-6}).x  # fmt: skip
    fine = best + np.log(WIDEST) * np.linspace(-0.25, 0.25, 201)
    table = off(fine)

    def least(patches: NDArray[np.intp]) -> float:
        return float(np.exp(fine[np.argmin(table[:, patches].mean(1))]))

    spread = bootstrap(np.arange(len(xyz)), least)
    return Estimate(float(np.exp(best)), spread.interval, reason=spread.reason)


def _saturation(lab: Float64, wanted: Float64) -> tuple[Estimate, Estimate]:
    colored = np.hypot(wanted[:, 1], wanted[:, 2]) >= COLORED
    if not colored.any():
        why = "no coloured patches"
        return Estimate.missing(why, "%"), Estimate.missing(why)
    pairs = np.stack([np.hypot(v[colored, 1], v[colored, 2]) for v in (lab, wanted)], axis=1)
    ratio = bootstrap(pairs, lambda v: float(100.0 * v[:, 0].mean() / v[:, 1].mean()), "%")
    if ratio <= 0:
        return ratio, Estimate.missing("the picture has no colour")
    return ratio, mean_of(delta_e_2000(wanted, lab * (1.0, 100.0 / ratio, 100.0 / ratio)))
