"""White balance and colour matrices of a session, from its 24-patch charts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from isp.color.white_curve import WhiteCurve
from isp.errors import NumericError
from isp.values import Float64
from reports.charts.references import SPECTRA, reference_lab
from reports.estimate import Estimate, Measured
from reports.light import lab_to_xyz
from tuning.calibrate.chart_patches import patches_from
from tuning.calibrate.color_fit import ccm
from tuning.session.captures import Shots

if TYPE_CHECKING:
    from tuning.calibrate.color_fit import ColorFit
    from tuning.session.plan import OptionSection
    from tuning.session.steps import Work

GREYS = slice(18, 23)
"""White to the last grey above black."""
FEWEST, FEWEST_GREYS = 18, 3
"""Usable patches below which a chart is not fitted."""


@dataclass(frozen=True)
class FittedChart:
    """A chart under one light: its (24, 3) camera RGB, which patches were used, the fit, sentences on the others."""

    rgb: Float64
    used: Any
    fit: ColorFit
    notes: tuple[str, ...]


@dataclass(frozen=True)
class WhiteBalanceCurve(Measured):
    """The camera's neutrals over colour temperature.

    Parameters
    ----------
    points : mapping of colour temperature [K] to (R/G, B/G)
    left_out : mapping of colour temperature to Estimate [degrees]
        Angle between a neutral and what the curve through the other lights says; n.a. at the ends.
    worst : Estimate [degrees]
    """

    points: Mapping[float, tuple[Estimate, Estimate]]
    left_out: Mapping[float, Estimate]
    worst: Estimate
    notes: tuple[str, ...] = ()

    def rows(self, digits: int = 5) -> list[list[float]]:
        """`white_balance.curve`."""
        return [[cct, *(round(float(v), digits) for v in pair)] for cct, pair in self.points.items()]


@dataclass(frozen=True)
class MatrixTable(Measured):
    """Colour matrices over colour temperature.

    Parameters
    ----------
    matrices : mapping of colour temperature [K] to (3, 3) float64
        From balanced camera RGB to linear sRGB primaries.
    mean, cross_validated : mapping of colour temperature to Estimate
        Mean CIEDE2000 of the patches, and of patches that were left out of the fit in turn.
    glare : mapping of colour temperature to Estimate
        Veil on the readings, as a fraction of white; n.a. where it was not sought.
    errors : mapping of colour temperature to (24,) float64
        CIEDE2000 of each patch; NaN where it could not be used.
    values : what the profile takes, by stage
    """

    matrices: Mapping[float, Float64]
    mean: Mapping[float, Estimate]
    cross_validated: Mapping[float, Estimate]
    glare: Mapping[float, Estimate]
    errors: Mapping[float, Float64]
    values: Mapping[str, Mapping[str, Any]] = field(repr=False)
    notes: tuple[str, ...] = ()


def charts(work: Work) -> dict[float, FittedChart]:
    """The charts of a session by colour temperature, read and fitted once; of several of one light the last.

    Raises
    ------
    NumericError
        No chart, or too few patches that can be used, in one of the captures.
    """
    if "charts" not in work.read:
        shading = work.result("lens_shading")
        options = work.frames.session.options
        found = {}
        for shots in work.frames.shots("chart"):
            cct = float(shots.capture.cct or 0)
            found[cct] = _fitted(shots, None if shading is None else shading.at(cct), options)
        work.read["charts"] = dict(sorted(found.items()))
    readings: dict[float, FittedChart] = work.read["charts"]
    return readings


def white_balance_of(readings: Mapping[float, FittedChart]) -> WhiteBalanceCurve:
    """Neutrals from charts: what a perfect white would read, by the greys' own known colours."""
    points = {}
    for cct, chart in readings.items():
        neutral = chart.fit.neutral / chart.fit.neutral[1]
        greys = chart.rgb[GREYS][chart.used[GREYS]]
        spread = (greys / greys[:, 1:2]).std(0, ddof=1) / np.sqrt(len(greys))
        points[cct] = tuple(Estimate.normal(float(neutral[c]), float(spread[c])) for c in (0, 2))
    rows = np.array([[cct, *map(float, pair)] for cct, pair in points.items()])
    left_out = {}
    for n, cct in enumerate(points):
        if not 0 < n < len(rows) - 1:
            left_out[cct] = Estimate.missing("at an end of the curve", "degrees")
            continue
        curve = WhiteCurve(np.delete(rows, n, 0))
        left_out[cct] = Estimate(angle(curve.neutral(cct), rows[n, 1:]), unit="degrees", reason="no interval")
    known = [e for e in left_out.values() if e.known]
    worst = max(known) if known else Estimate.missing(f"{len(rows)} lights; 3 are needed to leave one out", "degrees")
    notes = () if len(rows) > 1 else ("One light makes no curve; its neutral is in calibration.json.",)
    return WhiteBalanceCurve(points, left_out, worst, notes)  # type: ignore[arg-type]


def matrices_of(readings: Mapping[float, FittedChart]) -> MatrixTable:
    """A matrix for every light, and what the profile takes of them."""
    fits = {cct: chart.fit for cct, chart in readings.items()}
    errors = {}
    for cct, chart in readings.items():
        errors[cct] = np.full(24, np.nan)
        errors[cct][chart.used] = chart.fit.errors
    notes = [f"{cct:.0f} K: {note}" for cct, chart in readings.items() for note in chart.notes]
    each = {cct: fit.stage_values() for cct, fit in fits.items()}
    values: dict[str, dict[str, Any]] = next(iter(each.values()))
    if len(each) > 1:
        values = {"ccm": {"matrix": {"cct": {cct: found["ccm"]["matrix"] for cct, found in each.items()}}}}
        if any(fit.method != "linear" for fit in fits.values()):
            notes.append(
                "A profile holds one look-up table, not one for each light: of the root-polynomials it has the nearest "
                "matrices."
            )
    return MatrixTable(
        {cct: fit.stage_matrix() for cct, fit in fits.items()}, {cct: fit.mean for cct, fit in fits.items()},
        {cct: fit.cross_validated.mean for cct, fit in fits.items()}, {cct: fit.glare for cct, fit in fits.items()},
        errors, values, tuple(dict.fromkeys(notes)),
    )  # fmt: skip


def _fitted(shots: Shots, mesh: Float64 | None, options: OptionSection) -> FittedChart:
    name = shots.capture.files[0].name
    found = patches_from(shots.frames, mesh=mesh)
    used = found.usable
    if used.sum() < FEWEST or used[GREYS].sum() < FEWEST_GREYS:
        raise NumericError(
            f"{name}: {int(used.sum())} of 24 patches can be used, {int(used[GREYS].sum())} of 5 greys; {FEWEST} and "
            f"{FEWEST_GREYS} are needed: {'; '.join(found.notes)}"
        )
    capture = shots.capture
    light = capture.illuminant if capture.chart in SPECTRA and capture.illuminant else "D65"
    xyz = lab_to_xyz(reference_lab(capture.chart, light))
    names = [n for n, use in zip(found.names, used, strict=True) if use]
    try:
        fit = ccm(found.rgb[used], xyz[used], method=options.method, glare=options.glare, names=names)
    except NumericError as error:
        raise NumericError(f"{name}: {error}") from None
    return FittedChart(found.rgb, used, fit, (*found.notes, *fit.warnings))


def angle(one: Float64, ratios: Float64) -> float:
    """Between a neutral (3,) and one given as R/G and B/G, as colours of the camera [degrees]."""
    other = np.array([ratios[0], 1.0, ratios[1]])
    cosine = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))
