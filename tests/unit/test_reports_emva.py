"""Photon transfer of flats drawn here, whose truth is known."""

import math

import numpy as np
import pytest

from isp.cfa import Cfa
from isp.errors import UsageError
from reports.metrics import cfa_planes, photon_transfer

GAIN, READ, FULL, DSNU, PRNU, BLACK = 0.2, 6.0, 18000.0, 4.0, 0.01, 64.0
SHARES = (*np.linspace(0.05, 0.9, 12), 0.94, 0.97, 1.0, 1.05, 1.2)


def flats(seed=0, shares=SHARES, gain=GAIN, read=READ, full=FULL, shape=(96, 96), bits=12, prnu=PRNU, power=1.0):
    random = np.random.Generator(np.random.Philox(seed))
    offset, response = random.normal(0, DSNU, shape), 1 + random.normal(0, prnu, shape)

    def frame(electrons):
        light = np.minimum(random.poisson(electrons * response), full) + offset
        code = BLACK + gain * full * ((light + random.normal(0, read, shape)) / full) ** power
        return np.clip(np.rint(code), 0, 2**bits - 1).astype(np.uint16)

    dark = (frame(np.zeros(shape)), frame(np.zeros(shape))) if power == 1.0 else None
    return [(frame(s * full), frame(s * full), s) for s in shares], dark


def test_truth_lies_in_the_intervals():
    truth = {
        "gain_dn_per_e": GAIN, "read_noise_e": READ, "full_well_e": FULL, "dsnu_e": DSNU, "prnu": PRNU,
        "snr_max_db": 10 * math.log10(FULL), "black_dn": BLACK,
        "dynamic_range_db": 20 * math.log10(FULL / (math.hypot(READ, math.sqrt(1 / 12) / GAIN) + 0.5)),
    }  # fmt: skip
    held = dict.fromkeys(truth, 0)
    for seed in range(60):
        found = photon_transfer(*flats(seed, shape=(64, 64)))
        for name, value in truth.items():
            low, high = getattr(found, f"{name}_interval")
            held[name] += low <= value <= high
    # the black level carries the mean of the offsets of the photosites, which is not the code 64
    held.pop("black_dn")
    assert all(count >= 52 for count in held.values()), held
    assert found.linearity_error < 0.1
    assert found.fit[0] == found.gain_dn_per_e


def test_rounding_is_taken_out():
    # 1.5 e- at 0.5 DN/e-: 13 % of the dark variance is rounding's
    found = photon_transfer(*flats(1, gain=0.5, read=1.5, full=1500, bits=10, shape=(256, 256)))
    assert found.read_noise_e == pytest.approx(1.5, rel=0.01)


def test_noise_below_the_rounding_is_not_guessed():
    found = photon_transfer(*flats(2, gain=0.1, read=2.0, full=8000, bits=10))
    assert not found.read_noise_e.known
    assert "hidden by rounding" in found.read_noise_e.reason
    assert "below 3.9 e-" in found.read_noise_e.reason
    assert found.gain_dn_per_e == pytest.approx(0.1, rel=0.02)
    assert found.dynamic_range_db.known


def test_a_dark_that_rounding_hides_does_not_bend_the_gain():
    # 0.1 DN of noise on a whole black level: the dark has almost none, the levels have that of rounding
    gains = [
        photon_transfer(*flats(seed, gain=0.07, read=1.5, full=13000, bits=10, shape=(128, 128))).gain_dn_per_e
        for seed in range(8)
    ]
    assert np.mean(gains) == pytest.approx(0.07, rel=0.005)
    held = [g.interval[0] <= 0.07 <= g.interval[1] for g in gains]
    assert sum(held) >= 7


def test_dark_noise_that_the_black_level_cuts_off_is_not_guessed():
    # black 64, noise 70 DN
    found = photon_transfer(*flats(3, gain=10.0, read=5.0, full=380, shape=(128, 128)))
    assert "the black level is too low" in found.read_noise_e.reason
    assert "cut off at 0" in found.dsnu_e.reason
    assert not found.dynamic_range_db.known
    assert found.gain_dn_per_e == pytest.approx(10, rel=0.05)


def test_a_pattern_too_small_to_tell_is_bounded():
    found = photon_transfer(*flats(3, prnu=0.0, shape=(32, 32)))
    assert not found.prnu.known
    assert "PRNU is too small to tell: below 0.00" in found.prnu.reason


def test_light_that_falls_off_is_no_prnu():
    pairs, dark = flats(4)
    y, x = np.mgrid[-1:1:96j, -1:1:96j]
    shaded = [(*((f - BLACK) * (1 - 0.05 * (x**2 + y**2)) + BLACK for f in pair[:2]), pair[2]) for pair in pairs]
    assert photon_transfer(shaded, dark).prnu == pytest.approx(PRNU, rel=0.05)


def test_twice_the_gain_is_twice_the_gain():
    pairs, dark = flats(5)
    twice = [(2.0 * a, 2.0 * b, s) for a, b, s in pairs]
    one, two = photon_transfer(pairs, dark), photon_transfer(twice, tuple(2.0 * d for d in dark))
    assert two.gain_dn_per_e == pytest.approx(2 * one.gain_dn_per_e)
    assert two.full_well_e == pytest.approx(one.full_well_e)


@pytest.mark.parametrize(
    ("shares", "field", "reason"),
    [
        ((3.0, 4.0, 5.0, 6.0), "gain_dn_per_e", "every level is saturated"),
        ((0.2, 0.4), "gain_dn_per_e", "1 levels up to 70 % of saturation; 3 are needed"),
        ((0.1, 0.2, 0.3, 0.4, 0.5, 0.6), "full_well_e", "no level is saturated"),
        ((), "full_well_e", "no frames with light"),
    ],
)
def test_what_cannot_be_had_says_why(shares, field, reason):
    found = photon_transfer(*flats(6, shares, shape=(32, 32)))
    assert not getattr(found, field).known
    assert getattr(found, field).reason == reason


def test_encoded_frames_are_not_linear():
    pairs, _ = flats(7, (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8), power=1 / 2.2)
    _, dark = flats(7, ())
    found = photon_transfer(pairs, dark)
    assert not found.gain_dn_per_e.known
    assert not found.read_noise_e.known


def test_linearity_needs_exposures_and_sees_a_bend():
    pairs, dark = flats(8)
    assert photon_transfer([p[:2] for p in pairs], dark).linearity_error.reason == "exposures are not given"
    bent = [(a, b, s * (1 + 0.1 * s)) for a, b, s in pairs]
    assert photon_transfer(bent, dark).linearity_error > 1


def test_refusals_say_what_is_wrong():
    pairs, dark = flats(9, (0.5,), shape=(16, 16))
    with pytest.raises(UsageError, match="differ in size"):
        photon_transfer(pairs, flats(9, (), shape=(16, 32))[1])
    with pytest.raises(UsageError, match=r"frames of pair 1, \(16, 16\) and \(16, 8\), must be"):
        photon_transfer([(pairs[0][0], pairs[0][1][:, :8])], dark)
    with pytest.raises(UsageError, match="holds 1 things"):
        photon_transfer([(pairs[0][0],)], dark)


@pytest.mark.parametrize("pattern", ["RGGB", "GBRG", "RRGG/RRGG/GGBB/GGBB", "YRBY"])
def test_planes_hold_one_colour_each(pattern):
    cfa = Cfa(pattern)
    letters = np.array([[ord(cfa.at(x, y)) for x in range(16)] for y in range(16)])
    planes = cfa_planes(letters, cfa)
    green = "Y" if "Y" in pattern else "G"
    assert [set(p.ravel()) for p in planes.values()] == [{ord("R")}, {ord(green)}, {ord(green)}, {ord("B")}]
    assert sum(p.size for p in planes.values()) == 256
