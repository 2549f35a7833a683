"""Distortion and lateral colour of a lens, from raw frames of dots, as the stages that undo them take it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from isp.errors import NumericError
from isp.rectilinear import inverse_radial
from isp.values import RawFrame
from reports.estimate import Estimate, Measured
from reports.metrics.geometry import Distortion
from reports.metrics.lateral import LateralColor
from reports.source import Source
from tuning.calibrate.camera_picture import camera_picture
from tuning.calibrate.planes import check_alike

FEWEST_DOTS = 40
"""Dots below which the corners of the frame are not known."""


@dataclass(frozen=True)
class DistortionCalibration(Measured):
    """Distortion.

    Parameters
    ----------
    radial : (4,) of float
        k0..k3 of the stage `distortion` (DNG's WarpRectilinear): from corrected radius to that in the frame.
    centre : (x, y)
        Optical centre, 0 the first pixel and 1 the last; the middle where distortion is too small to have one.
    corner : Estimate [%]
        Local distortion in the corners, before correction.
    residual : Estimate [px]
        Root mean square distance of the dots from the model.
    measured : Distortion
        What it comes from (`reports.metrics.distortion`).
    dots : number of dots
    """

    radial: tuple[float, float, float, float]
    centre: tuple[float, float]
    corner: Estimate
    residual: Estimate
    measured: Distortion = field(repr=False)
    dots: int

    def stage_values(self, digits: int = 7) -> dict[str, object]:
        """What the stage `distortion` takes."""
        radial, centre = ([round(v, digits) for v in part] for part in (self.radial, self.centre))
        return {"radial": radial, "tangential": [], "centre": centre}


@dataclass(frozen=True)
class LateralCalibration(Measured):
    """Lateral chromatic aberration.

    Parameters
    ----------
    red, blue : (2,) of float
        c0, c1 of the stage `chromatic_aberration`: shift of the colour along the radius, relative to the radius.
    red_corner, blue_corner : Estimate [px]
        In the corners; positive where the colour's image is larger than green's.
    measured : LateralColor
        What it comes from (`reports.metrics.lateral_color`).
    """

    red: tuple[float, float]
    blue: tuple[float, float]
    red_corner: Estimate
    blue_corner: Estimate
    measured: LateralColor = field(repr=False)

    def stage_values(self, digits: int = 8) -> dict[str, object]:
        """What the stage `chromatic_aberration` takes."""
        red, blue = ([round(v, digits) for v in part] for part in (self.red, self.blue))
        return {"red": red, "blue": blue, "centre": [0.5, 0.5]}


def distortion(frames: Sequence[RawFrame]) -> DistortionCalibration:
    """Distortion from frames of a grid of dots (ISO 17850) that fills the picture.

    Parameters
    ----------
    frames : sequence of RawFrame
        Of one camera and one setup; averaged, which calms noise. The dots at least 10 px wide.

    Raises
    ------
    UsageError
        No frames, or frames that differ in size.
    NumericError
        No grid of dots is found, or it leaves the corners out.
    """
    from reports.charts.dots import find_dots
    from reports.metrics.geometry import distortion as measure

    check_alike(frames, "distortion")
    picture, _ = camera_picture(frames)
    grid = find_dots(Source(picture))
    if grid is None or len(grid.centres) < FEWEST_DOTS:
        count = 0 if grid is None else len(grid.centres)
        raise NumericError(
            f"distortion: {count} dots found in a grid, {FEWEST_DOTS} are needed; photograph a chart of dark dots on a "
            "light ground that fills the frame, each dot 10 px wide or more"
        )
    found = measure(grid.centres, grid.indices, grid.size)
    if not found.corner.known:
        raise NumericError(f"distortion: {found.corner.reason}; let the dots fill the frame up to its corners")
    width, height = grid.size
    k = [float(v) for v in (found.k1, found.k2, found.k3)]
    try:
        radial = inverse_radial(k, largest=min(1.0, 1.0 + sum(k)))
    except ValueError as error:
        raise NumericError(f"distortion: {error}") from None
    known = found.center_x.known and found.center_y.known
    centre = (
        ((float(found.center_x) - 0.5) / (width - 1), (float(found.center_y) - 0.5) / (height - 1))
        if known
        else (0.5, 0.5)
    )
    # the stage's radius is 1 at the farthest corner's pixel centre, the metric's at half the diagonal
    away = [max(c, 1 - c) * (n - 1) for c, n in zip(centre, (width, height), strict=True)]
    ratio = float(np.hypot(away[0], away[1]) / (np.hypot(width, height) / 2))
    values = tuple(float(q) * ratio ** (2 * i) for i, q in enumerate(radial))
    return DistortionCalibration(
        values, centre, found.corner, found.residual, found, len(grid.centres)  # type: ignore[arg-type]
    )


def lateral_color(frames: Sequence[RawFrame]) -> LateralCalibration:
    """Lateral colour from frames with neutral detail all over: dots, edges, a star.

    Parameters
    ----------
    frames : sequence of RawFrame
        Of one camera and one setup; averaged.

    Raises
    ------
    UsageError
        No frames, or frames that differ in size.
    NumericError
        Too few places with neutral detail.

    Notes
    -----
    Colours are interpolated linearly, each from its own sites only, so that none moves another.
    """
    from reports.metrics.lateral import lateral_color as measure

    check_alike(frames, "lateral colour")
    found = measure(Source(camera_picture(frames)[0]))
    if not (found.red_corner.known and found.blue_corner.known):
        why = found.red_corner.reason or found.blue_corner.reason
        raise NumericError(f"lateral colour: {why}; photograph dots or edges that fill the frame")
    width, height = found.size
    half, corner = np.hypot(width, height) / 2, np.hypot(width - 1, height - 1) / 2
    scale = np.array([1.0, (corner / half) ** 2]) / half
    red, blue = (tuple(float(v) for v in terms * scale) for terms in (found.red_terms, found.blue_terms))
    return LateralCalibration(red, blue, found.red_corner, found.blue_corner, found)  # type: ignore[arg-type]
