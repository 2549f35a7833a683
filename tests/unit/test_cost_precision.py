"""What fixed point does to the picture: against closed forms of rounding."""

from __future__ import annotations

import json
import math
from itertools import pairwise

import pytest

from isp import Profile, read_profile
from isp.commands import main
from isp.commands.app import BUILT_IN
from isp.errors import ProfileError, UsageError
from reports.hardware.precision import precision_sweep, sample_frame, smallest


@pytest.fixture(scope="module")
def frame():
    return sample_frame("imx586", iso=100)


@pytest.fixture(scope="module")
def found(frame):
    return precision_sweep(read_profile("reference"), frame, limit=2.0)


def test_a_rounded_value_is_off_by_a_code_over_the_root_of_twelve(found):
    """Uniform error of one code: 2^-(bits - 3) / sqrt(12), where codes are much finer than those of the sensor."""
    errors = found.stages["black_level"]
    for bits, error in zip(found.bits, errors, strict=True):
        if 9 <= bits <= 11:  # finer ones meet the sensor's own 10-bit codes
            assert error == pytest.approx(20 * math.log10(2.0 ** -(bits - 3) / math.sqrt(12)), abs=0.7)


def test_more_bits_are_better_at_every_stage_and_overall(found):
    for values in (found.mean, *found.stages.values()):
        assert all(b < a for a, b in pairwise(values))
    # far from the sensor's codes a bit is 6 dB
    assert found.stages["ccm"][4] - found.stages["ccm"][10] == pytest.approx(36, abs=4)
    assert found.bits == tuple(range(8, 21))


def test_the_proposal_is_the_first_width_that_keeps_the_limit(found):
    at = found.bits.index(found.proposed)
    assert found.high[at] <= 2.0 < found.high[at - 1]
    assert f"A datapath of {found.proposed} bits keeps 99 %" in found.sentence
    assert all(m <= h <= most for m, h, most in zip(found.mean, found.high, found.largest, strict=True))


@pytest.mark.parametrize(
    ("errors", "width"),
    [((3, 2, 0.5, 0.4), 10), ((0.1, 0.1, 0.1, 0.1), 8), ((3, 0.5, 2, 0.4), 11), ((3, 3, 3, 3), None),
     ((3, 1, 1, float("nan")), None)],
)  # fmt: skip
def test_the_smallest_width_from_which_on_all_are_good(errors, width):
    assert smallest((8, 9, 10, 11), errors, 1.0) == width


def test_headroom_takes_a_bit_from_the_fraction(frame):
    profile = read_profile("reference")
    more, less = (
        precision_sweep(profile.with_settings(["datapath.bits=12", f"datapath.headroom={h}"]), frame, widths=(10, 10))
        for h in (3, 1)
    )
    assert (more.headroom, less.headroom) == (3, 1)
    gap = more.stages["white_balance"][0] - less.stages["white_balance"][0]
    assert gap == pytest.approx(2 * 6.02, abs=1.5)


def test_what_cannot_be_swept(frame):
    profile = read_profile("reference")
    with pytest.raises(UsageError, match=r"widths 20\.\.8 bits must be within 4\.\.24"):
        precision_sweep(profile, frame, widths=(20, 8))
    with pytest.raises(UsageError, match="limit 0 must be above 0"):
        precision_sweep(profile, frame, limit=0)
    with pytest.raises(ProfileError, match="ends in a picture"):
        precision_sweep(Profile.from_stages(["black_level", "demosaic"]), frame)


def test_the_command(monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(BUILT_IN, "cost", "reports.commands.cost:cost")
    page = tmp_path / "p.html"
    words = ["--sensor", "imx586", "--precision-sweep", "--scene", "chart", "-o", str(page), "--json"]
    assert main(["cost", "reference", *words]) == 0
    out, err = capsys.readouterr()
    plain = json.loads(out)
    assert (plain["bits"], plain["limit_de00"]) == (list(range(8, 21)), 1.0)
    assert err.startswith("A datapath of ")
    assert plain["widths"][plain["bits"].index(plain["proposed_bits"])]["high_de00"] <= 1
    text = page.read_text(encoding="utf-8")
    assert "Error of each stage" in text
    assert "bits are the fewest that keep the limit" in text


@pytest.mark.full
def test_natural_needs_what_phones_have():
    """Phones of these years have 14 to 18 bits; so many keep the everyday picture."""
    sweep = precision_sweep(read_profile("natural"), sample_frame("xiaomi_12t_pro/main"))
    assert 14 <= sweep.proposed <= 18
