"""Colour differences of the blocks by directional linear estimation: what the blocks' inside says beyond their means.

The picture is taken for a Gaussian field: what the three colours share has the covariance exp(-r / L), what they do not
(their differences from their mean) c exp(-r / C), and the mean of each colour is unknown. Along one of four directions
r is shrunk by `RATIO`: an edge. For each direction and each of two c, the estimate of least mean square error of red
minus green and blue minus green, as means over a block, is a linear filter of the samples in 5 x 5 blocks (kriging
with unknown means: O. Berke, "Estimation and prediction in the spatial linear model", Water, Air, and Soil Pollution
110, 1999, gives the equations; here the means' variance is just made very large). The same model predicts the mean of
the block from the samples outside it; its error there, smoothed over neighbours, tells how well the model fits, and
the estimates are averaged with weights 1 / error^8 (leave-one-out, as in Gaussian mixtures of local models: G. Yu, G.
Sapiro, S. Mallat, "Solving inverse problems with piecewise linear estimators", IEEE Transactions on Image Processing
21(5), 2012, with which this shares one Gaussian per direction).

The filters depend on the side of the blocks only and are solved for once, on the host. The window is symmetric about
the block, so opposite samples are added before they are weighted, and a blue row is a red row with red and blue
exchanged.
"""

from __future__ import annotations

from functools import cache, reduce
from typing import TYPE_CHECKING

import halide as hl
import numpy as np

from isp.engine.graph import tree_sum
from isp.values import Float64, frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from isp.engine.graph import Array, Expr, Graph, Image

REACH = 2
"""Blocks to each side that the filters read."""
SMOOTH = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)
"""Weights over neighbouring blocks of a model's error, along each axis."""
READS = REACH + len(SMOOTH) // 2
"""Blocks to each side that the estimate depends on."""
DIRECTIONS = 4
RATIO = 4.0
LENGTH, COLOR_LENGTH = 8.0, 10.0
"""L and C [blocks]."""
COLOR_SHARES = (0.03, 0.4)
"""c: pale pictures, and vivid ones."""
NUGGET = 1e-4
"""Variance of a sample that its neighbours know nothing of; in units of the common variance, as c."""
UNKNOWN = 1e3
"""Variance of the colours' means."""
FLOOR = 1e-7
"""Squared error [white^2] below which models count alike."""


@cache
def filters(k: int) -> Float64:
    """(taps, 6 x models): weights of pairs of opposite samples.

    Second axis: of blocks that are not green, then of green ones, the row's colour minus green, the other colour minus
    green, and the block's own mean from outside, by each model. Taps: blocks in rows 0..2 down and columns -2..2 (the
    pairs of row 0 are there twice), and their pixels, in rows.
    """
    angles = np.pi * np.arange(DIRECTIONS) / DIRECTIONS
    solved = np.array([
        [_solve(k, green, angle, share) for angle in angles for share in COLOR_SHARES] for green in (False, True)
    ])
    side, models = 2 * REACH + 1, solved.shape[1]
    # type, model, output, row, column, pixel row, pixel column
    grid = solved.reshape(2, models, 3, side, k, side, k).transpose(0, 1, 2, 3, 5, 4, 6)
    half = grid[:, :, :, REACH:].copy()
    half[:, :, :, 0] *= 0.5
    return frozen(half.transpose(3, 4, 5, 6, 0, 2, 1).reshape(-1, 6 * models))


def _solve(k: int, green: bool, angle: float, share: float) -> Float64:
    """(3, pixels of the window) of one model."""
    place = np.arange(-REACH * k, (REACH + 1) * k)
    y, x = (v.ravel() for v in np.meshgrid(place, place, indexing="ij"))
    # colours 0: the row's, 1: green, 2: the other; the middle block is green or of the row's colour
    row, column = (y // k) % 2, (x // k + green) % 2
    color = np.where(row == column, 2 * row, 1)
    along = ((x[:, None] - x) * np.cos(angle) + (y[:, None] - y) * np.sin(angle)) / RATIO
    across = (y[:, None] - y) * np.cos(angle) - (x[:, None] - x) * np.sin(angle)
    distance = np.hypot(along, across) / k
    common, own = np.exp(-distance / LENGTH), share * np.exp(-distance / COLOR_LENGTH)

    def covariance(common: Float64, own: Float64, same: Float64) -> Float64:
        return np.asarray(common + own * (same - 1 / 3) + UNKNOWN * same)

    same = (color[:, None] == color).astype(np.float64)
    seen = covariance(common, own, same) + NUGGET * np.eye(len(x))
    middle = (x // k == 0) & (y // k == 0)
    wanted = np.stack([
        covariance(common[:, middle].mean(axis=1), own[:, middle].mean(axis=1), (color == c).astype(np.float64))
        for c in range(3)
    ], axis=1)
    first, second, third = np.linalg.solve(seen, wanted).T
    outside = np.flatnonzero(~middle)
    left_out = np.zeros(len(x))
    left_out[outside] = np.linalg.solve(seen[np.ix_(outside, outside)], wanted[outside, 1 if green else 0])
    return np.stack([first - second, third - second, left_out])


def differences(graph: Graph, samples: Image, means: Image, weights: Array) -> tuple[Image, Image]:
    """Red minus green and blue minus green of the blocks, in block coordinates.

    Parameters
    ----------
    graph : Graph
        In block coordinates.
    samples : the samples of each block as a stack;  means : of the blocks;  weights : what `filters` gives
    """
    x, y = graph.x, graph.y
    count, last = DIRECTIONS * len(COLOR_SHARES), samples.channels - 1
    columns, rows = 2 * REACH + 1, REACH + 1
    window = hl.RDom([(0, last + 1), (0, columns), (0, rows)], "window")
    number, right, down = window[0], window[1] - REACH, window[2]
    tap = number + (last + 1) * (window[1] + columns * window[2])

    # even and odd columns apart, in u = x // 2, so that the kind of a block depends on the row only
    def filtered(name: str, output: int, odd: int) -> Image:
        at, first = 2 * x + odd, output * count
        pair = samples[at + right, y + down, number] + samples[at - right, y - down, last - number]

        def term(c: Expr) -> Expr:
            kinds = weights[tap, c + first], weights[tap, c + first + 3 * count]
            return hl.select((y + odd) % 2 == 0, *kinds) * pair

        return graph.sums(f"{name}{odd}", window, term, count)

    trust = _trust(graph, [filtered("outside", 2, odd) for odd in (0, 1)], means, count)
    totals = [hl.f32(1) / tree_sum([trust[odd][x, y, m] for m in range(count)]) for odd in (0, 1)]

    def mixed(name: str, output: int) -> Expr:
        columns = []
        for odd in (0, 1):
            each = filtered(name, output, odd)
            terms = [trust[odd][x, y, m] * each[x, y, m] for m in range(count)]
            columns.append(graph.plane(f"{name}_mean{odd}", tree_sum(terms) * totals[odd], stored=True))
        return hl.select(x % 2 == 0, columns[0][x // 2, y], columns[1][x // 2, y])

    row, other = mixed("row", 0), mixed("other", 1)
    return (
        graph.plane("red_blocks", hl.select(y % 2 == 0, row, other), stored=True),
        graph.plane("blue_blocks", hl.select(y % 2 == 0, other, row), stored=True),
    )


def _trust(graph: Graph, outside: Sequence[Image], means: Image, count: int) -> list[Image]:
    """Weight of each model at even and odd columns: the least error of all over its own, to the eighth."""
    x, y = graph.x, graph.y

    def planes(name: str, term: Callable[[Expr], Expr]) -> Image:
        return graph.stack(name, term, channels=count, stored=True)

    def miss(odd: int) -> Image:
        return planes(f"miss{odd}", lambda c: hl.abs(outside[odd][x, y, c] - means[2 * x + odd, y]))

    misses = [miss(odd) for odd in (0, 1)]
    steps = list(enumerate(SMOOTH, -(len(SMOOTH) // 2)))

    def trust(odd: int) -> Image:
        near = [(misses[(odd + i) % 2], (odd + i) // 2, w) for i, w in steps]
        calm = planes(f"calm{odd}", lambda c: tree_sum([m[x + i, y, c] * hl.f32(w) for m, i, w in near]))
        column = planes(f"column{odd}", lambda c: tree_sum([calm[x, y + j, c] * hl.f32(w) for j, w in steps]))
        square = planes(f"square{odd}", lambda c: _squared(column[x, y, c]) + hl.f32(FLOOR))
        least = graph.plane(f"least{odd}", reduce(hl.min, [square[x, y, m] for m in range(count)]), stored=True)
        return planes(f"trust{odd}", lambda c: _squared(_squared(least[x, y] / square[x, y, c])))

    return [trust(odd) for odd in (0, 1)]


def _squared(value: Expr) -> Expr:
    return value * value
