"""Lens shading: gain meshes per colour and colour temperature from pictures of an even field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from isp.errors import NumericError, UsageError
from isp.stages.lens_shading import MAX_INLINE
from isp.values import Float64, RawFrame, frozen
from reports.estimate import NORMAL, Estimate, Measured
from tuning.calibrate.planes import check_alike, linear_planes

ROWS, COLUMNS = 13, 17
"""Points of the mesh, as phones have them."""
FINER = 4
"""Cells along an axis for each step of the mesh."""
SMALLEST = 3
"""Least side of a cell [px of one colour]."""
OUTLIER = 4.0
"""Standard deviations from the smooth surface beyond which a cell holds dust."""
LOWEST, HIGHEST = 0.01, 0.95
"""Levels [of white] outside which a cell says nothing of the lens."""
_PIXEL = 5.0
"""Robust standard deviations beyond which a pixel of a cell is a defect."""
_PROBES = 16
_STIFFNESS = np.geomspace(1e-3, 1e4, 8)
"""Weights of the second differences that are tried."""


@dataclass(frozen=True)
class LensShading(Measured):
    """Gain meshes.

    Parameters
    ----------
    meshes : mapping of colour temperature [K] to (rows, columns, 4) float64
        Gains of R, Gr, Gb, B at points that span the frame from edge to edge; their mean in the middle is 1.
    corner : mapping of colour temperature to Estimate [%]
        Shading left in the corners (the largest of four areas of 1/8 x 1/8 of the frame, and of the colours) against
        the middle, predicted on cells that the mesh was not fitted to.
    worst : mapping of colour temperature to Estimate [%]
        The same of the worst of 8 x 8 areas.
    between : Estimate [%]
        The worst corner of any inner light when its mesh is interpolated from those of the other lights.
    levels : mapping of colour temperature to (rows', columns', 4) float64
        Mean level of the cells, largest 1: the shading as photographed.
    residuals : mapping of colour temperature to (8, 8, 4) float64 [%]
        What is left of it.
    """

    meshes: Mapping[float, Float64]
    corner: Mapping[float, Estimate]
    worst: Mapping[float, Estimate]
    between: Estimate
    levels: Mapping[float, Float64] = field(repr=False)
    residuals: Mapping[float, Float64] = field(repr=False)

    def at(self, cct: float) -> Float64:
        """(rows, columns, 4) the mesh for a light, linear in the reciprocal temperature as tables of a profile are."""
        known = np.array(sorted(self.meshes))
        axis, place = -1 / known, float(np.clip(-1 / cct, -1 / known[0], -1 / known[-1]))
        after = min(max(int(np.searchsorted(axis, place)), 1), len(known) - 1) if len(known) > 1 else 0
        low, high = self.meshes[float(known[max(after - 1, 0)])], self.meshes[float(known[after])]
        share = (place - axis[after - 1]) / (axis[after] - axis[after - 1]) if after else 0.0
        return np.asarray(low + (high - low) * share)

    def stage_values(self, digits: int = 4) -> dict[str, object]:
        """``mesh`` and ``placement`` of the stage `lens_shading`; with several lights a table over cct."""
        plain = {cct: np.round(mesh, digits).tolist() for cct, mesh in self.meshes.items()}
        mesh = next(iter(plain.values())) if len(plain) == 1 else {"cct": plain}
        return {"mesh": mesh, "placement": []}


def lens_shading(
    flats: Mapping[float, RawFrame | Sequence[RawFrame]], *, black: ArrayLike | None = None, rows: int = ROWS,
    columns: int = COLUMNS,
) -> LensShading:  # fmt: skip
    """The gain mesh of every light.

    Parameters
    ----------
    flats : mapping of colour temperature [K] to a frame or frames
        Pictures of an even field that fills the frame: an integrating sphere, or a diffuser on the lens. What is
        uneven in the light itself cannot be told from the lens.
    black : float or (4,), optional
        Black level [DN]; what the frames say by default.
    rows, columns : int
        Of the mesh, 3..33.

    Returns
    -------
    LensShading

    Raises
    ------
    UsageError
        No frames, frames that differ in size, a mesh that cannot be.
    NumericError
        A flat is too small, too dark or saturated.

    Notes
    -----
    The gains g at the points of the mesh minimise the squares of g s - 1 over the cells of the frame, s the cells'
    levels and g bilinear between the points as the stage has it, plus the squares of the second differences of g. How
    stiff that makes it is chosen by generalised cross-validation (Golub, Heath, Wahba 1979). Cells that are more than 4
    standard deviations off are left out and the fit repeated: dust, scratches, clusters of defects.
    """
    if not flats:
        raise UsageError("lens shading: no flats given")
    if not (3 <= rows <= MAX_INLINE and 3 <= columns <= MAX_INLINE):
        raise UsageError(f"lens shading: mesh of {rows}x{columns} points; allowed: 3x3..{MAX_INLINE}x{MAX_INLINE}")
    groups = {float(cct): [f] if isinstance(f, RawFrame) else list(f) for cct, f in sorted(flats.items())}
    check_alike([frame for group in groups.values() for frame in group], "lens shading")
    first = next(iter(groups.values()))[0]
    shape = _cells_of(first, rows, columns)
    basis, bending = _basis(shape, rows, columns), _bending(rows, columns)
    meshes, levels, corner, worst, residuals = {}, {}, {}, {}, {}
    for cct, group in groups.items():
        level, good = _levels(group, black, shape, f"lens shading at {cct:g} K")
        levels[cct] = level
        parts = [_fitted(level[..., c].ravel(), good[..., c].ravel(), basis, bending) for c in range(4)]
        mesh = np.stack([gains.reshape(rows, columns) for gains, _, _ in parts], -1)
        # the middle keeps its level, so that shading and white balance do not mix
        meshes[cct] = mesh / mesh[rows // 2 - 1 : (rows + 3) // 2, columns // 2 - 1 : (columns + 3) // 2].mean((0, 1))
        left = np.stack([
            _held_out(level[..., c].ravel(), keep, basis, bending, weight).reshape(shape)
            for c, (_, keep, weight) in enumerate(parts)
        ], -1)  # fmt: skip
        corner[cct], worst[cct], residuals[cct] = _left(left)
    return LensShading(
        {cct: frozen(mesh) for cct, mesh in meshes.items()}, corner, worst, _between(meshes, levels, basis), levels,
        residuals,
    )  # fmt: skip


def _cells_of(frame: RawFrame, rows: int, columns: int) -> tuple[int, int]:
    plane = next(iter(linear_planes(frame).values())).shape
    found = tuple(min(FINER * (n - 1), size // SMALLEST) for n, size in zip((rows, columns), plane, strict=True))
    if found[0] < rows or found[1] < columns:
        raise NumericError(
            f"lens shading: a frame of {frame.shape[1]}x{frame.shape[0]} pixels is too small for a mesh of "
            f"{rows}x{columns} points"
        )
    return found[0], found[1]


def _levels(
    frames: Sequence[RawFrame], black: ArrayLike | None, shape: tuple[int, int], what: str
) -> tuple[Float64, Float64]:
    """(rows', columns', 4) levels of the cells, largest 1, and which of them are exposed as they should be."""
    total: list[Float64] = []
    for frame in frames:
        for number, plane in enumerate(linear_planes(frame, black).values()):
            if len(total) <= number:
                total.append(np.zeros(plane.shape))
            total[number] += plane / len(frames)
    cells = np.stack([_means(plane, shape) for plane in total], -1)
    if cells.shape[-1] == 1:
        cells = np.repeat(cells, 4, -1)
    good = (cells > LOWEST) & (cells < HIGHEST)
    if good.mean() < 0.9:
        low, high = (100 * float(q) for q in np.quantile(cells, [0.02, 0.98]))
        raise NumericError(
            f"{what}: levels of {low:.1f}..{high:.1f} % of white; expose flats so that they lie in "
            f"{100 * LOWEST:g}..{100 * HIGHEST:g} %"
        )
    top = np.asarray(np.quantile(cells, 0.98, axis=(0, 1)), np.float64)
    return np.asarray(cells / top), good.astype(np.float64)


def _means(plane: Float64, shape: tuple[int, int]) -> Float64:
    """Means of cells that cover the plane, without single pixels far from their cell's median."""
    # windows of one size, so that all are taken at once; those of the last row and column end with the plane
    sides = [size // count for count, size in zip(shape, plane.shape, strict=True)]
    rows, columns = (
        np.linspace(0, size - side, count).round().astype(np.intp)[:, None] + np.arange(side)
        for count, size, side in zip(shape, plane.shape, sides, strict=True)
    )
    cells = plane[rows[:, None, :, None], columns[None, :, None, :]].reshape(*shape, -1)
    gap = np.abs(cells - np.median(cells, -1, keepdims=True))
    # a median of few codes may be 0 where noise is small
    limit = np.maximum(_PIXEL * 1.4826 * np.median(gap, -1, keepdims=True), 0.02 * np.abs(cells).max(-1, keepdims=True))
    return np.asarray(cells.mean(-1, where=gap <= limit), np.float64)


def _basis(shape: tuple[int, int], rows: int, columns: int) -> Any:
    """(cells, points) sparse: the share of each point of the mesh in the gain of each cell's middle."""
    from scipy.sparse import csr_array, kron

    def along(cells: int, points: int) -> Any:
        at = (np.arange(cells) + 0.5) / cells * (points - 1)
        low = np.minimum(at.astype(np.intp), points - 2)
        weights = np.zeros((cells, points))
        weights[np.arange(cells), low] = 1 - (at - low)
        weights[np.arange(cells), low + 1] = at - low
        return csr_array(weights)

    return kron(along(shape[0], rows), along(shape[1], columns), format="csr")


def _bending(rows: int, columns: int) -> Any:
    """(points, points) sparse quadratic form of the second differences along both axes."""
    from scipy.sparse import csc_array, eye_array, kron

    def form(points: int) -> Any:
        second = np.diff(np.eye(points), 2, axis=0)
        return csc_array(second.T @ second)

    return (kron(form(rows), eye_array(columns)) + kron(eye_array(rows), form(columns))).tocsc()


def _fitted(
    level: Float64, good: Float64, basis: Any, bending: Any
) -> tuple[Float64, Float64, float]:
    """Gains at the points, which cells were used, and the stiffness."""
    keep, stiffness = good, 1.0
    for _ in range(6):
        gains, stiffness = _stiffest(level, keep, basis, bending)
        off = level * (basis @ gains) - 1
        spread = 1.4826 * float(np.median(np.abs(off[good > 0])))
        after = good * (np.abs(off) < OUTLIER * max(spread, 1e-6))
        if (after == keep).all():
            break
        keep = after
    return gains, keep, stiffness


def _stiffest(level: Float64, keep: Float64, basis: Any, bending: Any) -> tuple[Float64, float]:
    """Gains and the stiffness of least generalised cross-validation score."""
    from scipy.sparse.linalg import splu

    normal, right = _normal(level, keep, basis)
    count = float(keep.sum())
    # the trace as a mean over random signs (Hutchinson 1990)
    signs = np.where(np.random.Generator(np.random.Philox(0)).random((len(right), _PROBES)) < 0.5, -1.0, 1.0)
    sides = np.column_stack([right, normal @ signs])
    best: tuple[float, float, Float64] = (np.inf, 0.0, right)
    for stiffness in _STIFFNESS:
        solved = splu((normal + stiffness * bending).tocsc()).solve(sides)
        gains, freedom = solved[:, 0], float((signs * solved[:, 1:]).sum()) / _PROBES
        rest = count - 2 * float(gains @ right) + float(gains @ (normal @ gains))
        score = max(rest, 1e-12) / (count - freedom) ** 2
        if score < best[0]:
            best = score, float(stiffness), gains
    return best[2], best[1]


def _normal(level: Float64, keep: Float64, basis: Any) -> tuple[Any, Float64]:
    """Left and right side of the normal equations of g s = 1 over the cells kept."""
    weight = level * keep
    return (basis.T * weight**2) @ basis, basis.T @ (weight * keep)


def _held_out(level: Float64, keep: Float64, basis: Any, bending: Any, stiffness: float) -> Float64:
    """What a mesh fitted to one half of the cells leaves of the other, in turns; NaN where there is nothing."""
    from scipy.sparse.linalg import splu

    half = np.random.Generator(np.random.Philox(0)).permutation(len(level)) % 2
    result = np.full(len(level), np.nan)
    for part in (0, 1):
        normal, right = _normal(level, keep * (half == part), basis)
        gains = splu((normal + stiffness * bending).tocsc()).solve(right)
        test = (half != part) & (keep > 0)
        result[test] = (level * (basis @ gains))[test]
    return result


def _left(corrected: Float64) -> tuple[Estimate, Estimate, Float64]:
    """Worst corner and worst area [%], and all areas (8, 8, 4), against the middle."""
    edges = [np.arange(9) * size // 8 for size in corrected.shape[:2]]
    mean, error = np.empty((8, 8, 4)), np.empty((8, 8, 4))
    for i, j in product(range(8), range(8)):
        area = corrected[edges[0][i] : edges[0][i + 1], edges[1][j] : edges[1][j + 1]].reshape(-1, 4)
        known = np.isfinite(area).sum(0)
        mean[i, j] = [np.nanmean(column) if n else np.nan for column, n in zip(area.T, known, strict=True)]
        error[i, j] = [np.nanstd(column) / np.sqrt(n) if n else np.nan for column, n in zip(area.T, known, strict=True)]
    left = 100 * (mean / np.nanmean(mean[3:5, 3:5], axis=(0, 1)) - 1)

    def largest(part: Float64, spread: Float64) -> Estimate:
        if not np.isfinite(part).any():
            return Estimate.missing("no cell there is exposed as it should be", "%")
        at = np.unravel_index(int(np.nanargmax(np.abs(part))), part.shape)
        size, wide = abs(float(part[at])), NORMAL * 100 * float(spread[at])
        return Estimate(size, (max(size - wide, 0.0), size + wide), "%")

    corners = np.ix_((0, 7), (0, 7))
    return largest(left[corners], error[corners]), largest(left, error), left


def _between(meshes: Mapping[float, Float64], levels: Mapping[float, Float64], basis: Any) -> Estimate:
    ccts = sorted(meshes)
    if len(ccts) < 3:
        return Estimate.missing(f"{len(ccts)} lights; 3 are needed to leave one out", "%")
    found = []
    for low, here, high in zip(ccts[:-2], ccts[1:-1], ccts[2:], strict=True):
        # linear in the reciprocal temperature, as tables of a profile are
        share = (1 / here - 1 / low) / (1 / high - 1 / low)
        mesh = meshes[low] + (meshes[high] - meshes[low]) * share
        shape = levels[here].shape
        found.append(_left(levels[here] * (basis @ mesh.reshape(-1, 4)).reshape(shape))[0])
    return max(found)
