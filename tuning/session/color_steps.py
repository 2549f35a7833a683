"""White balance and colour matrices of a session, from its 24-patch charts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from isp.color.spaces import rgb_to_xyz
from isp.color.white_curve import WhiteCurve
from isp.errors import NumericError
from isp.values import Float64
from reports.charts import NotFound, find_color_chart, read_patches
from reports.charts.references import SPECTRA, reference_lab
from reports.estimate import Estimate, Measured, mean_of
from reports.light import lab_to_xyz
from reports.source import Source
from tuning.calibrate.camera_picture import camera_picture
from tuning.session.captures import Shots
from tuning.session.color_fit import errors, fit_matrix

if TYPE_CHECKING:
    from tuning.session.plan import OptionSection
    from tuning.session.steps import Work

GREYS = slice(18, 23)
"""White to the last grey above black."""
TOP = 0.98
"""Response [of white] from which a patch counts as clipped."""


@dataclass(frozen=True)
class ChartReading:
    """A chart under one light.

    Parameters
    ----------
    cct : [K]
    rgb : (24, 3) float64
        Camera RGB, black 0 and white 1, shading taken out, not balanced.
    xyz : (24, 3) float64
        What the patches should be, D65 white of Y = 1.
    good : (24,) bool
        Read and not clipped.
    positions : (24, 2) float64
        Middles of the patches, relative to the frame, 0..1.
    std : (24, 3) float64
        Noise of a pixel.
    """

    cct: float
    rgb: Float64
    xyz: Float64
    good: Any
    positions: Float64
    std: Float64


def read_chart(shots: Shots, mesh: Float64 | None) -> ChartReading:
    """Find the chart in the mean of some frames and read its patches.

    Raises
    ------
    NumericError
        No chart, or too few patches that can be used.
    """
    name = shots.capture.files[0].name
    picture, gains = camera_picture(shots.frames, mesh)
    source = Source(picture)
    chart = find_color_chart(source)
    if isinstance(chart, NotFound):
        raise NumericError(f"{name}: no colour chart: {chart.reason}")
    found = read_patches(source, chart)
    rgb = found.rgb / gains
    good = ~found.unusable & (rgb < TOP).all(1) & (rgb > 0).all(1)
    if good.sum() < 18 or good[GREYS].sum() < 3:
        raise NumericError(
            f"{name}: {int(good.sum())} of 24 patches can be used, {int(good[GREYS].sum())} of 5 greys; 18 and 3 are "
            "needed: mind clipping"
        )
    illuminant = shots.capture.illuminant
    spectral = shots.capture.chart in SPECTRA
    lab = reference_lab(shots.capture.chart, illuminant if spectral and illuminant else "D65")
    size = np.array(picture.shape[::-1])
    return ChartReading(
        float(shots.capture.cct or 0), rgb, lab_to_xyz(lab), good, chart.patches.mean(1) / size, found.std / gains
    )


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
    """Colour matrices over colour temperature, from balanced camera RGB to linear sRGB primaries.

    Parameters
    ----------
    matrices : mapping of colour temperature [K] to (3, 3) float64, rows sum to 1
    mean : mapping of colour temperature to Estimate
        Mean CIEDE2000 of the patches.
    cross_validated : mapping of colour temperature to Estimate
        The same of patches that were left out of the fit in turn.
    errors : mapping of colour temperature to (24,) float64
        CIEDE2000 of each patch; NaN where it could not be used.
    """

    matrices: Mapping[float, Float64]
    mean: Mapping[float, Estimate]
    cross_validated: Mapping[float, Estimate]
    errors: Mapping[float, Float64]
    notes: tuple[str, ...] = ()

    def stage_value(self, digits: int = 5) -> Any:
        """`ccm.matrix`."""
        plain = {cct: np.round(matrix, digits).tolist() for cct, matrix in self.matrices.items()}
        return next(iter(plain.values())) if len(plain) == 1 else {"cct": plain}


def charts(work: Work) -> dict[float, ChartReading]:
    """The charts of a session by colour temperature; of several of one light the last."""
    if "charts" not in work.read:
        shading = work.result("lens_shading")
        found = {}
        for shots in work.frames.shots("chart"):
            cct = float(shots.capture.cct or 0)
            found[cct] = read_chart(shots, None if shading is None else shading.at(cct))
        work.read["charts"] = dict(sorted(found.items()))
    readings: dict[float, ChartReading] = work.read["charts"]
    return readings


def white_balance_of(readings: Mapping[float, ChartReading]) -> WhiteBalanceCurve:
    """Neutrals from the greys of charts.

    Greys are not quite neutral: what their known colours would look like to the camera, by the matrix that fits all
    patches, is divided out.
    """
    points = {}
    for cct, reading in readings.items():
        neutral, spread = _neutral(reading)
        points[cct] = tuple(Estimate.normal(float(neutral[c]), float(spread[c])) for c in (0, 2))
    rows = np.array([[cct, *map(float, pair)] for cct, pair in points.items()])
    left_out = {}
    for n, cct in enumerate(points):
        if not 0 < n < len(rows) - 1:
            left_out[cct] = Estimate.missing("at an end of the curve", "degrees")
            continue
        curve = WhiteCurve(np.delete(rows, n, 0))
        left_out[cct] = Estimate(_angle(curve.neutral(cct), rows[n, [1, 2]]), unit="degrees", reason="no interval")
    known = [e for e in left_out.values() if e.known]
    worst = max(known) if known else Estimate.missing(f"{len(rows)} lights; 3 are needed to leave one out", "degrees")
    notes = () if len(rows) > 1 else ("One light makes no curve; the neutral is in calibration.json.",)
    return WhiteBalanceCurve(points, left_out, worst, notes)  # type: ignore[arg-type]


def matrices_of(readings: Mapping[float, ChartReading], options: OptionSection) -> MatrixTable:
    """A matrix for every light."""
    matrices, mean, crossed, each = {}, {}, {}, {}
    for cct, reading in readings.items():
        neutral, _ = _neutral(reading)
        rgb, xyz = (reading.rgb / neutral)[reading.good], reading.xyz[reading.good]
        matrix, scale = fit_matrix(rgb, xyz)
        matrices[cct] = matrix
        found = errors(matrix, scale, rgb, xyz)
        each[cct] = np.full(24, np.nan)
        each[cct][reading.good] = found
        mean[cct] = mean_of(found)
        left = []
        for n in range(len(rgb)):
            rest = np.arange(len(rgb)) != n
            left.append(float(errors(*fit_matrix(rgb[rest], xyz[rest]), rgb[n : n + 1], xyz[n : n + 1])[0]))
        crossed[cct] = mean_of(left)
    return MatrixTable(matrices, mean, crossed, each)


def _neutral(reading: ChartReading) -> tuple[Float64, Float64]:
    """Camera RGB of a neutral object, green 1, and its standard error."""
    greys = np.arange(24)[GREYS][reading.good[GREYS]]
    neutral = reading.rgb[greys].sum(0)
    spread = np.zeros(3)
    for _ in range(2):
        neutral = neutral / neutral[1]
        matrix, scale = fit_matrix((reading.rgb / neutral)[reading.good], reading.xyz[reading.good])
        srgb = reading.xyz[greys] @ np.linalg.inv(rgb_to_xyz("srgb")).T
        each = reading.rgb[greys] / (srgb @ np.linalg.inv(matrix).T / scale)
        each = each / each[:, 1:2]
        neutral = each.mean(0)
        spread = each.std(0, ddof=1) / np.sqrt(len(greys))
    return neutral, spread


def _angle(one: Float64, ratios: Float64) -> float:
    """Between two neutrals as colours of the camera [degrees]."""
    other = np.array([ratios[0], 1.0, ratios[1]])
    cosine = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))
