"""Integer builds: the codes of the float32 imitation, on a processor without floating point as on this one."""

from __future__ import annotations

import re
import subprocess

import numpy as np
import pytest

from isp.color.white_curve import WhiteCurve
from isp.errors import ProfileError, UsageError
from isp.native.library import compile_profile, typical
from isp.native.link import link_example
from isp.native.machines import find_machine
from tests.native_code import CROSS_32, WITHOUT_FLOATS, Shared, develop, needs_arm_32, needs_cc, picture_raw
from tests.unit.test_native import CURVE, LOCAL, PLAIN, feed, python, small

PATH = ("datapath.bits=14", "datapath.headroom=2", "datapath.rounding=nearest")
SIZE = (212, 158)
FLOATS_86 = re.compile(r"\sv?(?:add|sub|mul|div|sqrt|min|max|cvt\w*|fn?m\w+)[ps][sd]\b")
FLOATS_ARM = re.compile(r"\s(?:v(?:add|sub|mul|div|sqrt|cvt|mla|neg|abs|cmp|ldr|str|mov)\S*|fmrs|fmsr)\s")
CALLS_ARM = re.compile(r"__aeabi_[fd]|__aeabi_u?[il]2[fd]|__\w+[sd]f[23]?$")


def compiled(tmp_path, target, *settings, stages=PLAIN, cfa="RGGB"):
    profile = small(*(settings or PATH), stages=stages)
    return profile, compile_profile(profile, target, tmp_path / target, features=["integer"], frame=typical(cfa, SIZE))


def apart(found, wanted):
    return np.abs(found.astype(int) - wanted.astype(int))


def disassembly(tool, library):
    parts = [str(library.folder / f) for f in library.files if f.startswith("objects/isp_")]
    return "".join(subprocess.run([tool, "-d", p], capture_output=True, text=True, check=True).stdout for p in parts)


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    return compiled(tmp_path_factory.mktemp("host"), "host")


@needs_cc
def test_codes_are_those_of_the_imitation(host):
    """Where float32 rounds a sum the other way, a code differs: in fewer than one of a thousand samples."""
    profile, library = host
    shared = Shared(library)
    frame = picture_raw(SIZE[1], SIZE[0], iso=400.0)
    handle = shared.open(*SIZE)
    for kelvin, ev in ((4000, 0.0), (2850, -1.37), (6500, 1.5)):
        feed(handle, 400, kelvin, ev)
        found = apart(handle.process(frame.data), python(profile, frame, kelvin, ev))
        assert found.max() <= 1
        assert np.mean(found > 0) < 0.001
    handle.close()


@needs_cc
@pytest.mark.parametrize(
    ("cfa", "path", "share"),
    [
        ("GBRG", ("datapath.bits=12", "datapath.headroom=2", "datapath.rounding=nearest_even"), 0.001),
        # cut off, what float32 gives as exactly white is a code less where it comes out just below
        ("RRGG/RRGG/GGBB/GGBB", ("datapath.bits=10", "datapath.headroom=1", "datapath.rounding=truncate"), 0.3),
    ],
)
def test_every_rounding_and_mosaic(tmp_path, cfa, path, share):
    stages = [*PLAIN[:2], "binning", PLAIN[2], ("remosaic", {"method": "fast"}), *PLAIN[3:]]
    profile, library = compiled(tmp_path, "host", *path, stages=stages, cfa=cfa)
    frame = picture_raw(SIZE[1], SIZE[0], cfa, iso=400.0)
    handle = Shared(library).open(*SIZE)
    feed(handle, 400, 4000)
    found = apart(handle.process(frame.data), python(profile, frame, 4000))
    assert found.max() <= 1
    assert np.mean(found > 0) < share
    handle.close()


@needs_cc
def test_nothing_overflows_at_the_bounds_of_what_can_be_fed(tmp_path, host):
    """An overflow would turn white to black."""
    profile, library = host
    frame = picture_raw(SIZE[1], SIZE[0], iso=400.0)
    floats = compile_profile(profile, "host", tmp_path, frame=typical(size=SIZE))
    handles = [Shared(each).open(*SIZE) for each in (library, floats)]
    for gains in ((8, 8, 8), (0.5, 8, 0.5), (0.5, 0.5, 0.5)):
        for ev in (-8, 0, 8):
            pictures = []
            for handle in handles:
                handle.set("white_balance.gains", *gains)
                handle.set("exposure.ev", ev)
                pictures.append(handle.process(frame.data))
            found = apart(*pictures)
            assert np.mean(found > 0) < 0.002, (gains, ev)
    for handle in handles:
        handle.close()


@needs_cc
def test_no_instruction_of_this_machine_computes_with_floats(host):
    _, library = host
    text = disassembly("objdump", library)
    assert len(text) > 10000
    assert FLOATS_86.search(text) is None


@needs_arm_32
def test_a_processor_without_floating_point_gives_the_same_bits(tmp_path, host):
    """Integers are the same everywhere: the emulated processor, on which floats are illegal, gives this machine's."""
    _, library = compiled(tmp_path, "arm-32-linux-nofp")
    assert FLOATS_ARM.search(disassembly("arm-linux-gnueabi-objdump", library)) is None
    for name in library.files:
        if name.startswith("objects/isp_"):
            command = ["arm-linux-gnueabi-nm", "-u", str(library.folder / name)]
            calls = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            assert CALLS_ARM.search(calls) is None, calls
    frame = picture_raw(SIZE[1], SIZE[0], iso=400.0)
    neutral = WhiteCurve(CURVE).neutral(4000)
    gains = ",".join(repr(float(g)) for g in neutral.max() / neutral)
    light = ("iso=400", "temperature=4000", f"white_balance.gains={gains}", "exposure.ev=0")
    found = develop(link_example(library, CROSS_32), frame.data, tmp_path, *light, emulator=WITHOUT_FLOATS)
    handle = Shared(host[1]).open(*SIZE)
    feed(handle, 400, 4000)
    assert np.array_equal(found, handle.process(frame.data))
    handle.close()


def test_a_profile_without_a_datapath_is_refused(tmp_path):
    with pytest.raises(ProfileError, match=r"-nofp computes with integers, and profile 'small' has no datapath"):
        compile_profile(small(stages=PLAIN), "arm-32-linux-nofp", tmp_path / "no")
    assert not (tmp_path / "no").exists()


def test_a_stage_whose_numbers_nothing_bounds_is_refused_by_name(tmp_path):
    with pytest.raises(ProfileError, match=r"cannot go in integers.*local_tone"):
        compile_profile(small(*PATH, stages=LOCAL), "arm-32-linux-nofp", tmp_path / "no", partial=True)


def test_a_target_without_floats_has_no_float_features():
    assert find_machine("arm-32-linux-nofp").integer
    assert not find_machine("arm-64-linux").integer
    assert find_machine("arm-64-linux", ["integer"]).integer
    with pytest.raises(UsageError, match="unknown feature 'sve' of target arm-32-linux-nofp; allowed: integer"):
        find_machine("arm-32-linux-nofp", ["sve"])
