"""Compiled profiles against `Pipeline`: the same bits, whatever is fed, in frames and strips; and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from isp import Pipeline, read_profile
from isp.color.white_curve import WhiteCurve
from isp.errors import OutputError, ProfileError, UsageError
from isp.native.library import compile_profile
from isp.native.link import find_compiler, link_example
from isp.native.machines import find_machine
from isp.native.states import GAIN_NODES, Axis
from isp.native.tables import look_up
from isp.profile import Profile, shipped_profiles
from isp.profile.model import StageEntry
from isp.stage import Stage
from isp.values import ColorCalibration, NoiseModel, Picture, typical
from tests.native_code import Refused, develop, needs_arm, needs_cc, picture_raw, shared_library

CCT = {
    2850: [[1.8, -0.6, -0.2], [-0.3, 1.6, -0.3], [0, -0.7, 1.7]],
    6500: [[1.5, -0.4, -0.1], [-0.2, 1.5, -0.3], [0, -0.4, 1.4]],
}
CURVE = [[2500, 0.9, 0.35], [4000, 0.7, 0.5], [7000, 0.5, 0.7]]
STAGES = [
    "linearize", "black_level", ("white_balance", {"curve": CURVE}), ("highlights", {"knee": 0.95}),
    ("demosaic", {"method": "malvar2004"}), ("ccm", {"matrix": {"cct": CCT}}), "exposure", "tone_curve",
    ("toning", {"hue": [60, 80], "chroma": [0.05, 0.05], "strength": {"iso": {200: 0, 800: 1}}}),
    ("sharpen", {"amount": {"iso": {100: 0.25, 1600: 1.25}}}), ("encode", {"space": "srgb"}),
]
PLAIN = [
    "linearize", "black_level", ("white_balance", {"curve": CURVE}), ("demosaic", {"method": "bilinear"}),
    ("ccm", {"matrix": {"cct": CCT}}), "exposure", ("tone_curve", {"perceptual": 0}),
    ("encode", {"space": "srgb", "gamut": "clip"}),
]
"""The shortest way from raw to picture: compiles in half a second."""


def small(*settings, stages=STAGES, name="small"):
    """A profile of a few stages that compiles quickly and follows all that can be fed."""
    return Profile.from_stages(stages, name=name).with_settings(["output.format=png", *settings])


def python(profile, frame, kelvin=5000, ev=0.0):
    """The codes of `isp run` for a light of `kelvin`, by the profile's own curve of neutrals."""
    light = ["white_balance.mode=temperature", f"white_balance.temperature={kelvin}", f"exposure.ev={ev}"]
    return Pipeline(profile.with_settings(light)).run(frame).value.pixels


def feed(handle, iso, kelvin=5000, ev=0.0):
    """The same on the C side, where the caller's white balance has found the neutral of that light."""
    neutral = WhiteCurve(CURVE).neutral(kelvin)
    handle.set("iso", iso)
    handle.set("temperature", kelvin)
    handle.set("white_balance.gains", *(neutral.max() / neutral))
    handle.set("exposure.ev", ev)


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    return shared_library(small(), tmp_path_factory.mktemp("small"), typical(size=(640, 480)))


@needs_cc
@pytest.mark.parametrize(("height", "width"), [(480, 640), (131, 97), (70, 1203), (5, 4)])
def test_a_frame_of_any_size_has_the_same_bits(shared, height, width):
    frame = picture_raw(height, width, iso=100.0)
    handle = shared.open(width, height)
    feed(handle, 100)
    assert np.array_equal(handle.process(frame.data), python(small(), frame))
    handle.close()


@needs_cc
@pytest.mark.parametrize("ev", [0.0, -1.37, 2.5])
@pytest.mark.parametrize("kelvin", [2850, 4000, 5000])
@pytest.mark.parametrize("iso", [100, 200, 400, 800, 1600, 6400])
def test_what_is_fed_has_the_same_bits_at_the_nodes(shared, iso, kelvin, ev):
    """ISO and temperature at nodes; gains and exposure anywhere, as what they move is proportional to them."""
    frame = picture_raw(120, 160, iso=float(iso))
    handle = shared.open(160, 120)
    feed(handle, iso, kelvin, ev)
    assert np.array_equal(handle.process(frame.data), python(small(), frame, kelvin, ev))
    handle.close()


@needs_cc
def test_a_table_over_iso_is_interpolated_between_the_nodes(shared):
    """`sharpen.amount` stands in its array as it is, so that the rule is the profile's own: linear in log2 of ISO."""
    frame = picture_raw(120, 160, iso=150.0)
    handle = shared.open(160, 120)
    feed(handle, 150)
    assert np.array_equal(handle.process(frame.data), python(small(), frame))
    handle.close()


@needs_cc
def test_between_nodes_of_temperature_the_matrix_is_interpolated_in_mired(shared):
    frame = picture_raw(120, 160, iso=100.0)
    handle = shared.open(160, 120)
    feed(handle, 100, 3500)
    apart = np.abs(handle.process(frame.data).astype(int) - python(small(), frame, 3500))
    assert apart.max() <= 1
    assert np.mean(apart > 0) < 0.001
    handle.close()


def test_tables_are_exact_for_what_gains_do():
    """Closed forms: sums, largest and smallest of gains, and through powers the noise that goes with them."""
    axes = [Axis(f"g{i}", "1", "linear", GAIN_NODES, 1.0) for i in range(3)]
    grid = np.stack(np.meshgrid(*[GAIN_NODES] * 3, indexing="ij"), -1).astype(np.float32)
    rng = np.random.Generator(np.random.Philox(2))
    forms = {
        1.0: lambda g: [g[..., 0] + 4 * g[..., 1] + g[..., 2], g.max(-1), g.min(-1)],
        0.5: lambda g: [3 * g.max(-1) ** 2],
        -2.0: lambda g: [1 / np.sqrt(g[..., 0] + 4 * g[..., 1] + g[..., 2])],
        -1.0: lambda g: [1 / g[..., 2]],
    }
    for power, form in forms.items():
        values = np.stack(form(grid.astype(np.float64)), -1)
        for point in rng.uniform(0.5, 8, (50, 3)):
            assert look_up(values, axes, point, power) == pytest.approx(np.stack(form(point), -1), rel=1e-12)


def test_tables_hold_beyond_their_ends_and_are_exact_at_nodes():
    axis = Axis("temperature", "K", "mired", (2000.0, 4000.0, 8000.0), 4000.0)
    values = np.array([[1.0], [2.0], [5.0]], np.float32)
    at = {1500: 1, 2000: 1, 4000: 2, 8000: 5, 12000: 5, 2666.6666666666665: 1.5}
    for kelvin, value in at.items():
        assert look_up(values, [axis], [kelvin])[0] == pytest.approx(value, rel=1e-12)


@needs_cc
def test_a_direct_setting_is_the_parameter(shared):
    frame = picture_raw(90, 130, iso=100.0)
    handle = shared.open(130, 90)
    feed(handle, 100)
    handle.set("sharpen.coring", 0.02)
    handle.set("tone_curve.hue", 0.9)
    wanted = python(small("sharpen.coring=0.02", "tone_curve.hue=0.9"), frame)
    assert np.array_equal(handle.process(frame.data), wanted)
    assert handle.get("sharpen.coring") == [0.02]
    handle.close()


@needs_cc
def test_strips_give_the_bits_of_the_frame_and_rows_are_read_once(shared):
    frame = picture_raw(331, 200)
    handle = shared.open(200, 331)
    whole = handle.process(frame.data)
    asked: list[tuple[int, int]] = []
    handle.begin(frame.data, asked)
    out, first = handle.empty(), 0
    for rows in (1, 63, 64, 100, 7, 96):
        handle.rows(first, first + rows, out[first:])
        first += rows
    assert np.array_equal(out, whole)
    read = [row for start, count in asked for row in range(start, start + count)]
    assert read == list(range(331))
    handle.close()


@needs_cc
def test_rows_that_are_left_out_change_nothing(shared):
    frame = picture_raw(300, 100)
    handle = shared.open(100, 300)
    whole, out = handle.process(frame.data), handle.empty()
    handle.begin(frame.data)
    handle.rows(210, 250, out[210:])
    assert np.array_equal(out[210:250], whole[210:250])
    handle.close()


@needs_cc
def test_strides_of_both_sides(shared):
    frame = picture_raw(70, 600)
    handle = shared.open(600, 70)
    plain = handle.process(frame.data)
    wide_raw = np.full((70, 640), 777, np.uint16)
    wide_raw[:, :600] = frame.data
    wide_out = np.full((70, 650, 3), 9, np.uint8)
    handle.process(wide_raw[:, :600], wide_out[:, :600])
    assert np.array_equal(wide_out[:, :600], plain)
    assert (wide_out[:, 600:] == 9).all()
    handle.close()


@needs_cc
@pytest.mark.parametrize(
    ("word", "act"),
    [
        ("name: the profile has no setting sharpen.amuont", lambda h, raw: h.set("sharpen.amuont", 1)),
        ("range: sharpen.coring: 5 is out of bounds; allowed: 0..0.2", lambda h, raw: h.set("sharpen.coring", 5)),
        ("range: iso: nan is out", lambda h, raw: h.set("iso", float("nan"))),
        ("range: exposure.ev: 9 is out of bounds; allowed: -8..8 EV", lambda h, raw: h.set("exposure.ev", 9)),
        ("count: white_balance.gains has 3 values, not 2", lambda h, raw: h.set("white_balance.gains", 1, 1)),
        ("fixed: tone_curve.contrast was resolved", lambda h, raw: h.set("tone_curve.contrast", 1)),
        ("order: rows were asked for before isp_begin", lambda h, raw: h.rows(0, 1, h.empty())),
        ("order: rows 0..79 cannot be had", lambda h, raw: (h.begin(raw), h.rows(0, 80, h.empty()))),
        ("order: rows 4..9 cannot be had; allowed: ascending, 20..69",
         lambda h, raw: (h.begin(raw), h.rows(0, 20, h.empty()), h.rows(4, 10, h.empty()))),
        ("read: the reader failed on rows", lambda h, raw: (h.begin(raw, fail_at=30), h.rows(0, 70, h.empty()))),
        ("argument: a stride of 30 bytes", lambda h, raw: h.process(raw, np.empty((70, 10, 3), np.uint8))),
        ("name: the profile leaves no stage demosaic", lambda h, raw: h.set_host("demosaic", lambda planes: planes)),
        ("name: the profile leaves no array sharpen.limits", lambda h, raw: h.set_array("sharpen.limits", np.ones(3))),
    ],
)
def test_wrong_calls_say_what_is_wrong_and_the_handle_goes_on(shared, word, act):
    frame = picture_raw(70, 100)
    handle = shared.open(100, 70)
    before = handle.process(frame.data)
    with pytest.raises(Refused) as caught:
        act(handle, frame.data)
    assert str(caught.value).startswith(word)
    assert np.array_equal(handle.process(frame.data), before)
    handle.close()


@needs_cc
@pytest.mark.parametrize(("width", "height"), [(3, 100), (100, 3), (70000, 100), (-5, 10)])
def test_impossible_sizes_are_refused(shared, width, height):
    with pytest.raises(Refused, match="size"):
        shared.open(width, height)


@needs_cc
@pytest.mark.parametrize(
    ("cfa", "settings"),
    [
        ("BGGR", ()),
        ("GRBG", ("output.bits=16", "output.format=tiff")),
        ("GBRG", ("datapath.bits=12", "datapath.headroom=2", "datapath.rounding=nearest_even")),
        ("RRGG/RRGG/GGBB/GGBB", ()),
        ("GGBB/GGBB/RRGG/RRGG", ("binning.enabled=false",)),
        ("GBBG/RGGR/RGGR/GBBG", ()),
    ],
)
def test_every_mosaic_depth_and_datapath_has_the_same_bits(tmp_path, cfa, settings):
    """Phases, block mosaics at full size, binned, and from the middle of a block; 16 bits; a fixed-point datapath."""
    stages = [*PLAIN[:2], "binning", PLAIN[2], ("remosaic", {"method": "fast"}), *PLAIN[3:]]
    profile = small(*settings, stages=stages)
    height, width = 158, 211
    frame = picture_raw(height, width, cfa, iso=400.0)
    shared = shared_library(profile, tmp_path, typical(cfa, (width, height)))
    handle = shared.open(width, height)
    feed(handle, 400, 4000)
    assert np.array_equal(handle.process(frame.data), python(profile, frame, 4000))
    handle.close()


@needs_cc
def test_wide_samples_have_the_same_bits(tmp_path):
    from isp import RawFrame

    frame = picture_raw(80, 100, top=65535)
    wide = RawFrame(frame.data.astype(np.uint32) * 64, frame.cfa, frame.black * 64, frame.white * 64)
    profile = small(stages=PLAIN)
    shared = shared_library(profile, tmp_path, wide)
    handle = shared.open(100, 80)
    feed(handle, 100)
    assert np.array_equal(handle.process(wide.data), python(profile, wide))
    handle.close()


@needs_cc
def test_a_profile_that_depends_on_the_size_takes_no_other(tmp_path):
    profile = small(stages=[*PLAIN[:6], ("vignette", {"amount": 0.5}), *PLAIN[6:]])
    frame = picture_raw(90, 120)
    shared = shared_library(profile, tmp_path, typical(size=(120, 90)))
    handle = shared.open(120, 90)
    feed(handle, 100)
    assert np.array_equal(handle.process(frame.data), python(profile, frame))
    handle.close()
    with pytest.raises(Refused, match="size"):
        shared.open(120, 92)


LOCAL = [*PLAIN[:6], ("local_tone", {"shadows": 1.5}), *PLAIN[6:]]


def test_a_stage_that_looks_at_the_picture_is_refused_by_name(tmp_path):
    with pytest.raises(ProfileError, match=r"local_tone \(its numbers are made from each picture's statistics\)"):
        compile_profile(small(stages=LOCAL), "host", tmp_path / "no")
    assert not (tmp_path / "no").exists()


@needs_cc
def test_its_arrays_can_be_left_to_the_caller(tmp_path):
    profile = small(stages=LOCAL)
    frame = picture_raw(192, 256, iso=100.0)
    shared = shared_library(profile, tmp_path, typical(size=(256, 192)), partial=True)
    handle = shared.open(256, 192)
    feed(handle, 100)
    with pytest.raises(Refused, match=r"host: array local_tone.* isp_set_array"):
        handle.process(frame.data)
    light = profile.with_settings(["white_balance.mode=temperature", "white_balance.temperature=5000"])
    steps = Pipeline(light).planned(frame).steps
    arrays = next(p.step.arrays for p in steps if p.step.stage.name == "local_tone")
    for name in ("mesh", "down", "across"):
        handle.set_array(f"local_tone.{name}", arrays[name])
    assert np.array_equal(handle.process(frame.data), python(profile, frame))
    handle.close()


class Wavy(Stage):
    """A whole-frame stage of a user."""

    name = "wavy"
    takes = ("scene",)
    kind = "frame"

    def apply(self, value, values, context):
        return Picture(wavy(value.data), value.space, value.transfer, value.referred)


def wavy(pixels):
    return (pixels * np.float32(0.75) + np.roll(pixels, 3, 0) * np.float32(0.25)).astype(np.float32)


def with_host_stage():
    profile = small(stages=PLAIN)
    entries = list(profile.stages)
    entries.insert(6, StageEntry("wavy", Wavy()))
    return profile.with_stages(entries)


def test_a_python_stage_is_refused_by_name(tmp_path):
    with pytest.raises(ProfileError, match=r"wavy \(it runs Python on the frame\); leave it to the caller"):
        compile_profile(with_host_stage(), "host", tmp_path / "no")


@needs_cc
def test_a_python_stage_can_be_left_to_the_caller(tmp_path):
    profile = with_host_stage()
    frame = picture_raw(150, 140, iso=100.0)
    shared = shared_library(profile, tmp_path, typical(size=(140, 150)), partial=True)
    handle = shared.open(140, 150)
    feed(handle, 100)
    with pytest.raises(Refused, match="host: stage wavy is left to the caller; give it with isp_set_host"):
        handle.process(frame.data)
    handle.set_host("wavy", lambda planes: wavy(planes.transpose(1, 2, 0)).transpose(2, 0, 1))
    for _ in range(2):
        assert np.array_equal(handle.process(frame.data), python(profile, frame))
    handle.close()


@needs_cc
def test_a_frame_gives_its_facts_and_what_is_auto(tmp_path):
    """With `like`, the library starts with what `isp run` finds for that frame: white, exposure, saturation level."""
    frame = picture_raw(240, 320, iso=400.0)
    frame = replace(frame, data=frame.data // 4 + 48)
    profile = small("exposure.ev=auto", "white_balance.mode=auto", stages=PLAIN)
    shared = shared_library(profile, tmp_path, None, like=frame)
    handle = shared.open(320, 240)
    assert np.array_equal(handle.process(frame.data), Pipeline(profile).run(frame).value.pixels)
    assert handle.get("exposure.ev")[0] > 0.2
    handle.close()


@needs_cc
def test_colour_matrices_of_a_file_follow_the_temperature(tmp_path):
    """Two calibrations, as a DNG has them: the same bits at the frame's own white, and for the light of each node."""
    warm = ColorCalibration(2856.0, np.array([[0.9, -0.2, -0.1], [-0.4, 1.2, 0.2], [0.0, 0.2, 0.6]]))
    cold = ColorCalibration(6504.0, np.array([[0.7, -0.1, -0.1], [-0.4, 1.2, 0.2], [0.0, 0.1, 0.7]]))
    frame = picture_raw(64, 96, calibrations=(warm, cold), neutral=(0.52, 1.0, 0.61), iso=100.0)
    profile = small(stages=[*PLAIN[:2], "white_balance", PLAIN[3], "ccm", *PLAIN[5:]])
    shared = shared_library(profile, tmp_path, None, like=frame)
    handle = shared.open(96, 64)
    assert np.array_equal(handle.process(frame.data), Pipeline(profile).run(frame).value.pixels)
    for kelvin in (3200, 6500):
        told = profile.with_settings(["white_balance.mode=temperature", f"white_balance.temperature={kelvin}"])
        (gains,) = [p.step.arrays["gains"] for p in Pipeline(told).planned(frame).steps if "gains" in p.step.arrays]
        handle.set("temperature", kelvin)
        handle.set("white_balance.gains", *map(float, gains))
        assert np.array_equal(handle.process(frame.data), Pipeline(told).run(frame).value.pixels)
    handle.close()


def test_the_parameter_table_says_how_everything_is_fed(tmp_path):
    library = compile_profile(small(), "host", tmp_path)
    table = json.loads((tmp_path / "parameters.json").read_text())
    known = {s["name"]: s for s in table["settings"]}
    assert table["halide_target"] == find_machine("host").halide
    assert known["exposure.ev"]["unit"] == "EV"
    assert known["exposure.ev"]["kind"] == "axis"
    assert known["white_balance.gains"]["values"] == [1, 1, 1]
    assert known["sharpen.amount"]["feeding"] == "a table: follows iso"
    assert known["ccm.matrix"]["feeding"] == "a table: follows temperature"
    assert known["tone_curve.contrast"]["kind"] == "fixed"
    assert (known["sharpen.radius"]["lower"], known["sharpen.radius"]["upper"]) == (0.3, 2.0)
    follows = {a["name"]: a["follows"] for a in table["arrays"]}
    assert follows["sharpen.limits"] == ["iso"]
    assert follows["ccm.matrix"] == ["temperature"]
    assert follows["exposure.gain"] == ["exposure.ev"]
    toned = {tuple(row["iso"]): "toning" in row["stages"] for row in table["stages_by_iso"]}
    assert [at[0] for at, on in toned.items() if not on and len(at) == 1][-1] == 200
    assert all(on == (at[-1] > 200) for at, on in toned.items())
    assert all((tmp_path / file).is_file() for file in library.files)
    assert library.object_bytes == sum(p.stat().st_size for p in (tmp_path / "objects").iterdir())


def test_nothing_is_overwritten_unasked(tmp_path):
    compile_profile(small(stages=PLAIN), "host", tmp_path)
    with pytest.raises(OutputError, match="exists; give --overwrite"):
        compile_profile(small(stages=PLAIN), "host", tmp_path)
    compile_profile(small(stages=PLAIN), "host", tmp_path, overwrite=True)


@pytest.mark.parametrize(
    ("target", "features", "words"),
    [
        ("wasm", (), "unknown target .wasm.; allowed: arm-64-android, arm-64-ios, arm-64-linux, arm-32-linux-nofp"),
        ("arm-64-linux", ("avx2",), "unknown feature 'avx2' of target arm-64-linux; allowed: arm_dot_prod"),
    ],
)
def test_unknown_machines_are_refused(target, features, words):
    with pytest.raises(UsageError, match=words):
        find_machine(target, features)


def test_vectors_are_as_wide_as_the_target():
    assert find_machine("arm-64-android").lanes == 4
    assert find_machine("x86-64-linux").lanes == 4
    assert find_machine("x86-64-linux", ["avx2"]).lanes == 8


def test_a_missing_compiler_is_one_line():
    with pytest.raises(UsageError, match="no C compiler for arm-64-linux found \\(looked for no-such-cc\\)"):
        find_compiler(find_machine("arm-64-linux"), "no-such-cc")
    with pytest.raises(UsageError, match="no C compiler of this machine links for arm-64-ios"):
        find_compiler(find_machine("arm-64-ios"))


def test_depths_that_no_library_gives_are_refused(tmp_path):
    with pytest.raises(UsageError, match=r"output\.bits 10: a compiled profile gives 8 or 16 bits"):
        compile_profile(small("output.format=avif", "output.bits=10"), "host", tmp_path / "no")


@needs_cc
def test_the_example_develops_a_dump(tmp_path):
    frame = picture_raw(120, 160, iso=100.0)
    program = link_example(compile_profile(small(), "host", tmp_path, frame=typical(size=(160, 120))))
    neutral = WhiteCurve(CURVE).neutral(5000)
    gains = ",".join(repr(float(g)) for g in neutral.max() / neutral)
    fed = ["iso=100", "temperature=5000", f"white_balance.gains={gains}"]
    assert np.array_equal(develop(program, frame.data, tmp_path, *fed), python(small(), frame))
    with pytest.raises(RuntimeError, match="error: no such: the profile has no setting no such"):
        develop(program, frame.data, tmp_path, "no such=1")


@needs_arm
def test_arm_gives_the_same_bits(tmp_path):
    """Under qemu-user, linked with Debian's cross compiler; with all that is vectorised, interpolated and switched."""
    frame = picture_raw(120, 560, iso=800.0)
    library = compile_profile(small(), "arm-64-linux", tmp_path, frame=typical(size=(560, 120)))
    program = link_example(library)
    neutral = WhiteCurve(CURVE).neutral(4000)
    gains = ",".join(repr(float(g)) for g in neutral.max() / neutral)
    fed = ["iso=800", "temperature=4000", f"white_balance.gains={gains}", "exposure.ev=0.7"]
    picture = develop(program, frame.data, tmp_path, *fed, arm=True)
    assert np.array_equal(picture, python(small(), frame, 4000, 0.7))


@pytest.mark.full
@needs_cc
def test_natural_between_the_nodes(tmp_path):
    """Any ISO, gains and exposure: at most a code from `isp run` in all but a few pixels."""
    profile = read_profile("natural").with_settings(["highlights.knee=0.87"])
    frame = picture_raw(240, 320, noise=NoiseModel((4e-4,) * 4, (4e-6,) * 4))
    handle = shared_library(profile, tmp_path, frame).open(320, 240)
    rng = np.random.Generator(np.random.Philox(3))
    for _ in range(8):
        gains, iso, ev = (rng.uniform(1, 3), 1.0, rng.uniform(1, 3)), 2 ** rng.uniform(6.6, 12), rng.uniform(-1, 1.5)
        handle.set("iso", iso)
        handle.set("white_balance.gains", *gains)
        handle.set("exposure.ev", ev)
        listed = ",".join(repr(float(g)) for g in gains)
        fed = ["white_balance.mode=manual", f"white_balance.gains=[{listed}]", f"exposure.ev={float(ev)!r}"]
        wanted = Pipeline(profile.with_settings(fed)).run(frame.with_info(iso=float(iso))).value.pixels
        apart = np.abs(handle.process(frame.data).astype(int) - wanted)
        assert apart.max() <= 2
        assert np.mean(apart > 0) < 0.03
    handle.close()


@pytest.mark.full
@needs_arm
@pytest.mark.parametrize("name", ["natural", "flat", "reference"])
def test_shipped_profiles_give_the_same_bits_on_arm(tmp_path, name):
    frame = picture_raw(360, 640, iso=1600.0)
    profile = read_profile(name)
    if "exposure" in {e.name for e in profile.stages}:
        profile = profile.with_settings(["exposure.ev=0.5", "highlights.knee=0.87"])
    profile = profile.with_settings(["white_balance.mode=manual", "white_balance.gains=[2,1,1.5]"])
    library = compile_profile(profile, "arm-64-linux", tmp_path, frame=frame)
    picture = develop(link_example(library), frame.data, tmp_path, arm=True)
    assert np.array_equal(picture, Pipeline(profile).run(frame).value.pixels)


@pytest.mark.full
@pytest.mark.parametrize("name", shipped_profiles())
def test_shipped_profiles_compile_for_android_or_name_what_cannot_go(tmp_path, name):
    profile = read_profile(name)
    if any(e.name in ("local_tone", "glare") for e in profile.stages):
        with pytest.raises(ProfileError, match="local_tone"):
            compile_profile(profile, "arm-64-android", tmp_path / "no")
        compile_profile(profile, "arm-64-android", tmp_path, partial=True)
    else:
        library = compile_profile(profile, "arm-64-android", tmp_path)
        assert not library.caller_stages
