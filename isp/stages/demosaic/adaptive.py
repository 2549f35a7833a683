"""Directional residual interpolation with a doubted gain and a second pass: the strongest method here.

Between two published families, and close to the better of both on either kind of picture:

- Colour-difference methods (Pekkucuksen and Altunbasak 2010; see `zhang2005`) add the detail of the measured colour
  to the mean of the two green neighbours in full. Right where colours rise and fall together.
- Residual interpolation (D. Kiku, Y. Monno, M. Tanaka, M. Okutomi, "Minimized-Laplacian residual interpolation for
  color image demosaicking", SPIE 9023, 2014; see `kiku2014`) adds it times a gain fitted in a small window. Right
  where they do not, noisier where they do.

Here the gain is the ridge estimate with 1 as its prior: the more the fit leaves unexplained, the closer to 1.
"Unexplained" is counted against the detail measured at the site's own colour, which interpolation between sites
loses towards the sampling limit: there a fit of interpolated detail is perfect and wrong (false colour in fine
gratings). Along one axis a grey grating of frequency w and opposed colours of frequency pi - w give the same samples;
negative products are therefore doubted more, for gratings are the more common. Then

1. green along rows and columns, the four sides weighted by the inverse squared steps of the colour difference there;
2. a second pass over the four neighbours, where the colours of the first give the difference at every site, with the
   same gain; their mean correction goes in by a part, smaller where the difference itself has detail (there the second
   pass would smooth colour away);
3. red and blue by residual interpolation guided by that green.

The stage hands it bent values (`bend`): in linear light colours of a thing differ by a factor, after a root by much
less, so they do rise and fall together; shot noise becomes even; and errors weigh as they are seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import halide as hl

from isp.engine.graph import tree_sum
from isp.stages.demosaic.directions import Axis, axes, color_from_gains, detail, roughness, sides, weighted

if TYPE_CHECKING:
    from isp.engine.graph import Expr, Graph, Image

TRUST = 0.3
"""Strength of the prior, in units of the fit's unexplained part."""
OPPOSED = 2.0
"""The same for colours that seem to move against each other, in units of their (negative) product."""
MEASURED = 0.1
"""Part of the measured detail in the denominator of the gain; the rest is of the interpolated: shrinks weak gains."""
SHARE = 0.8
"""Part of the second pass's correction that goes in where the difference has no detail."""
COLORED = 2.0
"""How much detail of the difference, against that of green, takes from that part."""
GREEN = 0.3
"""How much a step of green itself counts against a side, beside the step of the difference."""
PRIOR = 0.01
"""Strength of the prior for red and blue, in squares of the local green."""
OPPOSED_COLOR = 0.5
"""`OPPOSED` for red and blue, in units of the product."""
TINY = 1e-14
FLOOR = 1e-8
SECOND_FLOOR = 2e-5
COLORED_FLOOR = 1e-4
PRIOR_FLOOR = 1e-7
"""Squares of values (white 1; `TINY`: fourth powers) below which slopes and steps are taken for nothing."""


def define(graph: Graph, m: Image) -> Image:
    """RGB from the mosaic `m`."""
    x, y = graph.x, graph.y
    weights: list[Expr] = []
    estimates: list[Expr] = []
    gains: list[Expr] = []
    for axis in axes(graph):
        gain, other = _estimate(axis, m)
        rough = roughness(axis, m, other, 1)
        weights += sides(axis, rough, 2, FLOOR)
        for side in (-1, 1):
            # the differences here and one site that way, the second at this site's level by the gain
            near = axis.at(m, side) - axis.at(other, 0)
            level = axis.at(other, side) - axis.at(m, 0)
            step = near - axis.at(gain, 0) * level
            estimate = axis.at(other, 0) - axis.at(m, 0) + step * hl.f32(0.5)
            estimates.append(axis.at(axis.plane(f"estimate{side + 1}", estimate, stored=False), 0))
            gains.append(axis.at(gain, 0))
    total = graph.plane("total", hl.f32(1) / tree_sum(weights), stored=True)
    first = graph.plane(
        "first", tree_sum([w * e for w, e in zip(weights, estimates, strict=True)]) * total[x, y], stored=True
    )
    gain = graph.plane(
        "mixed_gain",
        ((weights[0] + weights[1]) * gains[0] + (weights[2] + weights[3]) * gains[2]) * total[x, y],
        stored=True,
    )

    def prior(green: Expr, both: Expr) -> Expr:
        return hl.f32(PRIOR) * green * green + hl.max(-both, hl.f32(0)) * hl.f32(OPPOSED_COLOR) + hl.f32(PRIOR_FLOOR)

    return color_from_gains(graph, m, _second_pass(graph, m, first, gain), prior, 2)


def _estimate(axis: Axis, m: Image) -> tuple[Image, Image]:
    """The gain from a site's colour to the other one on its axis, and that other colour at the site."""
    fine = detail(axis, m)
    guide = axis.plane("guide", axis.pair(fine, 1))
    # over four neighbours on the axis, where the other colour was measured, in five rows: its detail `own`, that of
    # this site's colour interpolated there, `guide`, and from both sides of it, `clear`
    sums = {}
    for name, one, two in (("both", fine, guide), ("guide", guide, guide), ("fine", fine, fine)):
        column = tree_sum([axis.at(one, 0, j) * axis.at(two, 0, j) for j in (-4, -2, 0, 2, 4)])
        sums[name] = axis.plane(f"{name}_sum", column)

    def around(name: str) -> Expr:
        near = tree_sum([axis.at(sums[name], i) for i in (-3, -1, 1, 3)])
        return axis.at(axis.plane(f"{name}_near", near, stored=False), 0)

    both, power, own = around("both"), around("guide"), around("fine")
    inside = tree_sum([axis.at(sums["fine"], i) for i in (-2, 0, 2)]) + axis.pair(sums["fine"], 4)
    clear = axis.at(axis.plane("clear", inside, stored=False), 0)
    power = power * hl.f32(1 - MEASURED) + clear * hl.f32(MEASURED)
    unexplained = hl.max(own * clear - both * both, hl.f32(0))
    opposed = hl.max(-both, hl.f32(0)) * clear
    doubt = hl.f32(TRUST) * unexplained + hl.f32(OPPOSED) * opposed + hl.f32(TINY)
    gain = axis.plane("fit", (both * power + doubt) / (power * power + doubt))
    other = axis.plane("other", axis.pair(m, 1) + axis.at(gain, 0) * axis.at(fine, 0))
    return gain, other


def _second_pass(graph: Graph, m: Image, k: Image, gain: Image) -> Image:
    """The difference at red and blue sites, corrected from the four neighbours by the colours of the first pass."""
    x, y = graph.x, graph.y
    green = graph.plane("first_green", m[x, y] + k[x, y])[x, y]
    weights, steps, rises, turns = [], [], [], []
    for axis in axes(graph):
        for side in (-1, 1):
            rise = axis.at(m, side) - green
            turn = (axis.at(k, 2 * side) - axis.at(k, 0)) * hl.f32(0.5)
            step = axis.plane(f"step{side + 1}", rise + gain[x, y] * (turn - rise), stored=False)
            size = hl.abs(step[x, y]) + hl.f32(GREEN) * hl.abs(rise)
            weight = axis.plane(f"weight{side + 1}", hl.f32(1) / (size * size + hl.f32(SECOND_FLOOR)), stored=False)
            weights.append(weight[x, y])
            steps.append(step[x, y])
            rises.append(rise * rise)
            turns.append(turn * turn)
    plain = tree_sum(rises) + hl.f32(COLORED_FLOOR)
    part = graph.plane("part", hl.f32(SHARE) * plain / (plain + hl.f32(COLORED) * tree_sum(turns)))
    return graph.plane("second", k[x, y] + part[x, y] * weighted(weights, steps), stored=True)
