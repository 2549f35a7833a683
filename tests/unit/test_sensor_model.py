"""What follows from a sensor's numbers, against closed forms, simulated photosites and the published calibration."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest

from isp.errors import UsageError
from sensors.catalog import load_sensor
from sensors.sensor import (
    Conversion,
    DualGain,
    Gain,
    Measured,
    Mode,
    ReadNoise,
    Sensor,
    rounding_variance,
)

PUBLISHED = {
    # ISO: electrons at saturation, read noise [e-], dynamic range [EV] of an output pixel (PMRID calibration)
    100: (13971, 6.30, 11.1),
    200: (7458, 4.07, 10.8),
    400: (3859, 2.82, 10.4),
    800: (1964, 2.14, 9.8),
    1600: (991, 1.78, 9.1),
    3200: (498, 1.60, 8.3),
    6400: (249, 1.50, 7.4),
}


def toy(**changes) -> Sensor:
    values = {
        "name": "toy", "width": 64, "height": 48, "pitch_um": 1.0, "cfa": "RGGB", "block": 1, "bits": 10,
        "pedestal": 64, "iso_base": 100, "iso_max": 1600, "full_well_e": 5000, "gain": Gain(959 / 5000 / 100),
        "read_noise": ReadNoise((Conversion("only", 100, 2.0, 0.5),)), "pixel_rate": 1e6,
        "sensitivity_spec": "phone-rggb",
    }
    return Sensor(**{**values, **changes})


def photosites(sensor: Sensor, iso: float, electrons: float, count: int, seed: int) -> np.ndarray:
    """(count, n) codes of photosites that hold Poisson electrons, as an ideal converter gives them."""
    rng = np.random.default_rng(seed)
    mean = np.full((count, 4), electrons)
    volts = sensor.pedestal + sensor.dn_per_e(iso) * rng.poisson(mean) + sensor.read_sigma_dn(iso) * rng.normal(
        size=mean.shape
    )
    return np.rint(volts)


@pytest.mark.parametrize(("iso", "row"), PUBLISHED.items())
def test_imx586_binned_has_the_published_numbers(iso, row):
    sensor = load_sensor("imx586")
    saturation, read, span = row
    assert sensor.saturation_e(iso, "bin2") == pytest.approx(saturation, abs=0.6)
    assert sensor.output_read_e(iso, "bin2") == pytest.approx(read, abs=0.0051)
    assert sensor.dynamic_range_ev(iso, "bin2") == pytest.approx(span, abs=0.051)


@pytest.mark.parametrize(("iso", "row"), PUBLISHED.items())
def test_simulated_photosites_of_imx586_give_the_published_read_noise(iso, row):
    """The way such a table is calibrated: variance of a flat field, less that of the photons."""
    sensor = load_sensor("imx586")
    gain = sensor.dn_per_e(iso)
    # bright enough that noise covers several codes, as rounding needs to act like noise
    electrons = max(30.0, 4.0 / gain**2) if gain < 2 else 5.0
    total = 0.0
    for part in range(4):
        joined = np.rint(photosites(sensor, iso, electrons, 400_000, 100 * part + int(iso)).mean(axis=1))
        total += joined.var() / 4
    read = math.sqrt(total - gain**2 * electrons / 4) / (gain / 4)
    assert read == pytest.approx(row[1], rel=0.02)


@pytest.mark.parametrize("count", [1, 4, 9, 16])
def test_rounding_variance_counts_every_fraction(count):
    errors = [k / count - round(k / count) for k in range(2 * count)]
    assert rounding_variance(count) == pytest.approx(np.mean(np.square(errors)))


def test_rounding_variance_tends_to_that_of_a_uniform_error():
    assert rounding_variance(4) == 0.09375
    assert rounding_variance(256) == pytest.approx(1 / 12, rel=1e-4)


def test_measured_variance_is_met_again_from_the_photosite():
    measured = Measured(2, (0.11, 6e-4, 7e-7))
    noise = ReadNoise(measured=measured)
    sensor = toy(block=2, read_noise=noise, modes={"full": Mode("full"), "bin2": Mode("bin2", 2, "digital")})
    for iso in (100, 400, 1600):
        assert sensor.dark_variance_dn2(iso, "bin2") == pytest.approx(0.11 + 6e-4 * iso + 7e-7 * iso**2)
    without = replace(measured, includes_quantisation=False)
    assert without.photosite_variance(100) == pytest.approx(4 * measured.output_variance(100))


def test_measured_variance_below_quantisation_is_refused():
    with pytest.raises(UsageError, match="ISO 100 is below that of quantisation"):
        toy(read_noise=ReadNoise(measured=Measured(2, (0.05, 1e-4, 0))))


@pytest.mark.parametrize("method", ["digital", "charge"])
def test_noise_model_is_that_of_simulated_photosites(method):
    sensor = toy(
        block=2, row_noise_e=0.0, modes={"full": Mode("full"), "bin2": Mode("bin2", 2, method)}, default_mode="bin2"
    )
    iso, electrons = 400, 600.0
    rng = np.random.default_rng(7)
    charge = rng.poisson(electrons, (500_000, 4))
    gain, read = sensor.dn_per_e(iso), sensor.read_sigma_dn(iso)
    if method == "digital":
        out = np.rint(np.rint(64 + gain * charge + read * rng.normal(size=charge.shape)).mean(axis=1))
    else:
        out = np.rint(64 + gain / 4 * charge.sum(axis=1) + read / 4 * rng.normal(size=len(charge)))
    shot, dark = sensor.noise_model(iso, "bin2")
    span = sensor.white_level(iso, "bin2") - 64
    assert out.mean() - 64 == pytest.approx(gain * electrons, rel=1e-3)
    assert out.var() / span**2 == pytest.approx(shot * gain * electrons / span + dark, rel=0.01)


def test_charge_reads_once_and_digital_reads_each():
    modes = {"full": Mode("full"), "bin4": Mode("bin4", 4, "charge")}
    sensor = toy(block=4, read_noise=ReadNoise((Conversion("only", 100, 20.0, 0.0),)), modes=modes)
    assert sensor.output_read_e(1600, "bin4-charge") == pytest.approx(20, rel=0.01)
    assert sensor.output_read_e(1600, "bin4-digital") == pytest.approx(80, rel=0.01)
    assert sensor.saturation_e(1600, "bin4") == pytest.approx(16 * sensor.saturation_e(1600))


def test_row_noise_is_shared_along_the_row():
    modes = {"full": Mode("full"), "bin2": Mode("bin2", 2, "digital")}
    quiet = toy(block=2, modes=modes)
    loud = replace(quiet, row_noise_e=3.0)
    added = loud.dark_variance_dn2(400) - quiet.dark_variance_dn2(400)
    binned = loud.dark_variance_dn2(400, "bin2") - quiet.dark_variance_dn2(400, "bin2")
    assert added == pytest.approx((loud.dn_per_e(400) * 3) ** 2)
    assert binned == pytest.approx(added / 2)


def test_conversion_gain_switches_at_its_iso():
    noise = ReadNoise((Conversion("low", 100, 5.0, 0.6), Conversion("high", 400, 1.5, 0.6)))
    sensor = toy(read_noise=noise)
    assert sensor.read_sigma_dn(399) == pytest.approx(math.hypot(5 * sensor.dn_per_e(399), 0.6))
    assert sensor.read_sigma_dn(400) == pytest.approx(math.hypot(1.5 * sensor.dn_per_e(400), 0.6))
    assert sensor.read_sigma_dn(800, "low") == pytest.approx(math.hypot(5 * sensor.dn_per_e(800), 0.6))
    assert sensor.read_sigma_e(400) == pytest.approx(sensor.read_sigma_dn(400) / sensor.dn_per_e(400))
    with pytest.raises(UsageError, match="'medium'; allowed: low, high"):
        sensor.read_sigma_dn(800, "medium")


def test_white_is_the_converter_or_the_full_well():
    assert toy().white_level(100) == 1023
    small = toy(full_well_e=2000)
    assert small.white_level(100) == 64 + math.floor(2000 * 959 / 5000)
    assert small.white_level(1600) == 1023


@pytest.mark.parametrize("iso", [99.9, 1601, math.nan, math.inf, -1])
def test_iso_out_of_range_names_the_range(iso):
    with pytest.raises(UsageError, match=r"not possible on toy; allowed: 100\.\.1600"):
        toy().dn_per_e(iso)


def test_three_modes_of_hp1_have_one_pixel_rate():
    sensor = load_sensor("isocell_hp1")
    for mode, size, fps in (("full", (16384, 12288), 7.5), ("bin2", (8192, 6144), 30), ("bin4", (4096, 3072), 120)):
        assert sensor.output_size(mode) == size
        assert 1 / sensor.frame_time(mode) == pytest.approx(fps)
        assert math.prod(size) / sensor.frame_time(mode) == pytest.approx(1.51e9, rel=1e-3)
        assert sensor.row_time(mode) * size[1] == pytest.approx(sensor.frame_time(mode))


def test_frame_time_follows_size_readings_and_limit():
    sensor = toy()
    assert sensor.frame_time() == pytest.approx(64 * 48 / 1e6)
    assert sensor.frame_time(size=(32, 48)) == pytest.approx(32 * 48 / 1e6)
    assert sensor.frame_time(readings=3) == pytest.approx(3 * 64 * 48 / 1e6)
    assert replace(sensor, max_fps=60.0).frame_time() == pytest.approx(1 / 60)


GROUPS = {(1, 2), (1, 3), (1, 4), (2, 2), (2, 4), (3, 3), (4, 2), (4, 4)}


@pytest.mark.parametrize(("block", "step"), list(itertools.product((1, 2, 3, 4), (2, 3, 4))))
def test_modes_join_photosites_of_one_colour_or_are_refused(block, step):
    mode = Mode(f"bin{step}", step, "digital")
    if (block, step) not in GROUPS:
        with pytest.raises(UsageError, match=f"{step}x{step} does not fit blocks of {block}x{block}; allowed: bin "):
            toy(block=block, modes={"full": Mode("full"), mode.name: mode})
        return
    sensor = toy(block=block, modes={"full": Mode("full"), mode.name: mode})
    letters = _letters(block)
    found = sensor.output_cfa(mode)
    groups = _groups(letters, block, step)
    assert all(len(set(group)) == 1 for row in groups for group in row)
    assert all(
        found.at(x, y) == groups[y][x][0] for y in range(len(groups)) for x in range(len(groups[0]))
    )
    assert sensor.output_size(mode, (48, 48)) == (len(groups[0]), len(groups))


def _letters(block: int) -> list[str]:
    rows = ["".join(c * block for c in row) for row in ("RG", "GB")]
    tile = [row for row in rows for _ in range(block)]
    return [(tile[y % len(tile)] * 48)[:48] for y in range(48)]


def _groups(letters: list[str], block: int, step: int) -> list[list[list[str]]]:
    """Photosites of each output pixel: along each axis blocks of one colour in turn, `step` photosites of them."""

    def places(index: int) -> list[int]:
        if step <= block:
            return [index * step + i for i in range(step)]
        many = step // block
        first = index // 2 * 2 * many + index % 2
        return [(first + 2 * k) * block + i for k in range(many) for i in range(block)]

    count = 48 // step
    return [
        [[letters[v][u] for v in places(y) for u in places(x)] for x in range(count)] for y in range(count)
    ]


def test_mode_names():
    modes = {"full": Mode("full"), "bin2": Mode("bin2", 2, "digital"), "bin4": Mode("bin4", 4, "digital")}
    sensor = toy(block=2, modes=modes)
    assert sensor.mode("bin2-charge") == Mode("bin2", 2, "charge")
    assert sensor.mode(Mode("bin2", 2, "charge")).count == 4
    with pytest.raises(UsageError, match=r"toy has no mode 'bin22'; did you mean 'bin2'\? allowed: full, bin2, bin4"):
        sensor.mode("bin22")
    for wrong in ("bin2-analog", "full-charge", "", "bin2-"):
        with pytest.raises(UsageError, match="allowed: full, bin2, bin4, and a binning mode with -digital or -charge"):
            sensor.mode(wrong)
    # charge joins across blocks as well
    assert sensor.mode("bin4-charge") == Mode("bin4", 4, "charge")


def test_mono_bins_neighbours():
    sensor = toy(cfa="Y", modes={"full": Mode("full"), "bin4": Mode("bin4", 4, "charge")})
    assert str(sensor.output_cfa("bin4")) == "Y"
    assert sensor.output_size("bin4", (10, 9)) == (2, 2)


def test_odd_sizes_drop_what_does_not_fill_a_group():
    sensor = toy(modes={"full": Mode("full"), "bin2": Mode("bin2", 2, "digital")})
    assert sensor.output_size("bin2", (63, 47)) == (30, 22)
    with pytest.raises(UsageError, match="3x9 photosites are too few for mode bin2; allowed: 4x4 on"):
        sensor.output_size("bin2", (3, 9))


def test_dual_gain():
    sensor = toy(dual_gain=DualGain(4))
    assert sensor.dual_gain_isos(400) == (400, 1600)
    with pytest.raises(UsageError, match=r"ISO 401 with dual gain.*allowed: 100\.\.400"):
        sensor.dual_gain_isos(401)
    with pytest.raises(UsageError, match="toy has no simultaneous dual gain"):
        toy().dual_gain_isos(100)


def test_dark_current_doubles():
    sensor = toy(dark_current_e_s=2.0, dark_doubling_c=7.0)
    assert sensor.dark_e_s(25) == pytest.approx(2)
    assert sensor.dark_e_s(39) == pytest.approx(8)
    assert sensor.dark_e_s(18) == pytest.approx(1)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"iso_base": 3200}, "iso_base 3200 must be below iso_max 1600"),
        ({"pedestal": 1023}, "pedestal 1023 must be below 1023 DN, the top of 10 bits"),
        ({"default_mode": "bin2"}, "default_mode 'bin2' is not a mode; allowed: full"),
        ({"modes": {}}, "modes must have full"),
        ({"modes": {"full": Mode("full"), "bin2": Mode("bin2", 2, "none")}}, "bin 2 with method none contradict"),
        ({"read_noise": ReadNoise()}, "no conversion from iso_base 100 on"),
        ({"read_noise": ReadNoise((Conversion("a", 200, 1, 1),))}, "no conversion from iso_base 100 on"),
        ({"read_noise": ReadNoise((Conversion("a", 50, 1, 1), Conversion("b", 50, 1, 1)))}, "must increase"),
        ({"full_well_e": 50}, "full_well_e 50 spans less than 16 DN"),
    ],
)
def test_impossible_sensors_are_refused(changes, words):
    with pytest.raises(UsageError, match=words):
        toy(**changes)


def test_sensitivity_must_have_the_colours_of_the_cfa():
    assert toy().sensitivity().letters == ("R", "G", "B")
    with pytest.raises(UsageError, match="has R G B, but CFA RYYB also needs Y"):
        toy(cfa="RYYB").sensitivity()
