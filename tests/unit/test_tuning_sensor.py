"""Black level, defects, greens, tone curve and strengths on numbers made by hand."""

import numpy as np
import pytest

from isp.errors import NumericError, UsageError
from isp.stages.tone_curve import filmic
from isp.values import RawFrame
from reports.estimate import Estimate
from tuning.calibrate import black_level, defects, green_imbalance, lens_shading, tone_curve
from tuning.calibrate.strength_search import StrengthTable, _search

LEVELS = (64.0, 66.0, 65.0, 63.5)


def _dark(seed, offset=0.0, shape=(128, 128), sigma=2.0, levels=LEVELS, **info):
    random = np.random.Generator(np.random.Philox(seed))
    data = np.empty(shape)
    for n, level in enumerate(levels):
        data[n // 2 :: 2, n % 2 :: 2] = level
    data = np.rint(data + offset + sigma * random.standard_normal(shape))
    return RawFrame.from_array(np.clip(data, 0, None).astype(np.uint16), black=64, white=1023, **info)


def _flat(level, shape=(256, 256), seed=0, gains=(1.0, 1.0, 1.0, 1.0), shade=None):
    random = np.random.Generator(np.random.Philox(seed))
    light = np.full(shape, float(level)) if shade is None else level * shade
    for n, gain in enumerate(gains):
        light[n // 2 :: 2, n % 2 :: 2] *= gain
    data = np.rint(64 + 3959 * light + 4 * random.standard_normal(shape))
    return RawFrame.from_array(np.clip(data, 0, 4023).astype(np.uint16), black=64, white=4023)


# black level ----------------------------------------------------------------------------------------------------


def test_black_level_of_each_colour_with_its_interval():
    found = black_level([_dark(s) for s in range(6)])
    for name, level in zip(("R", "Gr", "Gb", "B"), LEVELS, strict=True):
        estimate = found.level[name]
        assert estimate == pytest.approx(level, abs=0.05)
        assert estimate.interval[0] < level < estimate.interval[1]
        assert estimate.interval[1] - estimate.interval[0] < 0.2
    assert found.values == pytest.approx(LEVELS, abs=0.05)
    assert found.spread == pytest.approx(2.5, abs=0.05)
    assert not found.per_second.known


def test_drift_with_frames_exposure_and_temperature():
    degrees = np.array([20.0, 25.0, 30.0, 35.0, 40.0])
    frames = [_dark(n, 0.3 * n) for n in range(5)]
    found = black_level(frames, temperatures=degrees)
    assert found.per_frame == pytest.approx(0.3, abs=0.03)
    assert found.per_degree == pytest.approx(0.06, abs=0.006)
    assert found.per_degree.interval[0] < 0.06 < found.per_degree.interval[1]
    lit = black_level([_dark(n, 2.0 * t, exposure=t) for n, t in enumerate((0.1, 0.5, 1.0, 2.0))])
    assert lit.per_second == pytest.approx(2.0, abs=0.1)
    # the level is that of no exposure
    assert lit.values == pytest.approx(LEVELS, abs=0.15)


def test_hot_pixels_do_not_lift_the_black_level():
    frame = _dark(1)
    data = frame.data.copy()
    data[::16, ::16] = 1000
    hot = RawFrame(data, frame.cfa, frame.black, frame.white)
    assert data[::2, ::2].mean() > 78
    assert black_level([hot]).level["R"] == pytest.approx(64.0, abs=0.1)


def test_black_levels_that_raise_questions_say_so():
    apart = black_level([_dark(s, levels=(64, 72, 72, 64)) for s in range(3)])
    assert any("spread over" in line for line in apart.warnings)
    away = black_level([_dark(s, levels=(78, 78, 78, 78)) for s in range(3)])
    assert any("say a black level of 64 DN" in line for line in away.warnings)
    cut = black_level([_dark(s, levels=(1, 1, 1, 1)) for s in range(3)])
    assert any("noise is cut off" in line for line in cut.warnings)


def test_darks_with_light_in_them_are_refused():
    with pytest.raises(NumericError, match="have light in them; give frames taken with the lens covered"):
        black_level([_dark(1), _dark(2, 300.0)])


def test_black_level_usage():
    with pytest.raises(UsageError, match="no frames"):
        black_level([])
    with pytest.raises(UsageError, match="temperatures of shape"):
        black_level([_dark(1)], temperatures=[1.0, 2.0])


# defects ----------------------------------------------------------------------------------------------------------


def test_every_planted_defect_is_found_and_no_other():
    places = [(3, 5), (60, 61), (0, 0), (127, 127), (64, 66)]
    dead = [(20, 30), (100, 7)]
    darks, flats = [_dark(s, shape=(128, 128)) for s in range(4)], [_flat(0.5, (128, 128), s) for s in range(4)]
    made = []
    for frame, spots, value in [*((f, places, 400) for f in darks), *((f, dead, 64) for f in flats)]:
        data = frame.data.copy()
        for x, y in spots:
            data[y, x] = value
        made.append(RawFrame(data, frame.cfa, np.array([[64.0]]), 1023.0 if value == 400 else 4023.0))
    with pytest.raises(UsageError, match="they must agree"):
        defects(made[:4], made[4:])
    hot = defects(made[:4])
    assert sorted(map(tuple, hot.positions.tolist())) == sorted(places)
    assert hot.hot.all()
    assert "not looked for" in hot.warnings[0]
    found = defects(flats=made[4:])
    assert sorted(map(tuple, found.positions.tolist())) == sorted(dead)
    assert found.dead.all()
    assert found.mask.sum() == 2 * len(dead)


def test_a_picture_is_no_flat():
    random = np.random.Generator(np.random.Philox(0))
    frame = RawFrame.from_array(random.integers(100, 4000, (64, 64)).astype(np.uint16), black=64, white=4023)
    with pytest.raises(NumericError, match="shows no even field"):
        defects(flats=[frame])


@pytest.mark.parametrize("level", [0.005, 1.2])
def test_flats_badly_exposed_are_refused(level):
    with pytest.raises(NumericError, match="too dark or saturated"):
        defects(flats=[_flat(level)])


# lens shading -------------------------------------------------------------------------------------------------------


def _vignette(shape, strength=0.5):
    y, x = ((np.arange(n) + 0.5) / n * 2 - 1 for n in shape)
    return 1 / (1 + strength * (x[None, :] ** 2 + y[:, None] ** 2))


def test_the_mesh_is_the_inverse_of_a_known_falloff():
    shape = (512, 512)
    found = lens_shading({5000.0: [_flat(0.7, shape, s, shade=_vignette(shape)) for s in range(4)]})
    mesh = found.meshes[5000.0]
    y, x = (np.linspace(-1, 1, n) for n in mesh.shape[:2])
    truth = 1 + 0.5 * (x[None, :] ** 2 + y[:, None] ** 2)
    truth /= truth[5:8, 7:10].mean()
    np.testing.assert_allclose(mesh, np.repeat(truth[..., None], 4, -1), rtol=0.01)
    assert np.abs(mesh / truth[..., None] - 1).mean() < 0.002
    assert found.corner[5000.0] < 0.4
    assert mesh[5:8, 7:10].mean((0, 1)) == pytest.approx(1.0)


def test_dust_and_defects_leave_the_mesh_alone():
    shape = (512, 512)
    shade = _vignette(shape)
    clean = lens_shading({5000.0: _flat(0.7, shape, 1, shade=shade)}).meshes[5000.0]
    dirty = shade.copy()
    dirty[200:212, 300:312] *= 0.6
    dirty[::50, ::50] = 0.0
    found = lens_shading({5000.0: _flat(0.7, shape, 1, shade=dirty)}).meshes[5000.0]
    np.testing.assert_allclose(found, clean, rtol=0.01)


def test_a_light_between_others_is_predicted_and_tables_are_over_mired():
    shape = (256, 256)

    def flats(cct):
        return _flat(0.7, shape, int(cct), shade=_vignette(shape, 0.3 + 100 / cct))

    found = lens_shading({cct: flats(cct) for cct in (2856.0, 4000.0, 6500.0)}, rows=7, columns=9)
    assert found.between < 2
    values = found.stage_values()
    assert list(values["mesh"]["cct"]) == [2856.0, 4000.0, 6500.0]
    middle = found.at(1 / ((1 / 2856 + 1 / 4000) / 2))
    np.testing.assert_allclose(middle, (found.meshes[2856.0] + found.meshes[4000.0]) / 2)
    np.testing.assert_array_equal(found.at(1000), found.meshes[2856.0])


def test_flats_that_tell_nothing_are_refused():
    with pytest.raises(NumericError, match=r"lens shading at 5000 K: levels of .*expose flats"):
        lens_shading({5000.0: _flat(1.5)})
    with pytest.raises(NumericError, match="too small for a mesh of 13x17"):
        lens_shading({5000.0: _flat(0.5, (64, 64))})
    with pytest.raises(UsageError, match="mesh of 2x17"):
        lens_shading({5000.0: _flat(0.5)}, rows=2)


# greens ---------------------------------------------------------------------------------------------------------------


def test_green_imbalance_and_the_threshold_that_removes_it():
    found = green_imbalance([_flat(0.5, seed=s, gains=(0.6, 1.01, 0.99, 0.5)) for s in range(2)])
    assert found.imbalance == pytest.approx(0.02, abs=0.001)
    assert found.imbalance.interval[0] < 0.02 < found.imbalance.interval[1]
    assert 0.02 < found.threshold < 0.06


def test_a_slope_is_no_green_imbalance():
    slope = np.broadcast_to(np.linspace(0.2, 1.2, 256), (256, 256)).copy()
    found = green_imbalance([_flat(0.6, seed=s, shade=slope.copy()) for s in range(4)])
    assert abs(found.imbalance) < 0.0005


# tone curve -----------------------------------------------------------------------------------------------------------

CURVE = {"contrast": 1.4, "toe": 3.0, "black": 0.002, "white": 2.8, "shoulder": 1.8, "grey": 0.22}
LIGHT = 0.18 * 2.0 ** np.linspace(-6, 2.5, 20)


def test_a_known_tone_curve_is_recovered():
    found = tone_curve(LIGHT, filmic(LIGHT, CURVE))
    for name, value in CURVE.items():
        assert found.values[name] == pytest.approx(value, rel=1e-3)
    assert found.residual < 1e-3
    assert found.cross_validated < 1e-2


def test_exposure_of_the_reference_is_fitted_with_it():
    found = tone_curve(2 * LIGHT, filmic(LIGHT, CURVE), exposure=True)
    assert found.exposure == pytest.approx(-1, abs=1e-3)


def test_another_curve_is_met_within_a_code_or_so_and_points_meet_it():
    gamma = np.clip(LIGHT, 0, 1) ** 0.8
    assert tone_curve(LIGHT, gamma, form="points").residual < 1e-9
    assert tone_curve(LIGHT, gamma).residual < 3


def test_tone_curves_that_cannot_be_are_refused():
    with pytest.raises(NumericError, match=r"5 steps over .* EV; 8 or more"):
        tone_curve(LIGHT[:5], LIGHT[:5] / 10)
    with pytest.raises(NumericError, match="does not rise"):
        tone_curve(LIGHT, filmic(LIGHT, CURVE)[::-1])
    with pytest.raises(UsageError, match="finite"):
        tone_curve(LIGHT, np.full(20, np.nan))


# strengths ------------------------------------------------------------------------------------------------------------


def test_the_strength_that_meets_the_target_is_found():
    value, reached = _search(lambda s: Estimate.normal(30 + 4 * s, 0.1, "dB"), 38.0, 0.0, 10.0)
    assert value == pytest.approx(2.0, abs=0.03)
    assert value.interval[0] < 2.0 < value.interval[1]
    assert reached == pytest.approx(38.0, abs=0.1)


def test_targets_that_are_met_already_or_never_are_said_so():
    value, _ = _search(lambda s: Estimate(40.0), 38.0, 0.0, 10.0)
    assert value == 0
    assert "already measures 40" in value.reason
    value, reached = _search(lambda s: Estimate(30 + s / 10), 38.0, 0.0, 10.0)
    assert not value.known
    assert "at 10, the most allowed" in value.reason
    assert reached == pytest.approx(31)
    jumping, _ = _search(lambda s: Estimate(30.0 if s < 1.1 else 50.0), 38.0, 0.0, 10.0)
    assert "jumps" in jumping.reason


def test_a_table_without_a_single_value_is_an_error():
    none = StrengthTable("sharpen.amount", 0.4, {100.0: Estimate.missing("too soft")}, {100.0: Estimate(0.1)})
    with pytest.raises(NumericError, match=r"no ISO reaches the target of 0\.4: too soft"):
        none.table()
