"""Derivatives through several fused stages at once, and through the host's preparation of each."""

from __future__ import annotations

import numpy as np
import pytest

from isp.engine.adjoint import Adjoint, chain_prepare
from isp.engine.execute import Plan
from isp.engine.plan import Placed
from tests.contract.bench import Bench, context, pixels

SHAPE = (70, 90)
GAINS = (1.9, 1.0, 1.6)
STAGES = (
    ("black_level", {}, "raw"),
    ("white_balance", {"mode": "manual", "gains": list(GAINS)}, "mosaic"),
    ("demosaic", {"method": "malvar2004"}, "mosaic"),
    ("ccm", {"matrix": [[1.6, -0.4, -0.2], [-0.3, 1.6, -0.3], [0.0, -0.5, 1.5]]}, "camera"),
    ("tone_curve", {"contrast": 1.3}, "scene"),
    ("sharpen", {}, "display"),
    ("encode", {"gamut": "clip"}, "display"),
)


def test_gains_contrast_and_amount_through_the_whole_chain():
    benches = [Bench.of(name, given, domain, context(domain, SHAPE, "GRBG")) for name, given, domain in STAGES]
    data = (pixels("raw", SHAPE) * 0.5).astype(np.uint16)  # away from white, where clipping has no slope
    weights = np.random.Generator(np.random.Philox(4)).standard_normal((*SHAPE, 3)).astype(np.float32) + 0.5
    start = np.array([*GAINS, 1.3, benches[5].values["amount"]])

    def values(parameters):
        changed = {1: {"gains": tuple(parameters[:3])}, 4: {"contrast": parameters[3]}, 5: {"amount": parameters[4]}}
        return [{**b.values, **changed.get(i, {})} for i, b in enumerate(benches)]

    def prepare(parameters):
        return [b.stage.prepare(v, b.context) for b, v in zip(benches, values(parameters), strict=True)]

    def loss(parameters):
        steps = [b.step(v) for b, v in zip(benches, values(parameters), strict=True)]
        placed = [Placed(s, b.gives, b.context, b.context) for s, b in zip(steps, benches, strict=True)]
        picture = Plan(placed, "uint16", "raw", "float32").run(data, benches[0].context)
        return float(np.sum(picture.astype(np.float64) * weights))

    adjoint = Adjoint([b.step() for b in benches], (1, 3))
    found = chain_prepare(prepare, start, adjoint(data, weights, benches[0].context.cfa.phase))
    for index in range(len(start)):
        move = np.zeros(len(start))
        move[index] = 2e-3
        slopes = [(loss(start + k * move) - loss(start - k * move)) / (4e-3 * k) for k in (1, 2)]
        assert found[index] == pytest.approx((4 * slopes[0] - slopes[1]) / 3, rel=0.01, abs=1.0)
