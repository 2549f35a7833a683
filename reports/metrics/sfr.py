"""Sharpness of a slanted edge: spatial frequency response, MTF50 and its kin, each with an interval (ISO 12233:2023).

The standard's e-SFR bins pixels by their distance from the edge and differentiates, which amplifies noise: its MTF50
scatters twice as much as the data allow. Here the edge spread function is fitted to the pixels themselves
(`reports.metrics.edge_fit`), which is nearly as precise as if the shape of the blur were known.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from isp.errors import UsageError
from isp.values import Float64
from reports.estimate import Estimate, Measured
from reports.light import Encoding, linear, luminance, values
from reports.metrics.edge_fit import BENDS, WIDEST, EdgeFit, fit_edge
from reports.metrics.edge_place import Line, locate, refusal
from reports.metrics.edge_reading import FREQUENCIES, PER_PIXEL, of_bins, of_fit
from reports.metrics.edge_spread import spread

Method = Literal["model", "iso12233"]
UNITS = {
    "mtf50": PER_PIXEL, "mtf10": PER_PIXEL, "mtf50p": PER_PIXEL, "mtf_nyquist": "", "overshoot": "%", "undershoot": "%",
    "edge_width": "px", "angle": "deg", "contrast": "", "snr": "",
}  # fmt: skip
UNSURE = 0.25
"""Half of the interval of MTF50 by its value, above which there is no value."""
UNEVEN = 0.03
"""Of the step: what the mean of 4 x 4 pixels may be off the fitted edge, root mean square, noise apart."""
BENT = 5.0
"""Change of the edge's direction along the region above which it has no one direction [deg]."""


@dataclass(frozen=True)
class SlantedEdge(Measured):
    """What an edge says about sharpness; frequencies along the normal of the edge.

    Parameters
    ----------
    mtf50, mtf10 : Estimate [cycles/pixel]
        Where the response falls to 50 and 10 % of that at 0.
    mtf50p : Estimate [cycles/pixel]
        Where it falls to half of its peak, which sharpening raises above 1: sharpening moves it less.
    mtf_nyquist : Estimate
        The response at 0.5 cycles/pixel.
    overshoot, undershoot : Estimate [%]
        How far the edge spread exceeds the light side, and falls below the dark side, of the step between them.
    edge_width : Estimate [px]
        From 10 to 90 % of the step.
    angle : Estimate [deg]
        From the nearest pixel axis, clockwise.
    contrast : Estimate
        Michelson's, (light - dark) / (light + dark).
    snr : Estimate
        Step by the standard deviation of the noise of one pixel, mean of both sides.
    frequency, sfr : (K,) float64 [cycles/pixel], response; empty if there is none
    sfr_deviation : (K,) float64, standard error of `sfr`
    position, esf : (M,) float64, distance from the edge, dark to light [px], and edge spread in light
    vertical : True if the edge is nearer to vertical
    method : ``model`` or ``iso12233``
    reason : why there is nothing, or empty
    """

    mtf50: Estimate
    mtf10: Estimate
    mtf50p: Estimate
    mtf_nyquist: Estimate
    overshoot: Estimate
    undershoot: Estimate
    edge_width: Estimate
    angle: Estimate
    contrast: Estimate
    snr: Estimate
    frequency: Float64 = field(default_factory=lambda: np.zeros(0))
    sfr: Float64 = field(default_factory=lambda: np.zeros(0))
    sfr_deviation: Float64 = field(default_factory=lambda: np.zeros(0))
    position: Float64 = field(default_factory=lambda: np.zeros(0))
    esf: Float64 = field(default_factory=lambda: np.zeros(0))
    vertical: bool = True
    method: Method = "model"
    reason: str = ""

    @classmethod
    def missing(cls, reason: str, method: Method = "model") -> SlantedEdge:
        """The result where nothing could be measured."""
        nothing: dict[str, Any] = {name: Estimate.missing(reason, unit) for name, unit in UNITS.items()}
        return cls(**nothing, method=method, reason=reason)


def slanted_edge(
    region: ArrayLike, encoding: Encoding = "linear", *, method: Method = "model", space: str = "srgb"
) -> SlantedEdge:
    """The response of the straight edge that crosses a region.

    Parameters
    ----------
    region : (h, w) or (h, w, 3)
        Codes or values with one edge from side to side, off the pixel columns or rows by one pixel along the region
        to 44 degrees, and even areas on both sides of it. Of colours the luminance is taken. The ends of the codes,
        0 and 1 of floating point with noise, count as clipped.
    encoding : str or callable
        How pixels stand for light; see `reports.light.Encoding`. A tone curve that is not undone bends the edge: give
        its inverse.
    method : str
        ``model`` fits the edge spread function, a blurred step and a spline, to all pixels at once. ``iso12233`` bins,
        differentiates and transforms as the standard's e-SFR does: to compare with other programs.
    space : primaries of RGB

    Returns
    -------
    SlantedEdge
        All n.a. with the reason where there is no edge, not one edge, or one that cannot be measured.

    Raises
    ------
    UsageError
        A region that is not (h, w) or (h, w, 3), or an unknown method or encoding.
    """
    if method not in get_args(Method):
        raise UsageError(f"method {method!r} is not known; methods: {', '.join(get_args(Method))}")
    shape = np.shape(region)
    if not (len(shape) == 2 or (len(shape) == 3 and shape[2] == 3)):
        raise UsageError(f"region of shape {shape} must be (h, w) or (h, w, 3)")
    codes = values(region)
    reason = refusal(codes)
    if reason:
        return SlantedEdge.missing(reason, method)
    light = linear(region, encoding, space)
    light = luminance(light, space) if light.ndim == 3 else light
    if not np.isfinite(light).all():
        return SlantedEdge.missing("the region's light is not finite", method)
    line = locate(light, codes, drawn=np.asarray(region).dtype.kind == "f")
    if isinstance(line, str):
        return SlantedEdge.missing(line, method)
    try:
        fit = fit_edge(line.light, (line.column, line.slope), line.levels)
    except (np.linalg.LinAlgError, ValueError):
        return SlantedEdge.missing("no edge that a blurred step fits", method)
    reason = _doubtful(fit)
    return SlantedEdge.missing(reason, method) if reason else _read(line, fit, method)


def _read(line: Line, fit: EdgeFit, method: Method) -> SlantedEdge:
    if method == "model":
        reading = of_fit(fit)
    else:
        binned = spread(line.light, fit, FREQUENCIES)
        if isinstance(binned, str):
            return SlantedEdge.missing(binned, method)
        reading = of_bins(binned)
    mtf50 = reading.numbers["mtf50"]
    half = (mtf50.interval[1] - mtf50.interval[0]) / 2
    if mtf50.known and half > UNSURE * mtf50:
        told = f"MTF50 would be {float(mtf50):.3f}, uncertain by {half / mtf50:.0%} (at most {UNSURE:.0%})"
        return SlantedEdge.missing(f"too much noise: {told}", method)
    (low, high), deviation = fit.levels, np.sqrt(np.diag(fit.covariance))
    total, along = low + high, fit.distance.shape[0] - 1
    slant = Estimate.normal(_angle(line, fit), math.degrees(2 * deviation[1] / along / (1 + line.slope**2)), "deg")
    contrast = Estimate.missing("the sides' levels are not above 0")
    if total > 0:
        error = 2 / total**2 * math.hypot(high * deviation[BENDS], low * deviation[BENDS + 1])
        contrast = Estimate.normal((high - low) / total, error)
    ratio = (high - low) / (sum(fit.noise) / 2)
    # relative error of a standard deviation of n values: 1 / sqrt(2 n)
    snr = Estimate.normal(ratio, ratio / math.sqrt(2 * fit.distance.size / fit.correlation))
    numbers: dict[str, Any] = reading.numbers
    return SlantedEdge(
        **numbers, angle=slant, contrast=contrast, snr=snr, frequency=FREQUENCIES, sfr=reading.sfr,
        sfr_deviation=reading.deviation, position=reading.position, esf=low + (high - low) * reading.response,
        vertical=not line.turned, method=method,
    )  # fmt: skip


def _doubtful(fit: EdgeFit) -> str:
    """Why this is not the fit of one straight edge; empty if it is."""
    height, width = fit.distance.shape
    if not (np.isfinite(fit.residual).all() and np.isfinite(fit.curve.parameters).all()):
        return "no edge that a blurred step fits"
    if fit.curve.width >= 0.99 * WIDEST * width:
        return "the edge is too blurred for the region: no even level beside it"
    # slope at the ends of the region less that at its centre, of the bend's Legendre polynomial
    bent = math.degrees(math.atan(abs(fit.position[2]) * 6 * 2 / (height - 1)))
    if bent > BENT:
        return f"the edge is bent: its direction changes by {bent:.0f} degrees, at most {BENT:g}"
    uneven = _uneven(fit.residual, fit.correlation)
    if uneven > UNEVEN:
        return f"not one even edge: {uneven:.1%} of the step is left over, at most {UNEVEN:.0%}"
    return ""


def _angle(line: Line, fit: EdgeFit) -> float:
    # at the centre the S-shaped part leans against the slant
    slope = (fit.position[1] - 1.5 * fit.position[3]) * 2 / (fit.distance.shape[0] - 1)
    return replace(line, slope=float(slope)).angle


def _uneven(residual: Float64, correlation: float, side: int = 4) -> float:
    """Root mean square of what `side` x `side` means are off the model beyond noise, fraction of the step."""
    height, width = (n // side * side for n in residual.shape)
    blocks = residual[:height, :width].reshape(height // side, side, width // side, side)
    # the noise from within the blocks, so that structure between them does not pass for it
    noise = float(blocks.var(axis=(1, 3), ddof=1).mean()) / side**2 * correlation
    return float(np.sqrt(max(0.0, float((blocks.mean(axis=(1, 3)) ** 2).mean()) - noise)))
