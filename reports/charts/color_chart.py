"""The 24-patch colour chart in a picture: where it is, whoever says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from isp.errors import UsageError
from isp.values import Float64, frozen
from reports.charts.chart_refine import CELLS
from reports.charts.lattice import fit_homography, project
from reports.charts.references import COLUMNS, PATCHES, ROWS

PATCH = 1 / 1.15
"""Width of a patch by the step from patch to patch: 40 mm patches with gaps of 6 mm."""
INNER = 0.5
"""Of the step from patch to patch: what is averaged."""


@dataclass(frozen=True)
class NotFound:
    """Why there is no chart: a phrase that can follow "no colour chart: ". False in conditions."""

    reason: str

    def __bool__(self) -> bool:
        return False


@dataclass(frozen=True)
class ColorChart:
    """Where a 24-patch chart lies.

    Parameters
    ----------
    corners : (4, 2) float64
        (x, y) [px] of the outer corners of the corner patches, clockwise from the brown one's; 0 is the outer edge of
        the first pixel.
    patches : (24, 4, 2) float64
        (x, y) [px] of the middle part of each patch, row by row from the brown one, that is safe to average.
    orientation : int
        0, 90, 180, 270: by how much the chart is turned clockwise, to the nearest quarter [deg].
    confidence : float
        0..1: how well the colours agree with the chart's (`reports.charts.chart_search.Match`); 1 by hand or truth.
    how : str
        ``found``, ``by hand``, ``truth``
    """

    corners: Float64
    patches: Float64
    orientation: int
    confidence: float
    how: str

    def outlines(self) -> list[tuple[str, Float64]]:
        """What to draw: name and (N, 2) points."""
        numbered = [(str(number), quad) for number, quad in enumerate(self.patches, 1)]
        return [("colour chart", self.corners), *numbered]


def chart_from_corners(corners: ArrayLike) -> ColorChart:
    """The chart where a hand has marked it.

    Parameters
    ----------
    corners : (4, 2) float
        (x, y) [px] of the outer corners of the patches: of the brown one, then along the first row, clockwise.

    Raises
    ------
    UsageError
        They are not four corners of a convex figure in this order.
    """
    points = np.asarray(corners, np.float64)
    if points.shape != (4, 2) or not np.isfinite(points).all():
        raise UsageError(f"chart corners of shape {points.shape} must be 4 finite points (x, y)")
    sides = np.roll(points, -1, 0) - points
    after = np.roll(sides, -1, 0)
    if not (sides[:, 0] * after[:, 1] - sides[:, 1] * after[:, 0] > 0).all():
        raise UsageError(
            f"chart corners {points.tolist()} must go clockwise around a convex figure from the brown patch's corner"
        )
    return chart_of_homography(fit_homography(_outer(), points), 1.0, "by hand")


def chart_from_truth(regions: Sequence[Mapping[str, Any]]) -> ColorChart:
    """The chart of a simulated scene.

    Parameters
    ----------
    regions : of ``truth.json`` or `sensors.Truth`

    Raises
    ------
    UsageError
        The scene has no 24-patch chart.
    """
    patches = [region for region in regions if region.get("kind") == "patch"]
    if len(patches) != 24 or not all(str(r["name"]).startswith(p) for r, p in zip(patches, PATCHES, strict=True)):
        raise UsageError(f"the {len(patches)} patches of this truth are not those of the 24-patch chart")
    rims = [np.asarray(patches[i]["corners"], np.float64)[k] for k, i in enumerate((0, COLUMNS - 1, 23, 24 - COLUMNS))]
    inner = np.array([patch["inner"] for patch in patches], np.float64)
    return ColorChart(frozen(np.stack(rims)), frozen(inner), _quarter(np.stack(rims)), 1.0, "truth")


def chart_of_homography(homography: Float64, confidence: float, how: str) -> ColorChart:
    """The chart of a map from (column, row) of the patches, (0, 0) the brown one, to (x, y) [px]."""
    square = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * INNER / 2
    corners = project(homography, _outer())
    patches = project(homography, CELLS[:, None] + square)
    return ColorChart(frozen(corners), frozen(patches), _quarter(corners), confidence, how)


def _outer() -> Float64:
    """(4, 2) column and row of the outer corners of the corner patches."""
    low, right, bottom = -PATCH / 2, COLUMNS - 1 + PATCH / 2, ROWS - 1 + PATCH / 2
    return np.array([[low, low], [right, low], [right, bottom], [low, bottom]])


def _quarter(corners: Float64) -> int:
    along = corners[1] - corners[0] + corners[2] - corners[3]
    return round(float(np.degrees(np.arctan2(along[1], along[0]))) / 90) % 4 * 90
