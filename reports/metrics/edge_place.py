"""Where the edge of a region lies, or why it is none: what has to hold before an edge is fitted."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from isp.values import Float64

SHORTEST = 20
"""Pixels a region needs along the edge."""
NARROWEST = 16
"""Pixels a region needs across the edge."""
STEEPEST = 44.0
"""Slant above which an edge is neither near vertical nor near horizontal [deg]."""
CROSSED = 1.0
"""Columns the edge must cross along the region, so that every phase of the pixel is seen [px]."""
CLIPPED = 0.02
"""Part of a side's pixels at a limit of the codes above which the side counts as clipped."""
WEAKEST = 5.0
"""Step over the standard deviation of the noise."""
EXACT = 1e-6
"""Noise of the noisier side by the step, below which a picture is drawn, not taken."""
STRAY = 0.03
"""Part of the pixels, those nearest the edge apart, that may lie on the wrong side of the threshold by noise alone."""
_ROUNDS = 10


@dataclass(frozen=True)
class Line:
    """An edge that rises from left to right in `light`, the region turned so.

    Parameters
    ----------
    light : (h, w)
    turned, mirrored : what was done to the region: transposed, then flipped from left to right
    column : of the edge at the region's centre, from there [px]
    slope : columns per row
    levels : (low, high)
    bend : change of the direction along the region, roughly [deg]
    """

    light: Float64
    turned: bool
    mirrored: bool
    column: float
    slope: float
    levels: tuple[float, float]
    bend: float = 0.0

    @property
    def angle(self) -> float:
        """From the nearest axis, clockwise as seen in the region [deg]."""
        angle = -float(np.degrees(np.arctan(self.slope)))
        return angle if self.turned == self.mirrored else -angle


def refusal(codes: NDArray[np.float64]) -> str:
    """Why these values, (h, w) or (h, w, 3) before decoding, cannot be measured; empty if they can."""
    height, width = codes.shape[:2]
    if min(height, width) < NARROWEST or max(height, width) < SHORTEST:
        return f"the region is {width} x {height} pixels; at least {NARROWEST} across the edge and {SHORTEST} along it"
    if not np.isfinite(codes).all():
        return "the region holds values that are not finite"
    if float(codes.min()) == float(codes.max()):
        return "the region is black" if codes.max() <= 0 else "the region is constant"
    return ""


def locate(light: Float64, codes: Float64, drawn: bool = True) -> Line | str:
    """The edge of a region that `refusal` lets pass, or why there is none.

    Parameters
    ----------
    light : (h, w)
    codes : (h, w) or (h, w, 3) before decoding, in which clipping is seen
    drawn : True if sides without any noise at the limits of the codes are no sign of clipping
    """
    from scipy.ndimage import gaussian_filter

    smooth = gaussian_filter(light, 1.0, mode="nearest")
    threshold = _threshold(smooth)
    bright = smooth > threshold
    y, x = (np.arange(n) - (n - 1) / 2 for n in light.shape)
    # the gradient of the best plane through the two classes points across the edge
    towards = (float((bright * x).sum() / (x**2).sum() / len(y)), float((bright.T * y).sum() / (y**2).sum() / len(x)))
    turned = abs(towards[1]) > abs(towards[0])
    mirrored = towards[turned] < 0

    def oriented(values: NDArray[np.float64]) -> Float64:
        values = values.swapaxes(0, 1) if turned else values
        return np.ascontiguousarray(values[:, ::-1] if mirrored else values)

    light, smooth, codes = oriented(light), oriented(smooth), oriented(codes)
    height, width = light.shape
    if height < SHORTEST:
        return f"the region is {height} pixels long along the edge; at least {SHORTEST}"
    low, high = float(np.median(smooth[smooth <= threshold])), float(np.median(smooth[smooth > threshold]))
    # a row's dark share says where the edge crosses it, whatever the blur
    crossing = (1 - np.clip((smooth - low) / (high - low), 0, 1)).sum(axis=1) - width / 2
    rows = np.arange(height) - (height - 1) / 2
    usable = np.abs(crossing) < width / 2 - 2
    slope, column = 0.0, 0.0
    for _ in range(_ROUNDS):
        if usable.sum() < SHORTEST // 2:
            return "no edge: the two levels are not on two sides of a line"
        slope, column = (float(v) for v in np.polyfit(rows[usable], crossing[usable], 1))
        gap = np.abs(crossing - column - slope * rows)
        usable = (gap < max(3 * float(np.median(gap[usable])), 0.5)) & (np.abs(crossing) < width / 2 - 2)
    bend = float(np.degrees(np.arctan(2 * abs(np.polyfit(rows[usable], crossing[usable], 2)[0]) * height)))
    return _judged(Line(light, turned, mirrored, column, slope, (low, high), bend), smooth, codes, threshold, drawn)


def _judged(line: Line, smooth: Float64, codes: Float64, threshold: float, drawn: bool) -> Line | str:
    """The line if both of its sides are even, long enough and apart."""
    height, width = smooth.shape
    x, rows = np.arange(width) - (width - 1) / 2, np.arange(height) - (height - 1) / 2
    distance = (x - line.column - line.slope * rows[:, None]) / np.hypot(1, line.slope)
    sides = distance < -3, distance > 3
    if min(float(s.mean()) for s in sides) < 0.15 or min(-distance.min(), distance.max()) < NARROWEST / 2 - 1:
        return "no edge: one side of it is missing or too narrow"
    low, high = (float(np.median(line.light[s])) for s in sides)
    noise = max(_noise(line.light, s) for s in sides)
    stray = max(float((smooth[s] > threshold).mean()) if i == 0 else float((smooth[s] <= threshold).mean())
                for i, s in enumerate(sides))  # fmt: skip
    if stray > STRAY:
        return f"not one straight edge: {stray:.0%} of a side's pixels have the other side's level"
    if high <= low:
        return "no edge: its two sides have the same level"
    if high - low < WEAKEST * noise:
        ratio = (high - low) / noise
        return f"the contrast is too low for the noise: step / noise is {ratio:.1f}, at least {WEAKEST:g}"
    exact = drawn and noise < EXACT * (high - low)
    for side, name in () if exact else zip(sides, ("dark", "light"), strict=True):
        part = codes[side]
        at_limit = float(((part == 0.0) | (part == 1.0)).reshape(len(part), -1).any(axis=1).mean())
        if at_limit > CLIPPED:
            return f"the {name} side is clipped: {at_limit:.0%} of its pixels are at a limit of the codes"
    angle = abs(line.angle)
    if angle > STEEPEST:
        return f"the edge slants by {angle:.1f} degrees; at most {STEEPEST:g}"
    if abs(line.slope) * height < CROSSED:
        return f"the edge is aligned with the pixels: it crosses {abs(line.slope) * height:.2f} columns, at least 1"
    return replace(line, levels=(low, high))


def _threshold(values: Float64) -> float:
    """Between two classes of least variance within them (Otsu 1979), by alternating means."""
    between = float(values.min() + values.max()) / 2
    for _ in range(50):
        upper = values > between
        moved = float(values[upper].mean() + values[~upper].mean()) / 2
        if moved == between:
            break
        between = moved
    return between


def _noise(light: Float64, side: NDArray[np.bool_]) -> float:
    """Standard deviation of pixels, from differences of neighbours: shading does not count."""
    both = side[:, 1:] & side[:, :-1]
    # 1.4826: from the median deviation of a normal distribution to its standard deviation
    return float(np.median(np.abs(np.diff(light, axis=1)[both])) * 1.4826 / np.sqrt(2))
