"""Stages that change the size and the CFA: boxes of a block mosaic become pixels of a Bayer mosaic."""

from __future__ import annotations

import numpy as np
import pytest

from isp.cfa import Cfa
from isp.engine.adjoint import Adjoint
from isp.engine.execute import Plan
from isp.engine.plan import Placed
from isp.engine.segment import make_step
from isp.stage import BLOCKS, Context, Stage
from isp.stages import find_stage

QUAD = Cfa("RRGG/RRGG/GGBB/GGBB")


class Boxes(Stage):
    """The mean of each block."""

    name = "boxes"
    takes = ("mosaic",)
    cfas = BLOCKS

    def scale(self, structure):
        return structure["block"]

    def advance(self, values, context):
        return context.binned(Cfa("RGGB").shifted(*(p % 2 for p in context.binned(QUAD, 2).phase)), 2)

    def define(self, graph, image, arrays, structure):
        k = structure["block"]
        total = sum(image[graph.x * k + i, graph.y * k + j] for j in range(k) for i in range(k))
        return graph.plane("boxes", total * 0.25)


def chain(shape, shift):
    before = Context(QUAD.shifted(*shift), shape)
    boxes = Boxes()
    context = boxes.advance({}, before)
    steps = [Placed(make_step(boxes, {}, before, "mosaic"), "mosaic", before, context)]
    for name, values in (("white_balance", {"mode": "manual", "gains": (2.0, 1.0, 1.5)}),
                         ("demosaic", {"method": "malvar2004"})):
        stage = find_stage(name)
        gives = stage.gives or "mosaic"
        steps.append(Placed(make_step(stage, values, context, "mosaic"), gives, context, context))
    return steps


def means(data, shift):
    """Whole boxes only."""
    first = [-s % 2 for s in reversed(shift)]
    part = data[first[0]:, first[1]:]
    h, w = (n // 2 for n in part.shape)
    return part[: 2 * h, : 2 * w].reshape(h, 2, w, 2).mean(axis=(1, 3))


@pytest.mark.parametrize("shift", [(0, 0), (1, 0), (2, 3), (3, 1)])
def test_boxes_then_bayer_stages(shift):
    data = np.random.Generator(np.random.Philox(1)).random((91, 77), np.float32)
    steps = chain(data.shape, shift)
    found = Plan(steps, "float32", "mosaic", "float32").run(data, steps[0].before)
    small = means(data, shift)
    cfa = steps[-1].after.cfa
    assert cfa.base == "RGGB" if shift == (0, 0) else True
    assert small.shape == steps[-1].after.shape == found.shape[:2]
    # red sites of the small mosaic keep their value, balanced
    red = np.argwhere([[cfa.at(x, y) == "R" for x in range(2)] for y in range(2)])[0]
    np.testing.assert_allclose(found[red[0]::2, red[1]::2, 0], 2 * small[red[0]::2, red[1]::2], rtol=1e-5)


@pytest.mark.parametrize("shift", [(0, 0), (3, 1)])
def test_the_derivative_follows_the_size(shift):
    rng = np.random.Generator(np.random.Philox(2))
    data = rng.random((310, 290), np.float32)
    steps = chain(data.shape, shift)
    weights = rng.standard_normal((*steps[-1].after.shape, 3)).astype(np.float32)
    adjoint = Adjoint([p.step for p in steps], (1, 3), [(), ("gains",), ()], source_gradient=True)
    gradient = adjoint(data, weights, steps[0].before.phase, 2)
    direction = rng.standard_normal(data.shape).astype(np.float32)

    def loss(t):
        moved = (data + np.float32(t) * direction).astype(np.float32)
        result = Plan(steps, "float32", "mosaic", "float32").run(moved, steps[0].before)
        return float(np.sum(result.astype(np.float64) * weights))

    # linear in the pixels: any step is exact
    expected = (loss(0.5) - loss(-0.5))
    assert float(np.sum(gradient.source.astype(np.float64) * direction)) == pytest.approx(expected, rel=1e-3)
    total = float(np.sum(gradient.arrays[1]["gains"] * np.array([2.0, 1.0, 1.5])))
    assert total == pytest.approx(loss(0.0), rel=1e-3)
