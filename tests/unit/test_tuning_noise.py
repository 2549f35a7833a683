"""Noise model: known S and O from frames of NumPy's own Poisson and normal numbers."""

import numpy as np
import pytest

from isp.errors import NumericError, UsageError
from isp.values import RawFrame
from tuning.calibrate import noise

BLACK, WHITE = 64.0, 4095.0
SPAN = WHITE - BLACK
GAIN, READ = 2.0, 4.0
"""DN per electron; read noise [DN]."""
SHOT = GAIN / SPAN
FLOOR = (READ**2 + 1 / 12) / SPAN**2


def _frame(light, seed, iso=100.0, gain=GAIN, read=READ, **info):
    """A frame whose pixels collect `light` (of white) on average."""
    random = np.random.Generator(np.random.Philox(seed))
    electrons = random.poisson(np.asarray(light) * SPAN / gain)
    codes = np.rint(BLACK + gain * electrons + read * random.standard_normal(electrons.shape))
    return RawFrame.from_array(np.clip(codes, 0, WHITE).astype(np.uint16), black=BLACK, white=WHITE, iso=iso, **info)


def _ramp(low=0.0, high=0.6, shape=(512, 512)):
    return np.broadcast_to(np.linspace(low, high, shape[1]), shape)


def _texture(seed=5, shape=(512, 512)):
    """Coarse and fine texture of high contrast."""
    random = np.random.Generator(np.random.Philox(seed))
    return np.clip(0.25 + 0.15 * random.standard_normal(shape) * (np.indices(shape).sum(0) % 7 < 3), 0.01, 0.6)


def _within(estimates, truth, share):
    assert list(estimates) == ["R", "Gr", "Gb", "B"]
    for value in estimates.values():
        assert value == pytest.approx(truth, rel=share)


@pytest.mark.parametrize("light", [_ramp(), _texture()], ids=["ramp", "texture"])
def test_pairs_of_anything_give_the_model(light):
    level = noise([[_frame(light, 1), _frame(light, 2)], [_frame(0 * light, 3), _frame(0 * light, 4)]]).levels[0]
    _within(level.shot, SHOT, 0.02)
    _within(level.read, FLOOR, 0.05)
    assert level.how == "pairs"
    assert level.quantisation == pytest.approx(1 / 12 / SPAN**2)


def test_intervals_cover_the_truth_about_as_often_as_they_say():
    inside = []
    for seed in range(20):
        light = _ramp(shape=(256, 256))
        level = noise([[_frame(light, 2 * seed), _frame(light, 2 * seed + 1)]]).levels[0]
        inside += [e.interval[0] <= SHOT <= e.interval[1] for e in level.shot.values()]
    assert 0.86 <= np.mean(inside) <= 1.0


def test_something_that_moves_between_the_frames_is_left_out():
    still, moved = _ramp().copy(), _ramp().copy()
    moved[100:180, 100:180] = 0.5
    level = noise([[_frame(still, 1), _frame(moved, 2)], [_frame(0 * still, 3), _frame(0 * still, 4)]]).levels[0]
    _within(level.shot, SHOT, 0.02)
    assert not level.used.all()


def test_single_frames_of_even_fields_give_the_model_too():
    frames = [_frame(np.full((512, 512), level), seed) for seed, level in enumerate((0.0, 0.05, 0.2, 0.5))]
    level = noise(frames).levels[0]
    _within(level.shot, SHOT, 0.05)
    _within(level.read, FLOOR, 0.12)
    assert level.how == "single frames"


def test_texture_in_a_part_of_a_single_frame_is_left_out():
    light = _ramp().copy()
    light[:128, :256] = _texture()[:128, :256]
    level = noise([_frame(light, 7), _frame(0 * light, 8)]).levels[0]
    _within(level.shot, SHOT, 0.08)


def test_saturated_parts_do_not_count():
    light = _ramp(0.0, 1.5)
    level = noise([[_frame(light, 1), _frame(light, 2)], [_frame(0 * light, 3), _frame(0 * light, 4)]]).levels[0]
    _within(level.shot, SHOT, 0.03)
    assert level.mean[level.used].max() < 1


def test_the_form_over_iso_is_recovered_and_the_table_interpolated():
    scenes = []
    for n, iso in enumerate((100.0, 400.0, 1600.0)):
        gain, read = 0.5 * iso / 100, np.hypot(3.0, 0.01 * iso)
        for light in (_ramp(), 0 * _ramp()):
            scenes.append([_frame(light, 40 * n + i + 9 * (light.max() > 0), iso, gain, read) for i in (0, 1)])
    found = noise(scenes)
    assert found.a == pytest.approx(0.005 / SPAN, rel=0.02)
    assert found.c == pytest.approx(1e-4 / SPAN**2, rel=0.05)
    assert found.d == pytest.approx((9 + 1 / 12) / SPAN**2, rel=0.15)
    assert max(abs(v) for v in found.shot_residual.values()) < 2
    assert found.at(400).shot == pytest.approx([float(e) for e in found.levels[1].shot.values()])
    assert found.at(200).shot[0] == pytest.approx(0.005 * 200 / SPAN, rel=0.03)
    # beyond the ends as amplification goes
    assert found.at(3200).shot[1] == pytest.approx(2 * found.at(1600).shot[1])
    assert found.at(3200).read[1] == pytest.approx(4 * found.at(1600).read[1])


def test_rounding_that_hides_the_noise_is_seen():
    light = _ramp(0.0, 0.05)
    quiet = [[_frame(light, s, gain=1e-3, read=0.2) for s in (1, 2)]]
    with pytest.raises(NumericError, match=r"hidden by rounding; 12 are needed: add frames at other levels"):
        noise(quiet)


def test_levels_that_are_all_alike_are_refused():
    with pytest.raises(NumericError, match=r"ISO 100, R: its levels of light.*too alike to tell S from O"):
        noise([[_frame(np.full((512, 512), 0.3), s) for s in (1, 2)]])


def test_everything_saturated_is_refused():
    with pytest.raises(NumericError, match=r"0 tiles of .* are not saturated"):
        noise([[_frame(np.full((128, 128), 2.0), s) for s in (1, 2)]])


def test_bad_usage():
    with pytest.raises(UsageError, match="no frames given"):
        noise([])
    with pytest.raises(UsageError, match="says no ISO"):
        noise([_frame(_ramp(), 1, iso=None)])
    with pytest.raises(UsageError, match="frame 2 is 256x256"):
        noise([[_frame(_ramp(), 1), _frame(_ramp(shape=(256, 256)), 2)]])
    with pytest.raises(UsageError, match="tile 4 must be 8"):
        noise([_frame(_ramp(), 1)], tile=4)


def test_one_iso_has_no_form():
    found = noise([[_frame(_ramp(), 1), _frame(_ramp(), 2)]])
    assert not found.a.known
    assert found.a.reason == "one ISO only"
    assert found.at(100).shot[0] == pytest.approx(float(found.levels[0].shot["R"]))
