"""ISPs: what their files say, what fits them, and what a frame takes of memory and energy."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from isp.cost import Account, StageCount, Stream, fit, load_target, rate_check, target_names
from isp.cost.accounting import Split, StageAccount, split
from isp.cost.counting import Lines
from isp.cost.energy import estimate, memory_pj, operation_pj
from isp.cost.numbering import OPERATIONS
from isp.cost.target import NUMBERS, energy_facts
from isp.errors import ProfileError, UsageError

SPECTRA = load_target("spectra_680")


def stage(name="demosaic", size=(4096, 3072), reach=2, latency=2, lines=4, planes=3, **operations):
    counted = StageCount(
        name, {**dict.fromkeys(OPERATIONS, 0.0), **operations}, 13, 3, 0,
        (Lines("source", lines, 1, Fraction(1), lines + 2.0),), latency,
    )  # fmt: skip
    return StageAccount(name, size, planes, reach, 1, counted)


def account(*stages, raw=(4096, 3072), raw_bits=10, bits=18):
    return Account("p", raw, raw_bits, bits, 24, stages or (stage(size=raw),))


# -- rates -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("streams", "fits"),
    [
        ([Stream(4000, 3000, 240)], True),
        ([Stream(12000, 9000, 30)], True),
        ([Stream(6000, 6000, 30)] * 3, True),
        ([Stream(16384, 12288, 30)], False),
        ([Stream(16384, 12288, 7.5)], True),
        ([Stream(12000, 9000, 30), Stream(4000, 3000, 1)], False),
    ],
)
def test_what_the_maker_states_fits_its_rate_and_no_more(streams, fits):
    found = rate_check(SPECTRA, streams)
    assert found.fits is fits
    assert found.value == pytest.approx(sum(s.width * s.height * s.fps for s in streams) / 1e9)


@pytest.mark.parametrize("name", ["spectra_680", "spectra_580"])
def test_every_stated_mode_fits_the_stated_rate(name):
    target = load_target(name)
    assert target.modes
    assert all(mode.pixel_rate <= target.number("pixel_rate") for mode in target.modes)


def test_the_limit_is_what_the_stated_modes_need_and_rounds_to_what_is_published():
    rates = [mode.pixel_rate for mode in SPECTRA.modes]
    assert SPECTRA.number("pixel_rate") == max(rates) == 3.24e9
    assert f"{SPECTRA.number('pixel_rate') / 1e9:.1f}" == "3.2"


def test_modes_of_hp1_are_one_rate():
    from sensors import load_sensor

    sensor = load_sensor("isocell_hp1")
    rates = [np.prod(sensor.output_size(m)) / sensor.frame_time(m) for m in sensor.modes.values()]
    assert len(rates) == 3
    assert [round(r / 1e9, 2) for r in rates] == [1.51] * 3


def test_without_a_published_rate_there_is_no_check():
    assert rate_check(load_target("pisp"), [Stream(4000, 3000, 240)]) is None


@pytest.mark.parametrize("given", [(0, 10, 30), (10, 10, 0), (10, 10, -1), (10, 10, float("nan"))])
def test_streams_that_cannot_be(given):
    with pytest.raises(UsageError, match="not possible"):
        Stream(*given)


# -- widths ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [1, 639, 640, 641, 1000, 1240, 4056, 9152])
@pytest.mark.parametrize("reach", [0, 1, 20, 100, 319])
def test_strips_are_the_fewest_that_cover_the_frame(width, reach):
    """Against laying strips one by one: each goes on where the inside of the one before ended."""
    most, count, done = 640, 0, 0
    while done < width:
        begin = max(done - reach, 0)
        end = min(begin + most, width)
        done = end if end == width else end - reach
        count += 1
    found = split(width, most, reach)
    assert found.count == count
    assert found.read == pytest.approx((width + 2 * reach * (count - 1)) / width)


def test_overlap_that_leaves_nothing():
    assert split(2000, 640, 320) is None
    assert split(640, 640, 320) == Split(1, 640, 1.0)
    held = fit(account(stage(reach=320), bits=16), load_target("pisp"), 30)
    assert not held.fits
    assert "leaves nothing of tiles of 640 px" in held.reasons[0]


def test_remosaic_of_200_megapixels():
    whole = account(stage(size=(16384, 12288)), raw=(16384, 12288))
    found = fit(whole, SPECTRA, 7.5, block=4)
    assert not found.fits
    (reason,) = found.reasons
    assert reason.startswith("remosaic of 16384 x 12288 (201 MP) in blocks of 4 x 4; spectra_680 writes up to 9312 x ")
    # as a Bayer mosaic, or at half the size, nothing stands in the way
    assert fit(whole, SPECTRA, 7.5, block=1).fits
    assert fit(account(raw=(8192, 6144)), SPECTRA, 30, block=2).fits


@pytest.mark.parametrize(
    ("raw", "strips", "streamed"), [((4096, 3072), 1, True), ((8192, 4096), 3, True), ((8188, 4096), 2, True),
                                    ((8192, 6144), 3, False), ((12281, 4000), 4, False)]
)  # fmt: skip
def test_streaming_takes_pipes_of_4096(raw, strips, streamed):
    held = fit(account(stage(size=raw), raw=raw), SPECTRA, 10)
    assert (held.cut.count, held.streamed, held.fits) == (strips, streamed, True)
    assert any("from memory" in c.note for c in held.checks) is not streamed


def test_a_wider_datapath_does_not_fit():
    assert "wider than the 14" in fit(account(bits=16), load_target("spectra_580"), 30).reasons[0]


def test_host_code_does_not_fit():
    host = StageAccount("mine", (4096, 3072), 3, 0, 1, None, "host code")
    found = account(stage(), host, bits=16)
    assert fit(found, load_target("generic"), 30).reasons == ("mine: host code, which no ISP runs",)
    moved = found.traffic(Split(1, 4096, 1.0), streamed=True)
    assert moved["mine: input written"] == moved["mine: output read"] == 4096 * 3072 * 3 * 16 / 8


def test_lines_longer_than_those_of_xkisp():
    xkisp = load_target("xkisp")
    assert fit(account(bits=12, raw=(8192, 6000)), xkisp, 1).fits
    assert "longer than the line buffers' 8192 px" in fit(account(bits=12, raw=(9000, 6000)), xkisp, 1).reasons[0]


def test_tiles_of_pisp():
    held = fit(account(bits=16, raw=(4608, 2592)), load_target("pisp"), 30)
    # 638 + 6 x 636 + 154 columns of 640 with two of overlap
    assert (held.cut.count, held.streamed) == (8, False)
    many = fit(account(stage(reach=300, size=(4608, 2592)), bits=16, raw=(4608, 2592)), load_target("pisp"), 30)
    assert "tiles across, more than 64" in many.reasons[0]


# -- memory and energy -------------------------------------------------------------------------------------------------


def test_the_open_accounting_of_xkisp():
    xkisp = load_target("xkisp")
    assert xkisp.line_bits(1) == 1298
    assert f"{xkisp.line_bits(8192) / 8 / 2**20:.2f} MiB" == "1.27 MiB"
    assert f"{xkisp.line_bits(640) / 8 / 2**10:.0f} KiB" == "101 KiB"


def test_traffic_by_hand():
    found = account()
    raw, picture = 4096 * 3072 * 10 / 8, 4096 * 3072 * 3
    assert found.traffic(Split(1, 4096, 1.0), streamed=True) == {"picture written": picture}
    cut = Split(2, 2100, 1.25)
    assert found.traffic(cut, streamed=False) == {
        "raw written": raw, "raw read": 1.25 * raw, "picture written": picture
    }  # fmt: skip


def test_rows_add_up_through_changes_of_scale():
    binned = StageAccount("binning", (2048, 1536), 1, 1, 2, stage(latency=1).count)
    found = account(stage(size=(4096, 3072), reach=3, latency=3), binned, stage(size=(2048, 1536)))
    assert found.reach == 3 + 1 + 2 * 2
    assert found.latency == 3 + 2 * (1 + 2)
    assert found.picture == (2048, 1536)
    # strips of the raw frame are half as wide behind it
    assert found.line_bits(found.stages[2], 4000) == 4 * 2000 * 18


def test_published_energies_are_met_and_widths_between_lie_between():
    for bits, add, multiply in ((8, 0.03, 0.2), (32, 0.1, 3.1)):
        found = operation_pj(bits)
        assert (found["add"], found["multiply"]) == pytest.approx((add, multiply))
        assert found["divide"] == pytest.approx(7.1 * multiply)
    assert memory_pj(8192) * 64 == pytest.approx(10)
    assert memory_pj(32768) * 64 == pytest.approx(20)
    assert memory_pj(2**20) * 64 == pytest.approx(100)
    widths = [operation_pj(b)["multiply"] for b in range(8, 33)]
    assert widths == sorted(widths)


def test_energy_by_hand():
    """One stage of a multiplication and a line of 8 KiB, in 45 nm: what the published numbers say, times pixels."""
    target = load_target("generic")
    one = StageCount("s", {**dict.fromkeys(OPERATIONS, 0.0), "multiply": 1.0}, 1, 1, 0,
                     (Lines("source", 1, 1, Fraction(1), 2.0),), 1)  # fmt: skip
    found = Account("p", (8192, 100), 10, 8, 24, (StageAccount("s", (8192, 100), 3, 1, 1, one),))
    energy = estimate(found, target, Split(1, 8192, 1.0), streamed=True)
    pixels = 8192 * 100
    assert energy.stages["s"] == pytest.approx(pixels * (0.2 + 2 * 8 * 10 / 64) * 1e-12)
    assert energy.memory == pytest.approx(pixels * 24 * 20e-12)
    half = replace(target, facts={**target.facts, "energy_scale": replace(target.facts["energy_scale"], value=0.5)})
    halved = estimate(found, half, Split(1, 8192, 1.0), streamed=True)
    assert halved.stages["s"] == pytest.approx(energy.stages["s"] / 2)


# -- files -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", target_names())
def test_every_number_has_a_source_and_estimates_are_marked(name):
    target = load_target(name)
    assert target.description
    for key, fact in target.facts.items():
        assert fact.sources, key
        assert fact.estimated or not any(s.startswith("estimate") for s in fact.sources) or len(fact.sources) > 1, key


def test_energy_numbers_have_sources():
    facts = energy_facts()
    assert all(f.sources for f in facts.values())
    assert facts["special_multiply"].estimated
    assert not facts["add_pj"].estimated


def test_blocks_are_of_stages_that_exist():
    from isp.stages import find_stage

    for name in target_names():
        for key in load_target(name).blocks:
            assert find_stage(key).name == key


def test_every_phone_names_an_isp_that_is_described():
    from sensors.catalog import load, shipped_names
    from sensors.sensor import Phone

    phones = [found for name in shipped_names() if isinstance(found := load(name), Phone)]
    assert len(phones) >= 6
    assert {phone.isp for phone in phones} <= set(target_names())


def test_an_isp_of_ones_own(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("maker: me\nsources: {A: mine}\nbits: {value: 12, source: A}\n", encoding="utf-8")
    found = load_target(path)
    assert (found.name, found.whole("bits"), found.number("pixel_rate")) == ("mine", 12, None)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("bitz: {value: 12, source: A}", "unknown key 'bitz'; did you mean 'bits'"),
        ("bits: 12", "bits must be {value: ..., source: KEY}"),
        ("bits: {value: 12}", "bits must be {value: ..., source: KEY}"),
        ("bits: {value: 12, source: B}", "bits: no source 'B'; sources: A"),
        ("bits: {value: 99, source: A}", "bits: 99"),
        ("bits: {value: twelve, source: A}", "bits: 'twelve'"),
        ("bits: {value: 12, source: A, estimated: 1}", "not true or false"),
        ("bits: {value: 12, source: A, unit: bit}", "unknown key 'unit'; keys: value, source, estimated"),
        ("modes: {value: [{name: a, fps: 30}], source: A}", "each must have exactly name, cameras, megapixels, fps"),
        ("modules: {value: 3, source: A}", "allowed: a list or a mapping"),
        ("modules: {value: {a: 1}, source: A}", "modules must be a list of {name, lines, bits}"),
        ("bits: {value: 12, source: [[A]]}", "no source ['A']"),
        ("blocks: {value: [a], source: A}", "blocks must be a mapping of stage to block"),
        ("blocks: {value: {demosaik: A}, source: A}", "blocks: no stage 'demosaik'; did you mean 'demosaic'"),
    ],
)
def test_a_wrong_file_ends_in_one_line(tmp_path, text, words):
    path = tmp_path / "wrong.yaml"
    path.write_text(f"sources: {{A: mine}}\n{text}\n", encoding="utf-8")
    with pytest.raises(ProfileError) as caught:
        load_target(path)
    assert str(caught.value).startswith(f"{path}:2: ")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("text", "words"), [("- a\n", "an ISP is a mapping"), ("a: [\n", "mine.yaml:")])
def test_what_is_no_description(tmp_path, text, words):
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ProfileError, match=words):
        load_target(path)
    with pytest.raises(ProfileError, match="description"):
        load_target(tmp_path / "none.yaml")


def test_an_unknown_name_lists_those_there_are():
    with pytest.raises(UsageError, match=r"no ISP 'spectra_68O'; did you mean 'spectra_680'\? allowed: generic, "):
        load_target("spectra_68O")
    assert {"spectra_680", "spectra_580", "pisp", "generic"} <= set(target_names())


def test_every_number_of_a_file_has_bounds():
    assert all(np.isfinite([p.lower, p.upper]).all() and p.doc for p in NUMBERS.values())
