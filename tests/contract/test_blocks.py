"""What a stage keeps that takes a mosaic of same-colour blocks: the contract of `test_stages`, on quad to hexadeca."""

from __future__ import annotations

import numpy as np
import pytest

from tests.contract.bench import Bench, cases, context, pixels

PATTERNS = {
    family: "/".join("".join(c * k for c in row) for row in ("RG", "GB") for _ in range(k))
    for k, family in ((2, "quad"), (3, "nona"), (4, "hexadeca"))
}
every_stage = pytest.mark.parametrize(
    ("name", "given", "domain", "family"),
    [
        pytest.param(*case.values, family, id=f"{case.id}-{family}")
        for family in PATTERNS
        for case in cases(family)
    ],
)


def bench(name, given, domain, family, shape, shift=(0, 0)):
    ctx = context(domain, shape, PATTERNS[family])
    return Bench.of(name, given, domain, ctx.but(cfa=ctx.cfa.shifted(*shift)))


@every_stage
def test_the_same_bits_for_any_strip(name, given, domain, family):
    stage = bench(name, given, domain, family, (210, 150), (3, 1))
    data = pixels(domain, (210, 150))
    before = data.copy()
    first = stage.run(data)
    assert first.shape[:2] == stage.shape
    assert np.isfinite(first).all()
    for rows in (64, 128):
        assert np.array_equal(first, stage.strips(data, rows))
    assert np.array_equal(data, before)


@every_stage
def test_a_crop_equals_the_whole_away_from_its_border(name, given, domain, family):
    whole = bench(name, given, domain, family, (96, 104))
    if whole.placed:
        pytest.skip("depends on the position in the frame by definition")
    data = pixels(domain, (96, 104))
    result = whole.run(data)
    step = whole.step()
    scale, period = step.scale, 2 * whole.context.cfa.block
    reach = -(-step.reach // scale)
    down = max(whole.stage.lattice(step.structure), 2 * period)
    for x, y in ((2, 1), (period, down), (period + 1, period - 1)):
        part = bench(name, given, domain, family, (96 - y, 104 - x), (x, y))
        cropped = part.run(np.ascontiguousarray(data[y:, x:]))
        top, left = -(-y // scale), -(-x // scale)
        edge = slice(reach, -reach or None)
        assert np.array_equal(cropped[edge, edge], result[top:, left:][edge, edge])


@every_stage
@pytest.mark.parametrize(("shape", "shift"), [((17, 19), (1, 2)), ((16, 133), (5, 0)), ((67, 18), (2, 7))])
def test_small_and_odd_sizes(name, given, domain, family, shape, shift):
    stage = bench(name, given, domain, family, shape, shift)
    result = stage.run(pixels(domain, shape))
    assert result.shape[:2] == stage.shape
    assert np.isfinite(result).all()


@pytest.mark.full
@every_stage
def test_the_gradient_of_the_pixels_equals_finite_differences(name, given, domain, family):
    if domain == "raw":
        pytest.skip("digital numbers are whole and given: nothing in front of them is tuned")
    stage = bench(name, given, domain, family, (75, 101), (1, 3))
    stage.check_pixel_gradient(pixels(domain, (75, 101), seed=7))
