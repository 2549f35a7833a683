"""Encode: transfer, primaries and gamut mapping against colour-science and closed forms."""

import numpy as np
import pytest

from isp.color.spaces import conversion, luma, rgb_to_xyz, srgb_encoded
from isp.errors import ProfileError
from isp.stages.encode import Encode
from isp.stages.gamut import KNEE
from isp.stages.oklab import ROOTS_TO_LAB
from tests.unit.stage_runner import around, run_stage


def _run(rgb, domain="scene", **params):
    rgb = np.ascontiguousarray(rgb, np.float32)
    return run_stage("encode", rgb, around(rgb), domain, **params)


def _grey(values):
    return np.repeat(np.repeat(np.asarray(values, np.float32)[None, :, None], 4, 0), 3, 2)


def test_the_transfer_errs_by_less_than_two_in_a_million():
    x = np.concatenate([np.linspace(0, 1, 30000), np.linspace(0, 0.01, 5000)]).astype(np.float32)
    out = _run(_grey(x), space="rec2020", gamut="clip")[0, :, 1]
    np.testing.assert_allclose(out, srgb_encoded(x), atol=2e-6)
    assert np.diff(out[:30000]).min() >= 0


@pytest.mark.parametrize("transfer", ["pq", "hlg"])
def test_hdr_light_equals_colour_science(transfer):
    colour = pytest.importorskip("colour")
    top = 1000 / 203
    light = np.concatenate([np.linspace(0, top, 20000), np.geomspace(1e-6, top, 8000)]).astype(np.float32)
    out = _run(_grey(light), space="rec2020", transfer=transfer, gamut="clip")[0, :, 1].astype(np.float64)
    display = np.minimum(light.astype(np.float64) * 203, 1000)
    if transfer == "pq":
        theirs = colour.eotf_inverse(display, "ITU-R BT.2100 PQ")
    else:
        with np.errstate(invalid="ignore", divide="ignore"):
            grey = np.repeat(display[:, None], 3, 1)
            theirs = colour.eotf_inverse(grey, "ITU-R BT.2100 HLG", L_B=0, L_W=1000)[:, 1]
    np.testing.assert_allclose(out, np.where(light > 0, theirs, 0), atol=4e-6)


def test_hlg_of_colours_equals_colour_science():
    colour = pytest.importorskip("colour")
    rgb = np.random.default_rng(6).uniform(0.01, 2.5, (9, 12, 3))
    out = _run(rgb, space="rec2020", transfer="hlg", gamut="clip")
    with np.errstate(invalid="ignore", divide="ignore"):
        theirs = colour.eotf_inverse(np.float32(rgb).astype(float) * 203, "ITU-R BT.2100 HLG", L_B=0, L_W=1000)
    np.testing.assert_allclose(out, np.minimum(theirs, 1), atol=4e-5)


def test_reference_white_has_the_codes_of_bt2408():
    white = {t: _run(_grey([1.0]), space="rec2020", transfer=t)[0, 0, 0] for t in ("pq", "hlg")}
    # BT.2408-7, table 1: 58 % and 75 %
    assert white["pq"] == pytest.approx(0.58, abs=0.002)
    assert white["hlg"] == pytest.approx(0.75, abs=0.002)


def test_pq_ends_at_its_peak_and_compress_works_below_it():
    colour = pytest.importorskip("colour")
    given = {"space": "rec2020", "transfer": "pq", "peak": 600.0}
    assert _run(_grey([50.0]), **given)[0, 0, 0] == pytest.approx(
        float(colour.eotf_inverse(600.0, "ITU-R BT.2100 PQ")), abs=2e-6
    )
    # highlights far above white stay colourful instead of turning towards grey
    vivid = np.full((4, 4, 3), (1.6, 1.5, 1.4), np.float32)
    np.testing.assert_allclose(_run(vivid, **given), _run(vivid, **given, gamut="clip"), atol=1e-6)


def test_white_above_peak_is_refused():
    with pytest.raises(ProfileError, match="white 900 cd/m² is above peak 500"):
        _run(_grey([1.0]), transfer="pq", white=900.0, peak=500.0)


def test_black_and_white_are_exact():
    out = _run(_grey([0.0, 1.0, -0.5, 7.0]), space="rec2020")[0, :, 0]
    assert out.tolist() == [0.0, 1.0, 0.0, 1.0]


@pytest.mark.parametrize(("space", "name"), [("srgb", "sRGB"), ("display_p3", "Display P3")])
@pytest.mark.parametrize("gamut", ["clip", "compress"])
def test_colours_well_inside_equal_colour_science(space, name, gamut):
    colour = pytest.importorskip("colour")
    inside = np.random.default_rng(1).uniform(0.3, 0.6, (12, 10, 3))  # linear in the target, near its grey axis
    xyz = inside @ rgb_to_xyz(space).T
    working = xyz @ np.linalg.inv(rgb_to_xyz("rec2020")).T
    theirs = colour.XYZ_to_RGB(xyz, name, chromatic_adaptation_transform=None, apply_cctf_encoding=True)
    # the standard prints its matrix with four decimals
    np.testing.assert_allclose(_run(working, space=space, gamut=gamut), theirs, atol=1e-4)


def test_linear_rec2020_passes_through_but_for_the_clip():
    rgb = np.random.default_rng(2).uniform(-0.3, 1.4, (9, 9, 3)).astype(np.float32)
    out = _run(rgb, space="rec2020", transfer="linear", gamut="clip")
    np.testing.assert_allclose(out, np.clip(rgb, 0, 1), atol=1e-6)


def test_display_light_is_taken_as_scene_light_is():
    rgb = np.random.default_rng(3).uniform(0, 1, (6, 6, 3)).astype(np.float32)
    np.testing.assert_array_equal(_run(rgb, "display"), _run(rgb, "scene"))


def oklab(working):
    """(..., 3) Oklab of linear Rec.2020, by the published matrices for linear sRGB."""
    to_lms = [[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566],
              [0.0883024619, 0.2817188376, 0.6299787005]]
    return np.cbrt(working @ conversion("rec2020", "srgb").T @ np.transpose(to_lms)) @ ROOTS_TO_LAB.T


def turn(before, after):
    """Degrees by which the Oklab hue changed."""
    a, b = (np.arctan2(lab[..., 2], lab[..., 1]) for lab in (oklab(before), oklab(after)))
    return np.degrees((b - a + np.pi) % (2 * np.pi) - np.pi)


def way_out(rgb, grey):
    """Distance from grey in units of that to the surface of 0..1."""
    return np.maximum((rgb - grey) / (1 - grey), (grey - rgb) / grey).max(axis=-1)


@pytest.mark.parametrize("space", ["srgb", "display_p3"])
def test_compress_keeps_luminance_and_hue_and_reaches_the_surface_as_it_should(space):
    rng = np.random.default_rng(4)
    working = rng.uniform(0, 1, (4, 3000, 3)) ** 1.5
    grey = (working @ luma("rec2020"))[..., None]
    working, grey = working[:, grey[0, :, 0] > 0.01], grey[:, grey[0, :, 0] > 0.01]
    out = _run(working, space=space, transfer="linear").astype(np.float64)
    assert out.min() >= 0
    assert out.max() <= 1
    target = working @ conversion("rec2020", space).T
    e = way_out(target, grey)
    np.testing.assert_array_equal(out[e < 0.79], _run(working, space=space, transfer="linear", gamut="clip")[e < 0.79])
    np.testing.assert_allclose(out @ luma(space), grey[..., 0], atol=3e-6)
    coloured = np.hypot(*np.moveaxis(oklab(working)[..., 1:], -1, 0)) > 0.02
    assert np.abs(turn(working, out @ conversion(space, "rec2020").T))[coloured].max() < 0.05
    beyond = np.maximum(e - KNEE, 0)
    wanted = np.where(e > KNEE, KNEE + beyond / (1 + beyond / (1 - KNEE)), e)
    miss = way_out(out, grey) - wanted
    assert miss.max() < 0.01
    assert miss.min() > -0.25
    assert np.quantile(np.abs(miss), 0.98) < 0.01


def test_light_beyond_white_or_below_black_ends_there():
    out = _run([[[3.0, 2.0, 1.5], [-0.2, -0.1, 0.0]]] * 4, transfer="linear")[0]
    np.testing.assert_allclose(out, [[1, 1, 1], [0, 0, 0]], atol=1e-5)


def test_compress_of_a_ramp_out_of_gamut_never_turns_back():
    vivid = np.array([1.0, -0.4, -0.1]) @ conversion("srgb", "rec2020").T
    path = 0.2 + np.linspace(0, 1, 300)[:, None] * (vivid - 0.2)
    path += 0.2 - (path @ luma("rec2020"))[:, None]
    red = _run(np.repeat(path[None], 4, 0), transfer="linear")[0, :, 0]
    assert np.diff(red).min() >= -1e-6
    assert red.max() > 0.7


@pytest.mark.parametrize("value", [1e6, -1e6, 0.0, 1e-30])
def test_extremes_stay_in_range(value):
    rgb = np.zeros((4, 6, 3), np.float32)
    rgb[:, :2] = value
    rgb[:, 2:4, 1] = value
    out = _run(rgb)
    assert np.isfinite(out).all()
    assert out.min() >= 0
    assert out.max() <= 1


def test_it_names_what_leaves_it():
    for space in ("srgb", "display_p3", "rec2020"):
        for transfer in ("srgb", "linear"):
            values = {"space": space, "transfer": transfer, "gamut": "clip"}
            assert Encode().encoding(values) == (space, transfer)


def test_another_space_compiles_nothing():
    values = {"space": "srgb", "transfer": "srgb", "gamut": "clip"}
    stage = Encode()
    context = around(np.zeros((4, 4)))
    assert stage.structure(values, context) == stage.structure({**values, "space": "display_p3"}, context)
