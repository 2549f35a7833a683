"""Stages of many operations, counted by hand from their formulas, and line buffers from their windows."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

import numpy as np
import pytest

from isp import Pipeline, Profile, read_profile
from isp.cfa import Cfa
from isp.cost import count_segment
from isp.cost.counting import Lines
from isp.cost.streaming import Kept, schedule
from isp.engine.strips import FrameSource, Grid, SegmentSource
from isp.values import NoiseModel, RawFrame


def ops(add=0, multiply=0, divide=0, compare=0, select=0, special=0):
    return {"add": add, "multiply": multiply, "divide": divide, "compare": compare, "select": select,
            "special": special}  # fmt: skip


def plus(*parts):
    """Sum of counts, each of which may come with a factor: ``(3, ROW)`` is three rows."""
    total = Counter(ops())
    for part in parts:
        times, one = part if isinstance(part, tuple) else (1, part)
        for kind, number in one.items():
            total[kind] += times * number
    return dict(total)


@pytest.fixture(scope="module")
def pieces():
    """By stage, its place in `natural` and its segment."""
    from reports.hardware.frame import even_frame

    found = Pipeline(read_profile("natural")).planned(even_frame("xiaomi_12t_pro/main"), apart=True).plan.pieces
    return {run[0].step.stage.name: (run[0], segment) for segment, run in found if run}


@pytest.fixture(scope="module")
def counted(pieces):
    wanted = ("lens_shading", "noise_reduction", "chromatic_aberration", "distortion", "tone_curve", "encode")
    return {name: count_segment(pieces[name][1]) for name in wanted}


def total(count):
    return {kind: number for kind, number in count.operations.items() if kind in ops()}


# a row of a 3 x 3 matrix
ROW = ops(add=2, multiply=3)
# min and max of three, both distances to the grey, their scales and the larger
DISTANCE = ops(add=2, multiply=2, compare=5)
# size, held, a third of the exponent and its bias; two steps of a cube (2 x), numerator and denominator (2 + each), one
# x and one /; the sign, and the line about 0
ROOT = plus(
    ops(compare=2, add=1, multiply=1), (2, ops(multiply=3, add=4, divide=1)), ops(compare=1, add=1, select=1),
    ops(compare=1, multiply=1, select=1),
)  # fmt: skip
CUBED = ops(compare=2, multiply=3, select=1)
# Loeffler's graph with rotations as 4 x and 2 +
DCT = ops(add=26, multiply=14)


def test_lens_shading_reads_its_mesh_along_a_row(counted):
    """Down the mesh is done once a row; along it: place 1 x 1 +, clamp, fraction 1 +, blend 2 + 1 x, and the gain."""
    found = counted["lens_shading"]
    assert total(found) == ops(add=4, multiply=3, compare=2)
    assert (found.reads, found.writes, found.lines) == (3, 1, ())


def test_tone_curve(counted):
    # 4 pieces of the table's axis behind the size; 3 + 1 x of interpolation, and mirrored below 0
    looked_up = plus(ops(compare=1), (4, ops(add=1, multiply=1, compare=1)), ops(add=3, multiply=1),
                     ops(compare=1, add=1, select=1))  # fmt: skip
    ratio = ops(compare=8 + 1, add=2, divide=1)
    toned = ops(add=4, multiply=2)
    # both chromas, their ratio, the share, and (a, b)
    chroma = plus((2, ops(multiply=2, add=1)), ops(add=2, multiply=1, special=1, divide=1),
                  ops(multiply=1, add=1, divide=1), (2, ops(multiply=2, add=1)))  # fmt: skip
    moved = plus((3, plus(ops(multiply=2, add=2), (2, CUBED), ops(add=1))), (3, ROW))
    by_hand = plus((3, looked_up), ratio, (3, toned), (6, ROW), (6, ROOT), (4, ROW), chroma, moved, ops(add=3))
    assert total(counted["tone_curve"]) == by_hand


def test_encode(counted):
    grey = plus(ROW, ops(compare=2), ops(add=1, compare=2, divide=2))
    wanted = plus(DISTANCE, ops(add=1, compare=1), ops(multiply=1, add=2, divide=1))
    roots = plus((3, ROW), (3, ROOT), ROW, ops(add=3))
    start = plus(ops(multiply=1, compare=1, divide=1), (3, plus(ROW, ops(multiply=1, add=1))), DISTANCE)
    # three signals, the factor, three channels
    at = plus((3, plus(ops(multiply=1, add=1), CUBED)), ROW, ops(compare=1, divide=1),
              (3, plus(ROW, ops(multiply=1, add=1))))  # fmt: skip
    guess = ops(special=1, add=1, compare=1, divide=1)
    # from k = 0 and 1 the slant is a difference, and the offset known
    first = plus(ops(add=1), ops(multiply=3, add=1, compare=1), ops(multiply=1), guess, ops(compare=2), at)
    between = plus(DISTANCE, ops(compare=1, divide=1), ops(multiply=1, compare=1, select=4))
    second = plus(ops(add=2, compare=1, divide=1), ops(multiply=1, add=1), ops(multiply=3, add=1, compare=1), guess,
                  ops(compare=2), at)  # fmt: skip
    chosen = plus(ops(compare=2), (3, ops(select=2, compare=2)))
    # a polynomial of degree 7 in the fourth root
    srgb = ops(compare=2, special=2, multiply=8, add=7, select=1)
    by_hand = plus((3, ROW), grey, wanted, roots, start, first, between, second, chosen, (3, srgb))
    assert total(counted["encode"]) == by_hand


def test_chromatic_aberration(counted):
    bend = ops(compare=1, multiply=2, add=1, divide=1, special=1)
    # differences across and down; at red and blue sites two sums of 5, the share, and what lies between
    near = ops(add=2, compare=2)
    green = plus((2, ops(add=5)), ops(multiply=2, add=1, divide=1), ops(add=4, multiply=3))
    # v^2 is the same along a row
    place = ops(add=2, multiply=4, compare=1)
    factor = ops(add=3, multiply=1)
    # of seven tents that five weights of each side share, one is at 0
    weights = plus(ops(multiply=2, compare=2, add=1), ops(multiply=1, add=6), (7, ops(add=1, compare=2)), ops(add=1),
                   (5, ops(multiply=2, add=1)))  # fmt: skip
    moved = (3, ops(add=2, multiply=1))
    window = plus((5, ops(add=4, multiply=6)), ops(add=4), ops(add=2))
    straight = ops(compare=1, multiply=4, add=2, special=1)
    site = plus(green, place, factor, (2, weights), moved, window, straight)
    assert total(counted["chromatic_aberration"]) == plus(bend, near, (Fraction(1, 2), site))


def test_distortion(counted):
    # one polynomial for all colours; what depends on the row alone is free
    moves = ops(add=11, multiply=14)
    ends = plus((2, moves), ops(add=2, compare=2))
    cubic = plus(*[ops(multiply=3, add=n) for n in (2, 2, 2, 1)])
    # of five taps the outer two choose one weight, the others two
    weights = plus(ops(add=2, compare=2), cubic, ops(compare=2, select=8))
    taps = plus((5, ops(multiply=6, add=4)), ops(add=4))
    found = counted["distortion"]
    assert total(found) == plus(moves, (Fraction(1, 16), ends), (2, weights), (3, taps))
    # 32 px at most, and 2 of 5 taps on either side of the group's place
    assert found.lines == (Lines("source", 67, 3, Fraction(1), found.lines[0].accesses),)


def test_noise_reduction(counted):
    """Per pixel of the mosaic: each of four planes has a quarter of its pixels, and windows every fourth row."""
    stable = ops(add=2, multiply=3, compare=2, special=1)
    mixed = ops(add=3, multiply=4)
    # of 64 coefficients: square, energies of both neighbours along the row; across, ratio, gain, gain x, its square
    energy = ops(multiply=1 + 1, add=2)
    gain = ops(add=4, multiply=3, divide=1)
    window = plus((64, energy), (64, gain), (64, ops(multiply=1)), (8, DCT), (64, ops(multiply=1, add=1)))
    # in three planes the mean is kept: no square of it (two sums less), no gain and none of its products
    mean = plus(ops(multiply=1, add=2), gain, ops(multiply=2))
    windows = plus((4, window), (-3, mean), (4, plus(ops(add=7, divide=1), ops(add=15, divide=1))))
    # two windows below one another for each of 8 frequencies; eight windows side by side
    joined = plus((8, ops(multiply=2, add=1)), DCT, ops(add=7, multiply=3))
    linear = ops(add=7, multiply=7, compare=3, select=1)
    averaged = ops(add=4, multiply=1)
    by_hand = plus(stable, (2, mixed), DCT, (Fraction(32, 16), DCT), (Fraction(1, 16), windows), joined,
                   (Fraction(1, 4), averaged), linear)  # fmt: skip
    assert total(counted["noise_reduction"]) == by_hand


def test_lines_of_the_noise_reduction(counted):
    """All planes have half as many pixels along a row; windows are computed once for four rows of them."""
    found = {(e.name.removeprefix("noise_reduction_").partition("$")[0], e.lines): e.planes
             for e in counted["noise_reduction"].lines}  # fmt: skip
    assert found == {
        ("source", 1): 1,  # a row of the planes takes two of the mosaic
        ("rows", 7): 32,  # 8 rows of 4 x 8 frequencies
        # row i of a window is used i rows later: the first at once, 1..4 before the next window comes, 5..7 behind it
        ("kept", 1): 4 * 32,
        ("kept", 2): 3 * 32,
        ("weight", 2): 4,
        ("norm", 1): 4,
        ("linear", 1): 2,  # the lower of two rows of the mosaic waits
    }
    assert counted["noise_reduction"].line_bits(4096, 18) == 280 * 4096 * 18


def quad(name):
    """A stage of a mosaic of blocks of 2 x 2."""
    cfa = Cfa("RRGG/RRGG/GGBB/GGBB")
    noise = NoiseModel([1e-4] * 4, [1e-6] * 4)
    frame = RawFrame.from_array(np.full((64, 64), 300, np.uint16), cfa, 64, 1023, iso=100, noise=noise)
    stages = ["black_level", "defect_correction", "white_balance", ("highlights", {"knee": 0.9})]
    pieces = Pipeline(Profile.from_stages(stages)).planned(frame, apart=True).plan.pieces
    return count_segment(next(s for s, run in pieces if run and run[0].step.stage.name == name))


def test_sites_of_blocks():
    """Red and blue sites look at 8 neighbours of other colours, green ones at 4: all four blocks are looked at."""
    saturated = ops(multiply=2, add=1, compare=2)
    # the dimmest of four, its share of the level, from where to where; the roof
    roof = plus(ops(compare=7), ops(multiply=2, add=1, compare=2), ops(multiply=2, add=1))
    # of each neighbour its size, square and what is free of it, three sums of each of two kinds
    around = plus((6, ops(compare=1, multiply=2, add=1)), ops(add=3 * (6 + 2) // 2))
    opposed = plus((2, ops(compare=1, divide=2)), (2, ops(add=3, multiply=1, compare=1)))
    rebuilt = plus(ops(add=3, multiply=2, compare=1), ops(add=2, multiply=1, compare=1))
    chosen = ops(compare=8 + 1 + 1 + 1, select=2)
    found = quad("highlights")
    assert total(found) == plus(saturated, roof, around, opposed, rebuilt, chosen)
    assert (found.reads, found.writes, found.latency) == (1 + 5 + 2 + 6 + 6 + 9, 3, 3 * 2)


def test_lines_of_blocks():
    """The nearest site of a colour is up to 3 rows away, and relief is looked at 2 rows around."""
    found = quad("defect_correction")
    assert {(e.name.partition("$")[0], e.lines) for e in found.lines} == {
        ("source", (3 + 2) + 3), ("defect_correction_relief", 4)
    }  # fmt: skip
    assert found.latency == 5


@pytest.mark.parametrize(("name", "above", "below"), [("chromatic_aberration", 4, 4), ("distortion", 33, 34)])
def test_rows_at_computed_places_are_those_that_the_engine_asks_for(pieces, counted, name, above, below):
    placed, segment = pieces[name]
    shape = (192, 640, 3)[: 2 if segment.source.channels == 1 else 3]
    source = FrameSource(np.zeros(shape, segment.source.dtype), placed.before.phase)
    chain = SegmentSource(segment, segment.program(), source, Grid((192, 640), placed.after.phase), 64)
    _, (top, bottom) = chain._needs(64, 128)
    assert (64 - top, bottom - 128) == (above, below)
    assert counted[name].latency == below


# -- lags --------------------------------------------------------------------------------------------------------------

ONE = Fraction(1)


def stencil(name, reader, above, below, size=ONE):
    return Kept(name, ((reader, Fraction(-above), Fraction(below)),), size)


def test_a_stencil_takes_its_rows_less_one():
    assert schedule(["in", "out"], {"in": ONE, "out": ONE}, [stencil("in", "out", 2, 2)]) == (2, (4,))


def test_a_branch_waits_for_another():
    """`in` goes to `out` directly, and through a stencil of 5 rows; what waits is the narrower of both."""
    names = ["in", "wide", "out"]
    rates = dict.fromkeys(names, ONE)
    both = Kept("in", (("wide", Fraction(-2), Fraction(2)), ("out", Fraction(0), Fraction(0))), ONE)
    assert schedule(names, rates, [both, stencil("wide", "out", 0, 0)]) == (2, (4, 0))


def test_lags_are_those_of_the_least_memory():
    """Of the value three times as wide nothing waits, where a lag as short or as long as can be would keep it."""
    names = ["in", "thick", "thin", "late", "out"]
    rates = dict.fromkeys(names, ONE)
    to = [(n, Fraction(0), Fraction(0)) for n in ("thick", "thin")]
    kept = [
        Kept("in", (*to, ("late", Fraction(-4), Fraction(4))), ONE),
        stencil("thick", "thin", 0, 0, 3 * ONE), stencil("thin", "out", 0, 0), stencil("late", "out", 0, 0),
    ]  # fmt: skip
    # every row of the input waits for `late` in any case: `thick` and `thin` wait there with it
    assert schedule(names, rates, kept) == (4, (8, 0, 0, 0))


def test_a_plane_of_half_the_rows_keeps_one_for_its_second_use():
    names, half = ["in", "half", "out"], Fraction(1, 2)
    kept = [
        Kept("in", (("half", Fraction(0), Fraction(1)),), ONE),
        Kept("half", (("out", -half, Fraction(0)),), half),
    ]  # fmt: skip
    assert schedule(names, {"in": ONE, "half": half, "out": ONE}, kept) == (1, (1, 1))


def test_rows_that_come_from_a_value_itself_are_no_stream():
    names = ["in", "a", "out"]
    kept = [stencil("in", "a", 0, 0), stencil("a", "a", 0, 1), stencil("a", "out", 0, 0)]
    with pytest.raises(ValueError, match="no lags of in, a, out are possible"):
        schedule(names, dict.fromkeys(names, ONE), kept)
