"""Counts of stages: against counts by hand, against the pixels of the engine, and against its bounds query."""

from __future__ import annotations

import math
from fractions import Fraction
from functools import partial

import halide as hl
import numpy as np
import pytest

from isp import Pipeline, Profile
from isp.cfa import Cfa
from isp.cost import count_segment
from isp.cost.counting import Lines
from isp.cost.notation import Apply, Let, Name, Number, parse
from isp.cost.numbering import At, Numbering, X, Y, definition
from isp.demo import demo_frame
from isp.engine.build import build_segment
from isp.engine.strips import FrameSource, Grid, SegmentSource
from isp.values import RawFrame

CHAIN = ["black_level", "defect_correction", "white_balance", "highlights", "green_equalization",
         ("demosaic", {"method": "malvar2004"}), "ccm", "exposure", "sharpen"]  # fmt: skip


@pytest.fixture(scope="module")
def frame():
    return demo_frame(128, 96, seed=1, iso=1600)


def alone(profile, frame):
    """Each stage that changes something, and the segment of it."""
    pieces = Pipeline(profile).planned(frame, apart=True).plan.pieces
    return {run[0].step.stage.name: (run[0], segment) for segment, run in pieces if run}


@pytest.fixture(scope="module")
def segments(frame):
    return alone(Profile.from_stages(CHAIN).with_settings(["exposure.ev=1"]), frame)


def count(stages, frame, name):
    return count_segment(alone(Profile.from_stages(stages), frame)[name][1])


# -- Halide's notation -------------------------------------------------------------------------------------------------


def test_notation():
    half = Number(0.5, "float32")
    assert parse("(a + (b*0.500000f))") == Apply("+", (Name("a"), Apply("*", (Name("b"), half))))
    assert parse("(float32)f$1(x + -2, y)") == Apply(
        "f$1", (Apply("+", (Name("x"), Number(-2, "int32"))), Name("y")), "float32"
    )
    assert parse("(let t1 = a in (let t2 = t1 in t2))") == Let((("t1", Name("a")), ("t2", Name("t1"))), Name("t2"))
    assert parse("(uint8)3") == Number(3, "uint8")
    assert parse("int32(p.extent.0)") == Apply("int32", (Name("p.extent.0"),), "int32")
    bits = Apply("reinterpret", (Name("a"),), "int32")
    assert parse("(reinterpret<int32>(a) < 3)") == Apply("<", (bits, Number(3, "int32")))
    assert parse("((x > 3) || !(y < 2))").function == "||"
    assert parse("near-1_squares(x)", ["near-1_squares"]).function == "near-1_squares"


@pytest.mark.parametrize("text", ["(a + ", "a b", "f(x,", "@", "(let t in t)"])
def test_what_is_not_notation_is_refused(text):
    with pytest.raises(ValueError):
        parse(text)


def test_what_halide_prints_is_read():
    x, f = hl.Var("x"), hl.Func("f")
    f[x] = hl.select(hl.f32(x) > hl.f32(0.5), hl.sqrt(hl.f32(x)), hl.f32(-1e-9)) + hl.f32(hl.u8(3) & hl.u8(1))
    assert parse(str(f.value()).partition(": ")[2][:-1]).function == "+"


# -- by hand -----------------------------------------------------------------------------------------------------------

BY_HAND = {
    # (value - level) * scale, of a 16-bit sample
    "black_level": {"add": 1, "multiply": 1, "convert": 1},
    "white_balance": {"multiply": 1},
    "exposure": {"multiply": 3},
    # three rows of three products and two sums
    "ccm": {"multiply": 9, "add": 6},
    # red and blue sites: green 8 + and 3 x, the opposite colour 5 + more (four differences of sums are shared) and 4 x;
    # green sites: in the row 10 + and 4 x, in the column 5 + more (only its own sum is new) and 3 x (5 here is shared)
    "demosaic": {"add": (2 * 13 + 2 * 15) / 4, "multiply": 7},
    # luma 3 x 2 +, max, + floor, root; two binomial passes of (3 + 3) + and 4 x; detail -; its square and the product,
    # 2 +, /; 3 x 3 minimum and maximum 8 each, -, +; gain x +; max, clamp 2; /; its square, three products
    "sharpen": {"add": 21, "multiply": 18, "divide": 2, "compare": 20, "special": 1},
}


@pytest.mark.parametrize("name", BY_HAND)
def test_operations_equal_a_count_by_hand(segments, name):
    found = {kind: n for kind, n in count_segment(segments[name][1]).operations.items() if n}
    assert found == BY_HAND[name]


def test_bilinear_by_hand(frame):
    found = count(["black_level", ("demosaic", {"method": "bilinear"})], frame, "demosaic")
    # red and blue sites: row, column and their mean 3 + 3 x, corners 3 + 1 x; green sites: 1 + 1 x for each colour
    assert (found.operations["add"], found.operations["multiply"], found.total) == (4, 3, 7)
    # red and blue sites read all 9, green ones 5 with themselves; three values are written
    assert (found.reads, found.writes) == (7, 3)
    # a pixel is written, and three rows are read
    assert found.lines == (Lines("source", 2, 1, Fraction(1), 4.0),)
    assert found.latency == 1


def test_what_no_pixel_depends_on_is_free():
    profile = Profile.from_stages(["black_level", "demosaic", "ccm", ("saturation", {"amount": 1.2})])
    ccm = count_segment(alone(profile, demo_frame(64, 48, seed=0, iso=100))["ccm"][1])
    assert (ccm.registers, ccm.tables, ccm.table_reads) == (9, {}, 0)


def test_a_table_is_counted_as_one(frame):
    stages = ["black_level", ("demosaic", {"method": "bilinear"}), "ccm", "tone_curve"]
    found = count(stages, frame, "tone_curve")
    assert found.tables == {"table": 4097}
    # linear interpolation between two entries for each of three channels
    assert found.table_reads == 6


def test_a_stage_without_definition_is_refused(segments):
    from dataclasses import replace

    steps = tuple(segments[n][1].steps[0] for n in ("white_balance", "exposure"))
    with pytest.raises(ValueError, match="one by one"):
        count_segment(replace(segments["ccm"][1], steps=steps))


def test_scales_of_blocks():
    """A mean of 2 x 2: four reads, three sums and a product for each output pixel; no lines but the block's own."""
    quad = RawFrame.from_array(np.full((64, 64), 300, np.uint16), Cfa("RRGG/RRGG/GGBB/GGBB"), 64, 1023, iso=100)
    found = count(["black_level", "binning"], quad, "binning")
    assert (found.reads, found.operations["add"], found.operations["multiply"]) == (4, 3, 1)
    assert [each.lines for each in found.lines] == [1]
    # each line of the input is twice as long as one of the output
    assert found.lines[0].bits(32, 10) == 64 * 10


# -- against the engine's pixels ---------------------------------------------------------------------------------------

_FUNCTIONS = {
    "+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide, "min": np.minimum, "max": np.maximum,
    "abs": np.abs, "sqrt": np.sqrt, "<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal,
    "&&": np.logical_and, "||": np.logical_or, "convert": np.float32, "neg": np.negative, "!": np.logical_not,
    "bitwise_not": np.logical_not, "select": lambda c, a, b: a if c else b,
}  # fmt: skip


def evaluated(numbering, value, source, arrays):
    """The number that a numbered value stands for."""
    known = []
    for node in numbering.nodes[: value + 1]:
        given = [a.value if isinstance(a, At) else known[a] for a in node.arguments]
        if node.what == "const":
            known.append(np.float32(node.name))
        elif node.what in ("register", "table"):
            known.append(arrays[node.name][tuple(reversed(given))])
        elif node.what == "read":
            x, y, *c = given
            known.append(np.float32(source[(y, x, *c)]))
        else:
            known.append(_FUNCTIONS[node.what](*given))
    return known[value]


@pytest.mark.parametrize("name", ["white_balance", "defect_correction", "highlights", "green_equalization", "demosaic",
                                  "ccm", "sharpen"])  # fmt: skip
def test_the_values_counted_make_the_pixels_that_the_engine_computes(frame, segments, name):
    """All that is counted is needed and nothing is missing: what is used, evaluated, is the engine's pixel."""
    placed, segment = segments[name]
    index = [n if isinstance(n, str) else n[0] for n in CHAIN].index(name)
    before, after = (
        Pipeline(Profile.from_stages(CHAIN[: i + 1]).with_settings(["exposure.ev=1"] if i > 6 else []))
        .run(frame, tap=n).value.data
        for i, n in ((index - 1, placed_name(index - 1)), (index, name))
    )
    built = build_segment(segment)
    read = partial(parse, names=[n.func.name() for n in built.graph.nodes])
    funcs = {n.func.name(): definition(n.func, read, stored=False) for n in built.graph.nodes}
    funcs["output"] = definition(built.output, read, stored=True)
    source = hl.Func(built.inputs[0]).name()
    step = segment.steps[0]
    arrays = {hl.Func(p).name(): step.arrays[n] for p, n in zip(built.inputs[1:], sorted(step.arrays), strict=True)}
    px, py = placed.before.phase
    for y, x in ((40, 50), (41, 50), (40, 51), (41, 51)):
        for c in range(segment.sink.channels):
            numbering = Numbering(funcs, [source])
            place = (At(x + px, X), At(y + py, Y), At(c))[: 2 if segment.sink.channels == 1 else 3]
            value = numbering.pixel("output", 0, place)
            shifted = np.roll(before, (py, px), (0, 1))
            found = evaluated(numbering, value, shifted, arrays)
            wanted = after[y, x] if after.ndim == 2 else after[y, x, c]
            # printed constants have six digits
            assert found == pytest.approx(wanted, rel=1e-4, abs=1e-5)


def placed_name(index):
    return CHAIN[index] if isinstance(CHAIN[index], str) else CHAIN[index][0]


# -- against the bounds query ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["black_level", "defect_correction", "highlights", "green_equalization", "demosaic",
                                  "sharpen"])  # fmt: skip
def test_lines_equal_the_support_that_the_engine_asks_for(segments, name):
    placed, segment = segments[name]
    found = count_segment(segment)
    channels = segment.source.channels
    shape = (192, 640) if channels == 1 else (192, 640, channels)
    source = FrameSource(np.zeros(shape, segment.source.dtype), placed.before.phase)
    chain = SegmentSource(segment, segment.program(), source, Grid((192, 640), placed.after.phase), 64)
    _, (top, bottom) = chain._needs(64, 128)
    # a program that selects by site computes whole periods of two rows
    above, below = 64 - top, bottom - 128
    assert found.latency <= below <= math.ceil(found.latency / 2) * 2
    reads = sum(each.lines for each in found.lines if each.name == "source")
    assert reads <= above + below
    if name == "demosaic":  # a single stencil: (rows - 1) lines, exactly
        assert (reads, found.line_bits(4096, 12)) == (4, 4 * 4096 * 12)


def test_lines_of_a_window_on_a_lattice():
    """The DCT filter reads windows of 8 rows of planes of every second row: 7 rows of transformed lines, latency 15."""
    frame = demo_frame(64, 48, seed=0, iso=1600)
    found = count(["black_level", ("noise_reduction", {"method": "dct_fast"})], frame, "noise_reduction")
    rows = next(each for each in found.lines if each.name.startswith("noise_reduction_rows"))
    assert (rows.lines, rows.density, found.latency) == (7, Fraction(1, 2), 15)


def test_remosaic_of_blocks_counts_by_blocks():
    block = Cfa("/".join(["RRRRGGGG"] * 4 + ["GGGGBBBB"] * 4))
    frame = RawFrame.from_array(np.full((64, 64), 300, np.uint16), block, 64, 1023, iso=100)
    found = count(["black_level", "white_balance", ("remosaic", {"method": "nearest"})], frame, "remosaic")
    # of a block mean's 15 sums and a product each pixel has a sixteenth
    assert found.operations["add"] == pytest.approx(15 / 16)
    assert found.operations["multiply"] == pytest.approx(1 / 16)
    assert found.writes == pytest.approx(1 + 1 / 16)


def test_what_does_not_depend_on_the_picture_makes_it_wait_for_nothing(frame):
    """The grain of a pixel is drawn from its place: a stage that adds it to pixels needs no rows of theirs."""
    stages = ["black_level", ("demosaic", {"method": "bilinear"}), "ccm", "tone_curve", "grain"]
    found = count(stages, frame, "grain")
    assert found.latency == 0
    assert all(each.name != "source" for each in found.lines)
