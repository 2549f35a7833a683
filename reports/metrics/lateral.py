"""Lateral chromatic aberration: how far red and blue lie from green over the field (ISO 19084)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from isp.errors import UsageError
from isp.values import Float64
from reports.estimate import CONFIDENCE, DRAWS, Estimate, Measured
from reports.light import Encoding, linear, luminance
from reports.source import Source

COLUMNS, ROWS = 16, 12
"""Parts of the picture, in each of which the place of most detail is measured."""
SIDE = 64
"""Of a place [px]."""
MARGIN = 14
"""Around a place: the largest shift that can be seen, and what interpolation needs [px]."""
FEWEST = 8
"""Places below which nothing is fitted."""
APART = 0.3
"""Least range of distances from the middle that a polynomial is fitted to [halves of the diagonal]."""
ALIKE = 0.9
"""Least share of one channel's variance that green, shifted, must explain."""
FAINT = 2e-3
"""Steps of light from pixel to pixel below which a place has no detail, root mean square [of white]."""
ACROSS = 0.2
"""Least share of a place's squared slopes that lies along the radius: spokes of a star show no radial shift."""
_CENTRE = 0.05
"""Within this part of the half diagonal the radial direction means nothing."""

Reader = Callable[[int, int, int, int], Float64]


@dataclass(frozen=True)
class LateralColor(Measured):
    """Radial shifts against green: positive where the colour's image is the larger one.

    Parameters
    ----------
    worst : Estimate
        The largest size of both colours' fitted shifts within the measured field [px].
    red, blue : Estimate
        The fitted shift of largest size within the measured field, signed [px].
    red_corner, blue_corner : Estimate
        Fitted shift at half the diagonal, signed [px].
    positions : (N, 2) float64
        x, y of the middles of the detail at the places measured [px].
    radius : (N,) float64
        Their distance from the picture's middle [halves of the diagonal].
    red_shift, blue_shift : (N,) float64
        Measured shifts [px]; NaN where a place was not usable.
    red_terms, blue_terms : (2,) float64
        c1, c3 of the fit c1 r + c3 r^3 [px].
    size : (width, height) [px]
    """

    worst: Estimate
    red: Estimate
    blue: Estimate
    red_corner: Estimate
    blue_corner: Estimate
    positions: Float64 = field(repr=False)
    radius: Float64 = field(repr=False)
    red_shift: Float64 = field(repr=False)
    blue_shift: Float64 = field(repr=False)
    red_terms: Float64 = field(repr=False)
    blue_terms: Float64 = field(repr=False)
    size: tuple[int, int]

    def curve(self, color: str, radius: ArrayLike) -> Float64:
        """Fitted shift [px] of ``red`` or ``blue`` at radii [halves of the diagonal]."""
        return _powers(np.asarray(radius, np.float64)) @ (self.red_terms if color == "red" else self.blue_terms)


def lateral_color(
    picture: ArrayLike | Source, *, encoding: Encoding = "linear", space: str = "srgb", seed: int = 0
) -> LateralColor:
    """Lateral chromatic aberration of a picture with neutral detail all over: dots, edges, texture.

    In each of 16 x 12 parts, red and blue of the 64 px with most detail are laid on green by least squares: brightness,
    offset and a shift in the radial direction (Lucas and Kanade 1981), on light smoothed by a Gaussian of 1 px. Detail
    that is coloured itself explains its channels badly, and is left out. A polynomial c1 r + c3 r^3 is fitted to the
    shifts; intervals come from resampling places.

    Parameters
    ----------
    picture : (H, W, 3) or Source
        Linear RGB, 1 is white, or as `encoding` says.
    encoding, space : str
        See `reports.light.linear`; a Source knows its own.
    seed : int
        Of the resampling.

    Raises
    ------
    UsageError
        An array that is not (H, W, 3).
    """
    if isinstance(picture, Source):
        shape, read, space = picture.shape, picture.light, picture.space
    else:
        array = np.asarray(picture)
        if array.ndim != 3 or array.shape[2] != 3:
            raise UsageError(f"picture of shape {array.shape} must be (H, W, 3)")
        shape = array.shape[0], array.shape[1]

        def read(top: int, left: int, height: int, width: int) -> Float64:
            return linear(array[top : top + height, left : left + width], encoding, space)

    places = list(_places(shape, read, space))
    middle = np.array(shape[::-1]) / 2
    half = float(np.hypot(*middle))
    found = np.array([_shifts(read, *p, middle) for p in places]).reshape(-1, 4)
    kept = np.isfinite(found[:, 2:]).any(1)
    positions = found[kept][:, :2]
    radius = np.hypot(*(positions - middle).T) / half
    return _fitted(positions, radius, found[kept][:, 2], found[kept][:, 3], (shape[1], shape[0]), seed)


def _places(shape: tuple[int, int], read: Reader, space: str) -> Iterator[tuple[int, int]]:
    """Left and top of the place with most detail in each part of the picture that has any."""
    from scipy.ndimage import gaussian_filter

    whole = SIDE + 2 * MARGIN
    rows, columns = min(ROWS, shape[0] // whole), min(COLUMNS, shape[1] // whole)
    for row in range(rows):
        for column in range(columns):
            top, left = row * shape[0] // rows, column * shape[1] // columns
            height, width = (row + 1) * shape[0] // rows - top, (column + 1) * shape[1] // columns - left
            plane = gaussian_filter(luminance(read(top, left, height, width), space), 1.0)
            down, across = np.gradient(plane)
            y = (np.arange(top, top + height) + 0.5 - shape[0] / 2)[:, None]
            x = (np.arange(left, left + width) + 0.5 - shape[1] / 2)[None, :]
            # only detail across the radius shows a shift along it
            slope = (down * y + across * x) ** 2 / np.maximum(x * x + y * y, 1)
            total = np.pad(slope[MARGIN:-MARGIN, MARGIN:-MARGIN].cumsum(0).cumsum(1), ((1, 0), (1, 0)))
            sums = total[SIDE:, SIDE:] - total[:-SIDE, SIDE:] - total[SIDE:, :-SIDE] + total[:-SIDE, :-SIDE]
            at_y, at_x = np.unravel_index(np.argmax(sums), sums.shape)
            if sums[at_y, at_x] > FAINT**2 * SIDE**2:
                yield left + int(at_x) + MARGIN, top + int(at_y) + MARGIN


def _shifts(read: Reader, left: int, top: int, middle: Float64) -> tuple[float, float, float, float]:
    """Where the detail of one place lies (x, y), and the radial shifts of red and blue, NaN where unknown [px]."""
    from scipy.ndimage import gaussian_filter

    whole = SIDE + 2 * MARGIN
    part = read(top - MARGIN, left - MARGIN, whole, whole)
    # a shift is seen where the slopes are, which may be at one side of the place
    slope = np.square(np.gradient(gaussian_filter(part[..., 1], 1.0))).sum(0)[MARGIN:-MARGIN, MARGIN:-MARGIN]
    along = np.arange(SIDE) + 0.5
    at = np.array([left + slope.sum(0) @ along / slope.sum(), top + slope.sum(1) @ along / slope.sum()])
    distance = float(np.hypot(*(at - middle)))
    if distance < _CENTRE * float(np.hypot(*middle)):
        return *at, np.nan, np.nan
    red, blue = (_registered(part[..., c], part[..., 1], (at - middle) / distance) for c in (0, 2))
    return *at, red, blue


def _registered(plane: Float64, green: Float64, direction: Float64) -> float:
    """By how much `plane` is shifted against `green` along `direction` (x, y) [px]."""
    from scipy.ndimage import gaussian_filter, shift

    inner = np.s_[MARGIN:-MARGIN, MARGIN:-MARGIN]
    moved = 0.0
    # from coarse to fine, so that several pixels of shift are no local minimum
    for blur, rounds in ((4.0, 6), (1.0, 10)):
        one, two = (gaussian_filter(p, blur) for p in (plane, green))
        target = one[inner].ravel()
        for _ in range(rounds):
            place = shift(two, moved * direction[::-1], order=3, mode="nearest")
            down, across = (g[inner].ravel() for g in np.gradient(place))
            slope = across * direction[0] + down * direction[1]
            if (slope @ slope) < ACROSS * (across @ across + down @ down):
                return np.nan
            matrix = np.stack([place[inner].ravel(), np.ones(target.size), slope], 1)
            (gain, _, along), residual, _, _ = np.linalg.lstsq(matrix, target, rcond=None)
            if not gain > 1e-3:
                return np.nan
            step = float(np.clip(-along / gain, -3, 3))
            moved += step
            if abs(moved) > MARGIN - 4:
                return np.nan
            if abs(step) < 1e-4:
                break
    unexplained = float(residual[0]) if len(residual) else np.inf
    if unexplained > (1 - ALIKE) * float(((target - target.mean()) ** 2).sum()):
        return np.nan
    # the shift is known as far as what is left over has no slope along it
    spread = np.sqrt(unexplained / target.size / max(float(((slope - slope.mean()) ** 2).sum()), 1e-30)) / gain
    return moved if spread < 0.1 else np.nan


def _fitted(
    positions: Float64, radius: Float64, red: Float64, blue: Float64, size: tuple[int, int], seed: int
) -> LateralColor:
    terms, draws, reasons = [], [], []
    within = np.linspace(0, max(float(radius.max()), 1e-3) if len(radius) else 1.0, 101)
    for n, shifts in enumerate((red, blue)):
        good = np.isfinite(shifts)
        reasons.append(_reason(radius[good]))
        if reasons[-1]:
            terms.append(np.full(2, np.nan))
            draws.append(np.full((1, 2), np.nan))
            continue
        at, value = radius[good], shifts[good]
        gap = value - _powers(at) @ _fit(at, value)
        # places that show something else are far off the rest
        clear = np.abs(gap - np.median(gap)) <= 5 * np.median(np.abs(gap - np.median(gap))) + 0.02
        at, value = at[clear], value[clear]
        random = np.random.Generator(np.random.Philox([seed, n]))
        chosen = random.integers(0, len(at), (DRAWS, len(at)))
        terms.append(_fit(at, value))
        draws.append(np.array([_fit(at[c], value[c]) for c in chosen]))
    curves = [_powers(within) @ t for t in terms]
    spreads = [d @ _powers(within).T for d in draws]
    colors = [_at_worst(c, s, r) for c, s, r in zip(curves, spreads, reasons, strict=True)]
    corners = [_estimate(float(t.sum()), d.sum(1), r) for t, d, r in zip(terms, draws, reasons, strict=True)]
    if len(radius) and radius.max() < 0.8:
        corners = [Estimate.missing(f"places reach {100 * radius.max():.0f} % of the way to the corner only", "px")] * 2
    known = [n for n in (0, 1) if not reasons[n]]
    if known:
        n = max(known, key=lambda n: abs(colors[n]))
        low, high = sorted(abs(v) for v in colors[n].interval)
        inside = colors[n].interval[0] < 0 < colors[n].interval[1]
        worst = Estimate(abs(colors[n]), (0.0 if inside else low, high), "px")
    else:
        worst = Estimate.missing(reasons[0], "px")
    return LateralColor(
        worst, colors[0], colors[1], corners[0], corners[1], positions, radius, red, blue, terms[0], terms[1], size
    )


def _reason(radius: Float64) -> str:
    if len(radius) < FEWEST:
        return f"{len(radius)} places with neutral detail are too few"
    if np.ptp(radius) < APART:
        return "places with neutral detail lie all at about the same distance from the middle"
    return ""


def _powers(radius: Float64) -> Float64:
    return np.stack([radius, radius**3], -1)


def _fit(radius: Float64, shift: Float64) -> Float64:
    return np.asarray(np.linalg.lstsq(_powers(radius), shift, rcond=None)[0])


def _at_worst(curve: Float64, draws: Float64, reason: str) -> Estimate:
    if reason:
        return Estimate.missing(reason, "px")
    n = int(np.argmax(np.abs(curve)))
    return _estimate(float(curve[n]), draws[:, n], "")


def _estimate(value: float, draws: Float64, reason: str) -> Estimate:
    if reason:
        return Estimate.missing(reason, "px")
    low, high = np.quantile(draws, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Estimate(value, (float(low), float(high)), "px")
