"""What every registered fused stage keeps, built in or not."""

from __future__ import annotations

import numpy as np
import pytest

from isp.engine import runtime
from isp.engine.adjoint import chain_prepare
from isp.engine.plan import channels
from isp.engine.runtime import buffer_of, query_buffer
from isp.engine.segment import Port, Segment
from tests.contract.bench import Bench, cases, context, pixels

SHAPE = (75, 101)
every_stage = pytest.mark.parametrize(("name", "given", "domain"), cases())
every_derivative = pytest.mark.parametrize(("name", "given", "domain"), cases(derivatives=True))


def bench(name, given, domain, shape=SHAPE, cfa="RGGB"):
    return Bench.of(name, given, domain, context(domain, shape, cfa))


@every_stage
def test_the_same_bits_for_any_thread_count_strip_and_run_and_no_mutation(name, given, domain):
    stage = bench(name, given, domain, (300, 333))
    data = pixels(domain, (300, 333))
    before = data.copy()
    runtime.set_threads(1)
    first = stage.run(data)
    runtime.set_threads(3)
    for rows in (64, 128, 512):
        assert np.array_equal(first, stage.strips(data, rows))
    assert np.array_equal(data, before)
    assert first.dtype == np.float32
    assert np.isfinite(first).all()


@every_stage
def test_a_crop_equals_the_whole_away_from_its_border(name, given, domain):
    whole = bench(name, given, domain)
    if whole.placed:
        pytest.skip("depends on the position in the frame by definition")
    data = pixels(domain, SHAPE)
    result = whole.run(data)
    reach = whole.step().reach
    lattice = whole.stage.lattice(whole.step().structure)
    for x, y in ((6, 4), (3, 5)):
        y = -(-y // lattice) * lattice
        cfa = whole.context.cfa.shifted(x, y)
        part = Bench.of(name, given, domain, whole.context.but(cfa=cfa))
        cropped = part.run(np.ascontiguousarray(data[y:, x:]))
        edge = slice(reach, -reach or None)
        assert np.array_equal(cropped[edge, edge], result[y:, x:][edge, edge])


@every_stage
@pytest.mark.parametrize("shape", [(4, 4), (5, 7), (4, 131), (67, 6)])
@pytest.mark.parametrize("cfa", ["RGGB", "GRBG", "GBRG", "BGGR"])
def test_small_and_odd_sizes_in_all_phases(name, given, domain, shape, cfa):
    stage = bench(name, given, domain, shape, cfa)
    result = stage.run(pixels(domain, shape))
    assert result.shape[:2] == stage.shape
    assert np.isfinite(result).all()


@every_stage
def test_finite_in_gives_finite_out_even_far_out_of_range(name, given, domain):
    stage = bench(name, given, domain, (40, 44))
    if domain == "raw":
        extremes = [np.zeros((40, 44), np.uint16), np.full((40, 44), 65535, np.uint16)]
    else:
        shape = (40, 44) if channels(domain) == 1 else (40, 44, 3)
        rng = np.random.Generator(np.random.Philox(3))
        extremes = [np.full(shape, v, np.float32) for v in (0.0, -1e6, 1e6, -1e-30)]
        extremes.append((rng.choice([-1e6, -1.0, -1e-7, 0.0, 1e-7, 1.0, 1e6], shape)).astype(np.float32))
    for data in extremes:
        assert np.isfinite(stage.run(data)).all()


@every_stage
def test_it_reads_no_further_than_it_says(name, given, domain):
    stage = bench(name, given, domain)
    step = stage.step()
    segment = Segment((step,), Port("float32", channels(domain)), Port("float32", channels(stage.gives)))
    program = segment.program()
    width, height = segment.tile
    source = query_buffer("float32", [(0, 0), (0, 0), (0, 3)][: 1 + len("xy") if channels(domain) == 3 else 2])
    sink = query_buffer("float32", [(0, width), (0, height), (0, 3)][: 3 if channels(stage.gives) == 3 else 2])
    arrays = [np.ascontiguousarray(a, np.float32) for a in segment.arrays]
    program(source, *(buffer_of(a) for a in arrays), sink)
    (x, nx), (y, ny) = source.region[:2]
    # bounds of CFA-selecting and vectorised parts are rounded outwards by the schedule
    slack = 2
    assert -y <= step.reach + slack
    assert y + ny - height <= step.reach + slack
    assert -x <= step.reach + slack
    assert x + nx - width <= step.reach + 64


@every_derivative
def test_the_gradient_of_every_tunable_parameter_equals_finite_differences(name, given, domain):
    stage = bench(name, given, domain)
    data = pixels(domain, SHAPE, seed=7)
    shape = SHAPE if channels(stage.gives) == 1 else (*SHAPE, 3)
    weights = np.random.Generator(np.random.Philox(8)).standard_normal(shape).astype(np.float32) + 0.3
    tunable = [
        p for p in stage.stage.parameters
        if p.tune == "gradient" and not isinstance(stage.values[p.name], str) and np.size(stage.values[p.name])
    ]
    adjoint = stage.adjoint()
    gradient = adjoint(data, weights, stage.context.phase)

    def loss(values):
        return float(np.sum(stage.run(data, values).astype(np.float64) * weights))

    for param in tunable:
        plain = np.asarray(stage.values[param.name], np.float64)

        def values_at(flat, param=param, plain=plain):
            return {**stage.values, param.name: _tuples(np.asarray(flat).reshape(plain.shape))}

        def prepare(flat, values_at=values_at):
            return [stage.stage.prepare(values_at(flat), stage.context)]

        found = chain_prepare(prepare, plain.ravel(), gradient)
        for index in range(min(plain.size, 12)):
            scale = max(abs(plain.flat[index]), 0.1, 0.05 * float(np.abs(plain).max()))
            slopes = []
            for width in (4e-3 * scale, 8e-3 * scale):
                ends = []
                for sign in (1, -1):
                    flat = plain.ravel().copy()
                    flat[index] += sign * width
                    ends.append(loss(values_at(flat)))
                slopes.append((ends[0] - ends[1]) / (2 * width))
            expected = (4 * slopes[0] - slopes[1]) / 3
            size = float(np.abs(weights).sum()) * 1e-4
            assert found[index] == pytest.approx(expected, rel=0.02, abs=size), (param.name, index)


@every_derivative
def test_the_gradient_of_the_pixels_equals_finite_differences(name, given, domain):
    if domain == "raw":
        pytest.skip("digital numbers are whole and given: nothing in front of them is tuned")
    stage = bench(name, given, domain)
    data = pixels(domain, SHAPE, seed=7).astype(np.float32)
    if given.get("method") == "menon2007":
        # a decision between two directions jumps at ties: one direction must win everywhere
        data = (0.5 + 0.3 * np.sin(np.arange(SHAPE[0]) * 2.2)[:, None] + 0.004 * data).astype(np.float32)
    stage.check_pixel_gradient(data)


@every_derivative
def test_gradients_do_not_depend_on_threads(name, given, domain):
    stage = bench(name, given, domain, (140, 150))
    data = pixels(domain, (140, 150), seed=7)
    weights = np.ones((140, 150) if channels(stage.gives) == 1 else (140, 150, 3), np.float32)
    adjoint = stage.adjoint()
    one, two = (adjoint(data, weights, threads=n) for n in (1, 2))
    for first, second in zip(one.arrays, two.arrays, strict=True):
        for key in first:
            assert np.array_equal(first[key], second[key])


def _tuples(array):
    return float(array) if array.ndim == 0 else tuple(_tuples(a) for a in array)
