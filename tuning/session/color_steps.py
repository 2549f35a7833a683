"""White balance and colour matrices of a session, from its 24-patch charts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from isp.errors import NumericError
from isp.values import Float64
from reports.charts.references import SPECTRA, reference_lab
from reports.light import lab_to_xyz
from tuning.calibrate.chart_patches import patches_from
from tuning.calibrate.color_result import ColorFit
from tuning.calibrate.matrix_table import MatrixTable, color_matrices, fit_light
from tuning.calibrate.patch_classes import class_weights
from tuning.calibrate.residual_table import ResidualLut, residual_lut
from tuning.session.captures import Shots

if TYPE_CHECKING:
    from tuning.session.steps import Work

GREYS = slice(18, 23)
"""White to the last grey above black."""
FEWEST, FEWEST_GREYS = 18, 3
"""Usable patches below which a chart is not fitted."""


@dataclass(frozen=True)
class ChartColors:
    """The matrices of a session's charts, which patches each light has (24,), and sentences on the others.

    `richer` is a root-polynomial, or the table of what the matrix leaves, where the session asks for one.
    """

    table: MatrixTable
    used: Mapping[float, Any]
    notes: tuple[str, ...]
    richer: ColorFit | ResidualLut | None = None

    def stage_values(self) -> dict[str, dict[str, Any]]:
        """Parameters of `ccm`, and of `look_lut` behind it."""
        return {"ccm": {"matrix": self.table.stage_value()}} if self.richer is None else self.richer.stage_values()

    def patch_errors(self, cct: float) -> Float64:
        """(24,) CIEDE2000 by the light's own matrix; NaN where a patch could not be used."""
        errors = np.full(24, np.nan)
        errors[self.used[cct]] = self.table.fits[cct].errors
        return errors


def chart_colors(work: Work) -> ChartColors:
    """Charts read and fitted, once for all calibrations; of several charts under one light the last counts.

    Raises
    ------
    NumericError
        No chart, or too few patches that can be used, in one of the captures; or colours that are not a chart's.
    """
    if "colors" not in work.read:
        shading = work.result("lens_shading")
        options = work.frames.session.options
        given: dict[float | str, tuple[ArrayLike, ArrayLike]] = {}
        used, notes = {}, []
        each: dict[str, dict[float, Any]] = {"names": {}, "weights": {}, "positions": {}}
        for shots in work.frames.shots("chart"):
            cct = float(shots.capture.cct or 0)
            found = _read(shots, None if shading is None else shading.at(cct))
            good = found.usable
            given[cct], used[cct] = (found.rgb[good], _reference(shots)[good]), good
            each["names"][cct] = [name for name, use in zip(found.names, good, strict=True) if use]
            each["weights"][cct] = class_weights(each["names"][cct], **options.weights)
            if options.uneven_light:
                each["positions"][cct] = found.positions[good]
            notes += [f"{cct:.0f} K: {note}" for note in found.notes]
        how: dict[str, Any] = {"glare": options.glare, "objective": options.objective}
        how |= {option: by_light for option, by_light in each.items() if by_light}
        table = color_matrices(given, **how)
        richer: ColorFit | ResidualLut | None = None
        if options.color != "matrix" and len(given) > 1:
            notes.append(f"{options.color}: a profile holds one table behind its matrices, for one light; "
                         f"charts of {len(given)} lights give matrices only")
        elif options.color == "root_polynomial":
            richer = fit_light(*next(iter(given.items())), {**how, "method": "root_polynomial"})
        elif options.color == "residual":
            richer = residual_lut(*table.fits.values())
        notes = [*dict.fromkeys(notes), *table.warnings, *(() if richer is None else richer.warnings)]
        work.read["colors"] = ChartColors(table, used, tuple(dict.fromkeys(notes)), richer)
    colors: ChartColors = work.read["colors"]
    return colors


def _read(shots: Shots, mesh: Float64 | None) -> Any:
    found = patches_from(shots.frames, mesh=mesh)
    count, greys = int(found.usable.sum()), int(found.usable[GREYS].sum())
    if count < FEWEST or greys < FEWEST_GREYS:
        raise NumericError(
            f"{shots.capture.files[0].name}: {count} of 24 patches can be used, {greys} of 5 greys; {FEWEST} and "
            f"{FEWEST_GREYS} are needed: {'; '.join(found.notes)}"
        )
    return found


def _reference(shots: Shots) -> Float64:
    """(24, 3) XYZ of the patches, white adapted to D65."""
    capture = shots.capture
    light = capture.illuminant if capture.chart in SPECTRA and capture.illuminant else "D65"
    return lab_to_xyz(reference_lab(capture.chart, light))
