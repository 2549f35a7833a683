"""What the directional methods share: differences along rows and columns, their weights, and colour from differences.

Everything is written for "the colour of the site" c: in a row of red and green sites, "green minus c" at a red site
and at a green site (where c is red) are two samples of one difference. So no expression here asks which site it is
at; only `by_site` at the very end does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import halide as hl

from isp.engine.graph import tree_sum

if TYPE_CHECKING:
    from isp.engine.graph import Expr, Graph, Image


class Axis:
    """Rows or columns: the same definition serves both directions.

    Parameters
    ----------
    graph : Graph
    name : ``h`` along the row, ``v`` along the column
    """

    def __init__(self, graph: Graph, name: str) -> None:
        self.graph, self.name = graph, name

    def at(self, image: Image, along: int, across: int = 0) -> Expr:
        """The pixel `along` sites ahead on the axis and `across` sites beside it."""
        x, y = self.graph.x, self.graph.y
        return image[x + along, y + across] if self.name == "h" else image[x + across, y + along]

    def pair(self, image: Image, distance: int) -> Expr:
        """Mean of the two pixels at a distance."""
        return (self.at(image, -distance) + self.at(image, distance)) * hl.f32(0.5)

    def plane(self, name: str, expr: Expr, stored: bool = True) -> Image:
        """A plane with the axis in its name. One that is not stored only gives derivatives a place to be added up."""
        return self.graph.plane(f"{name}_{self.name}", expr, stored=stored)


def axes(graph: Graph) -> tuple[Axis, Axis]:
    """Along rows, and along columns."""
    return Axis(graph, "h"), Axis(graph, "v")


def detail(axis: Axis, m: Image) -> Image:
    """Half the Laplacian of the site's own colour along the axis: what the mean of its two neighbours misses."""
    return axis.plane("detail", (axis.at(m, 0) - axis.pair(m, 2)) * hl.f32(0.5))


def roughness(axis: Axis, m: Image, other: Image, radius: int) -> Image:
    """Steps of the colour difference along the axis, summed over a square of `radius`.

    H. S. Pekkucuksen, Y. Altunbasak, "Gradient based threshold free color filter array interpolation", ICIP 2010,
    equation 6; the sign that the difference has at green sites falls out.
    """
    gap = axis.plane("gap", axis.at(m, 0) - axis.at(other, 0))
    step = axis.plane("step", hl.abs(axis.at(gap, -1) - axis.at(gap, 1)))
    reach = range(-radius, radius + 1)
    beside = axis.plane("beside", tree_sum([axis.at(step, 0, j) for j in reach]))
    return axis.plane("rough", tree_sum([axis.at(beside, i) for i in reach]))


def sides(axis: Axis, rough: Image, distance: int, floor: float) -> list[Expr]:
    """Weights of the two sides of a site: one over the squared roughness a few sites that way."""
    trust = axis.plane("trust", hl.f32(1) / (axis.at(rough, 0) * axis.at(rough, 0) + hl.f32(floor)), stored=False)
    return [axis.at(trust, -distance), axis.at(trust, distance)]


def weighted(weights: Sequence[Expr], values: Sequence[Expr]) -> Expr:
    """The weighted mean."""
    return tree_sum([w * v for w, v in zip(weights, values, strict=True)]) / tree_sum(weights)


def corners(graph: Graph, plane: Image) -> Expr:
    """Mean of the four diagonal neighbours."""
    x, y = graph.x, graph.y
    pairs = (plane[x - 1, y - 1] + plane[x + 1, y - 1]) + (plane[x - 1, y + 1] + plane[x + 1, y + 1])
    return pairs * hl.f32(0.25)


def color_from_differences(graph: Graph, m: Image, k: Image) -> Image:
    """RGB from the mosaic and the difference "green minus measured" `k` at red and blue sites.

    The other colour takes the mean difference of the four diagonal neighbours, and at green sites that of all four
    neighbours, two of them measured and two just estimated (Zhang and Wu 2005, section IV).
    """
    x, y = graph.x, graph.y
    opposite = graph.plane("opposite", corners(graph, k), stored=True)
    here, quarter = m[x, y], hl.f32(0.25)

    def green_site(row: Image, column: Image) -> Expr:
        return here - ((row[x - 1, y] + row[x + 1, y]) + (column[x, y - 1] + column[x, y + 1])) * quarter

    green = here + k[x, y]
    beside = (green_site(k, opposite), green_site(opposite, k))
    other = green - opposite[x, y]
    return graph.rgb(
        "differences",
        (
            graph.by_site(here, beside[0], beside[1], other),
            graph.by_site(green, here, here, green),
            graph.by_site(other, beside[1], beside[0], here),
        ),
        stored=True,
        by_site=True,
    )


def color_from_gains(
    graph: Graph, m: Image, k: Image, prior: float | Callable[[Expr, Expr], Expr], sites: int
) -> Image:
    """RGB by residual interpolation guided by green, from the difference "green minus measured" `k` at red and blue.

    In a window of `sites` to each side among the sites of its colour, the Laplacian of red (blue) is fitted as gain
    times the Laplacian of green (Kiku et al. 2014); red = gain x green + remainder, both interpolated bilinearly.
    `prior` [squares of white] draws gains in flat places to 1; it may be a function of the local level of green and of
    the window's sum of products.
    """
    x, y = graph.x, graph.y

    def curvature(plane: Image) -> Expr:
        around = (plane[x - 2, y] + plane[x + 2, y]) + (plane[x, y - 2] + plane[x, y + 2])
        return plane[x, y] - around * hl.f32(0.25)

    own = graph.plane("own_curve", curvature(m), stored=True)
    green = graph.plane("green_curve", own[x, y] + curvature(k), stored=True)

    def window(name: str, one: Image, two: Image) -> Expr:
        row = tree_sum([one[x + i, y] * two[x + i, y] for i in reach])
        stored = graph.plane(f"{name}_row", row, stored=True)
        return graph.plane(name, tree_sum([stored[x, y + j] for j in reach]))[x, y]

    reach = range(-2 * sites, 2 * sites + 1, 2)
    both, power = window("both", own, green), window("power", green, green)
    if callable(prior):
        level = (m[x, y] + k[x, y]) - green[x, y] * hl.f32(0.5)
        floor = graph.plane("prior", prior(level, both))[x, y]
    else:
        floor = hl.f32(prior)
    gain = graph.plane("gain", (both + floor) / (power + floor), stored=True)
    rest = graph.plane("rest", m[x, y] - gain[x, y] * (m[x, y] + k[x, y]), stored=True)
    here, level = m[x, y], m[x, y] + k[x, y]
    ends = [axis.plane("ends", axis.pair(gain, 1) * here + axis.pair(rest, 1), stored=False) for axis in axes(graph)]
    row, column = (plane[x, y] for plane in ends)
    other = graph.plane("other", corners(graph, gain) * level + corners(graph, rest))[x, y]
    return graph.rgb(
        "gains",
        (
            graph.by_site(here, row, column, other),
            graph.by_site(level, here, here, level),
            graph.by_site(other, column, row, here),
        ),
        stored=True,
        by_site=True,
    )
