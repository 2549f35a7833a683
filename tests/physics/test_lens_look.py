"""The lens look against physics: blur circles, spots of the prescription, energy, colours, light, occlusion."""

import numpy as np
import pytest

from isp.errors import InputError, UsageError
from isp.lenses import load_lens
from isp.pipeline import Pipeline
from isp.profile import Profile
from isp.values import Companions, Picture
from tests.lens_scenes import Trial, decibels, encoded, fence, portrait

PLAIN = {"vignetting": 0.0, "distortion": 0.0, "highlights": 0.0, "edge_refine": 0}
FULL = 4096


def look(light, depth=None, focus=None, threads=2, **values):
    """`light` (H, W, 3) through the stage, float64."""
    profile = Profile.from_stages([("lens_look", values)], start="scene")
    light = np.asarray(light, np.float32)
    if np.isscalar(depth):
        depth = np.full(light.shape[:2], depth)
    companions = Companions({} if depth is None else {"depth": np.asarray(depth, np.float32)}, focus)
    run = Pipeline(profile, threads=threads).run(
        Picture.from_array(light, "rec2020", "linear", "scene"), tap="lens_look", companions=companions
    )
    return run.value.data.astype(np.float64)


def point(size, at=None, value=100.0):
    light = np.zeros((size, size, 3), np.float32)
    light[at or (size // 2, size // 2)] = value
    return light


def window(size, x=0.0, y=0.0, width=FULL):
    """A square of `size` px whose middle is at (x, y) mm from the axis of a 36 x 27 mm frame."""
    pitch = 36.0 / width
    left, top = round(width / 2 + x / pitch - size / 2), round(width * 0.375 + y / pitch - size / 2)
    return [left, top, width, width * 3 // 4]


def spread(plane):
    """Second moments of a spot about its centroid: xx, yy [px²]."""
    y, x = np.mgrid[: plane.shape[0], : plane.shape[1]]
    total = plane.sum()
    cx, cy = (plane * x).sum() / total, (plane * y).sum() / total
    return (plane * (x - cx) ** 2).sum() / total, (plane * (y - cy) ** 2).sum() / total


@pytest.mark.parametrize(
    ("focal", "f_number", "width", "pixels"),
    [(50, 0.95, 36.0, 315), (50, 1.2, 36.0, 250), (35, 1.4, 36.0, 103), (28, 1.4, 36.0, 65.6), (8.71, 1.9, 13.1, 12.6)],
)
def test_the_disc_of_a_far_light_is_the_thin_lens_blur_circle(focal, f_number, width, pixels):
    size = 2 * round(0.8 * pixels) + 31
    spot = look(
        point(size), 1e5, 1.0, lens="ideal", focal_length=focal, f_number=f_number, sensor_width=width,
        window=window(size), **PLAIN,
    )[..., 1]
    # an even disc of diameter d has the second moment d² / 16 along each axis
    assert 4 * np.sqrt(np.mean(spread(spot))) == pytest.approx(pixels, rel=0.01, abs=0.3)
    assert spot.sum() == pytest.approx(100, rel=0.01)


@pytest.mark.parametrize(
    ("name", "height"), [("50mm_f1.2_1966", 0.0), ("50mm_f1.4_1971", 12.0), ("28mm_f1.4_2016", 15.0)]
)
@pytest.mark.parametrize("away", [2.0, 1e4])
def test_a_point_of_light_is_pictured_as_the_point_spread_function(name, height, away):
    focus, width = 2.0, 3000
    lens, pitch = load_lens(name=name), 36.0 / width
    spot = look(
        point(141), away, focus, lens=name, window=window(141, x=height, width=width), **PLAIN,
    )
    axis = lens.rays(0, 535.0, None, 20_000, distance_mm=1e3 * focus)
    across = axis.slope_x**2 + axis.slope_y**2
    plane = -float((axis.x * axis.slope_x + axis.y * axis.slope_y).sum() / across.sum())
    near = lens.rays(0.05, None, None, 16, distance_mm=1e3 * focus)
    scale = (near.center_mm + plane * near.center_slope) / np.tan(np.radians(0.05))
    field = np.degrees(np.arctan(height / scale))
    truth = sum(
        lens.psf(
            field, plane, nm, pitch_um=1e3 * pitch, size=141, distance_mm=1e3 * away / np.cos(np.radians(field))
        ).array
        for nm in (510.0, 535.0, 560.0)
    ) / 3
    found = spot[..., 1] / spot[..., 1].sum()
    y, x = np.mgrid[:141, :141] - 70
    for plane in (found, truth):
        assert plane.sum() == pytest.approx(1, abs=1e-6)
    # light within circles about the chief ray, and how it is spread
    for radius in (4, 8, 16, 32):
        inside = np.hypot(x, y) <= radius
        assert found[inside].sum() == pytest.approx(truth[inside].sum(), abs=0.035)
    if away > 100:
        # without the far wings of diffraction, which the stage does not draw
        near = np.hypot(x, y) <= 32
        np.testing.assert_allclose(np.sqrt(spread(found * near)), np.sqrt(spread(truth * near)), rtol=0.06)


def test_an_even_field_stays_even_whatever_its_depth():
    random = np.random.Generator(np.random.Philox(3))
    depth = np.repeat(np.repeat(random.uniform(0.6, 6.0, (8, 10)), 20, 0), 20, 1)
    out = look(np.full((160, 200, 3), 0.4), depth, 1.5, lens="50mm_f1.2_1966", **PLAIN)
    np.testing.assert_allclose(out, 0.4, rtol=2e-3)


def test_light_is_conserved():
    light = point(200, (90, 110))
    for away in (0.7, 6.0):
        out = look(light, away, 1.4, lens="50mm_f1.4_1971", **PLAIN)
        np.testing.assert_allclose(out.sum(axis=(0, 1)), 100, rtol=0.02)


def test_a_small_aperture_tends_to_the_input():
    random = np.random.Generator(np.random.Philox(5))
    light = random.uniform(0.1, 0.9, (120, 160, 3))
    depth = np.where(np.arange(160) < 80, 1.5, 3.0)[None].repeat(120, 0)
    given = PLAIN | {"lens": "50mm_f1.4_2017"}
    sharp = [np.abs(look(light, depth, 2.0, f_number=n, **given) - light).mean() for n in (4.0, 8.0, 16.0, 64.0)]
    assert np.all(np.diff(sharp) < 1e-5)
    assert sharp[-1] < 1e-3


def test_no_strength_is_no_change():
    random = np.random.Generator(np.random.Philox(6))
    light = random.uniform(0.1, 0.9, (50, 60, 3))
    np.testing.assert_allclose(look(light, 3.0, 1.0, strength=0.0, **PLAIN), light, atol=1e-5)


@pytest.mark.parametrize("name", ["50mm_f1.4_1971", "58mm_f1.4_1927"])
def test_colours_blur_in_the_order_of_the_glass(name):
    lens = load_lens(name=name)
    red, blue = lens.longitudinal_color(625.0), lens.longitudinal_color(465.0)
    for away, sign in ((0.9, -1), (4.0, 1)):
        spot = look(point(241), away, 1.5, lens=name, f_number=2.8, window=window(241), **PLAIN)
        sizes = [np.sqrt(np.mean(spread(spot[..., c]))) for c in (0, 2)]
        # a far point is imaged in front of the sensor: the colour with the shorter focus is larger
        assert np.sign(sizes[0] - sizes[1]) == sign * np.sign(blue - red)


def test_the_corners_are_as_dark_as_the_lens_makes_them():
    lens = load_lens(name="50mm_f1.2_1966")
    out = look(np.ones((90, 120, 3)), None, None, mode="flat", **(PLAIN | {"vignetting": 1.0}))
    y, x = np.mgrid[:90, :120]
    angle = np.degrees(np.arctan(np.hypot(x - 59.5, y - 44.5) * 36 / 120 / lens.focal_length))
    for wanted in (5.0, 10.0, 15.0, 20.0):
        near = np.abs(angle - wanted) < 0.4
        assert out[near].mean() == pytest.approx(float(lens.relative_illumination(wanted)), abs=0.02)


@pytest.mark.parametrize("name", ["28mm_f1.4_2016", "58mm_f1.4_1927"])
def test_points_move_by_the_distortion_of_the_lens(name):
    lens, width = load_lens(name=name), 1200
    centre = np.array([(width - 1) / 2, (width * 3 // 4 - 1) / 2])
    light, places = np.zeros((900, 1200, 3), np.float32), [(150, 140), (600, 120), (1000, 700), (250, 480)]
    for x, y in places:
        light[y, x] = 50
    given = PLAIN | {"distortion": 1.0, "lens": name, "mode": "flat", "f_number": 8.0}
    out = look(light, None, 1e4, **given)[..., 1]
    radius = np.hypot(*(np.array(places) - centre).T) * 36 / width
    factor = 1 + lens.distortion(np.degrees(np.arctan(radius / lens.focal_length)))
    corner = np.hypot(18, 13.5)
    zoom = max(1.0, 1 / (1 + float(lens.distortion(np.degrees(np.arctan(corner / lens.focal_length))))))
    for (x, y), expected in zip(places, factor, strict=True):
        wanted = centre + (np.array([x, y]) - centre) * expected * zoom
        near = np.s_[int(wanted[1]) - 12 : int(wanted[1]) + 13, int(wanted[0]) - 12 : int(wanted[0]) + 13]
        py, px = np.mgrid[near]
        part = out[near]
        found = np.array([(part * px).sum(), (part * py).sum()]) / part.sum()
        assert np.hypot(*(found - wanted)) < 0.003 * np.hypot(*(wanted - centre))


def test_a_phone_that_blurs_as_much_leaves_nothing_to_add():
    light = point(121)
    same = (50.0, 1.4, 36.0)
    spot = look(light, 8.0, 2.0, lens="ideal", f_number=1.4, phone=same, window=window(121), **PLAIN)[..., 1]
    assert spot[60, 60] == pytest.approx(100, rel=3e-3)
    # 0.8 of the blur is there: squares add up
    part = look(light, 8.0, 2.0, lens="ideal", f_number=1.4, phone=(50.0, 1.4 / 0.8, 36.0), window=window(121), **PLAIN)
    full = look(light, 8.0, 2.0, lens="ideal", f_number=1.4, window=window(121), **PLAIN)
    assert np.mean(spread(part[..., 1])) == pytest.approx(0.36 * np.mean(spread(full[..., 1])), rel=0.05)


def test_highlights_grow_where_they_are_blurred_and_only_there():
    light = np.full((121, 121, 3), 0.1, np.float32)
    light[58:63, 58:63] = 1.0
    given = PLAIN | {"highlights": 2.0, "lens": "ideal", "window": window(121)}
    blurred = [look(light, 8.0, 1.5, **(given | {"highlights": h}))[60, 60, 1] for h in (0.0, 2.0)]
    assert blurred[1] > blurred[0] + 0.003
    assert look(light, 1.5, 1.5, **given)[60, 60, 1] == pytest.approx(1.0, abs=0.01)


def test_an_iris_of_blades_makes_polygons_that_do_not_turn_with_the_field():
    given = PLAIN | {"lens": "50mm_f1.4_2017", "f_number": 2.8, "blades": 6, "blade_angle": 0.0}
    corners = []
    for x, y in ((0.0, 0.0), (9.0, 0.0), (0.0, 9.0), (7.0, 7.0)):
        # the ideal lens is opened wide at the f-number in use: a wider one is stopped down by its scale
        spot = look(point(161), 1e4, 1.0, window=window(161, x, y), **given)[..., 1]
        angle, r = np.radians(np.arange(360)), np.arange(80)[:, None]
        rim = spot[np.round(80 + r * np.sin(angle)).astype(int), np.round(80 + r * np.cos(angle)).astype(int)]
        reach = (rim > 0.3 * np.median(spot[75:86, 75:86])).sum(axis=0).astype(float)
        wave = np.fft.rfft(reach)
        assert np.abs(wave[6]) > 2 * np.abs(wave[[5, 7, 8]]).max()
        corners.append(np.angle(wave[6]))
    assert np.ptp(np.unwrap(corners)) < 0.6


def test_a_blurred_thing_in_front_is_soft_over_what_is_sharp():
    light = np.full((120, 160, 3), 0.8, np.float32)
    light[np.indices((120, 160)).sum(axis=0) % 2 == 0] = 0.2
    depth = np.full((120, 160), 3.0)
    light[:, 70:90], depth[:, 70:90] = 0.05, 0.6
    out = look(light, depth, 3.0, lens="ideal", f_number=1.4, **PLAIN)[..., 1]
    assert np.abs(out[:, 4:30] - light[:, 4:30, 1]).max() < 0.02
    across = out.mean(axis=0)
    assert (np.diff(across[40:79]) < 0.01).all()
    # contrast of the sharp pattern shines through the soft edge
    assert out[40:80, 64:68].std() > 0.05


def test_a_sharp_thing_in_front_has_no_halo():
    light = np.full((120, 160, 3), 0.1, np.float32)
    depth = np.full((120, 160), 6.0)
    light[:, 60:100], depth[:, 60:100] = 0.9, 1.2
    out = look(light, depth, 1.2, lens="ideal", f_number=1.4, **PLAIN)[..., 1]
    np.testing.assert_allclose(out, light[..., 1], atol=2e-3)


def test_what_is_missing_or_impossible_ends_in_one_line():
    light = np.ones((40, 60, 3))
    for depth, focus, given, kind, words in (
        (None, 1.0, {}, InputError, "needs 'depth', which was not given"),
        (3.0, None, {}, InputError, "needs 'focus', the distance in focus, which was not given"),
        (np.ones((40, 50)), 1.0, {}, InputError, "the depth plane, 50x40, has another shape than the picture, 60x40"),
        (-1.0, 1.0, {}, InputError, "2400 of 2400 distances of the depth plane are not > 0 m"),
        (3.0, 0.05, {}, UsageError, "focus 0.05 m is behind or inside the lens"),
        (3.0, 1.0, {"f_number": 0.7}, UsageError, "f/0.7 is not allowed"),
        (3.0, 1.0, {"window": [30, 0, 70, 40]}, InputError, "60x40 at 30, 0 does not lie in a frame of 70x40"),
    ):
        with pytest.raises(kind, match=words) as caught:
            look(light, depth, focus, **given)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("name", "moves"), [("50mm_f1.2_1966", True), ("50mm_f1.4_1971", False)])
def test_blocks_that_share_a_kernel_fit_together(name, moves, monkeypatch):
    # dark discs on white from the axis outwards: the first lens's coma moves the middle of its spots
    y, x = np.mgrid[:192, :192]
    light = np.where(np.hypot(x % 48 - 24, y % 48 - 24) < 14, 0.1, 1.0)[..., None] * np.ones(3)
    given = PLAIN | {"mode": "flat", "lens": name, "distortion": 1.0}
    for left, top in ((930, 660), (300, 300)):
        window = [left, top, 2048, 1536]
        whole = look(light, window=window, **given)
        with monkeypatch.context() as patch:
            patch.setattr("isp.lens_look.renderer.BLOCKS", 320)
            patch.setattr("isp.lens_look.spots.APART", 0.0 if moves else 1.0)
            fine = look(light, window=window, **given)
        assert np.abs(encoded(whole) - encoded(fine))[48:-48, 48:-48].max() < 0.05


def test_behind_an_edge_that_is_itself_hidden_the_background_goes_on():
    width, middle, half = 4096, 60, 3
    x = np.arange(121) - middle
    # a blurred black strip over the edge of a black thing in focus, over an even background that is blurred, too
    strip, thing = np.abs(x) <= half, x <= 0
    depth = np.where(strip, 1.0, np.where(thing, 1.5, 3.0)) * np.ones((121, 1))
    light = np.where(strip | thing, 0.0, 0.5)[None, :, None] * np.ones((121, 1, 3))
    out = look(light, depth, 1.5, lens="ideal", f_number=8.0, window=window(121), **PLAIN)[middle, :, 1]
    radius = 50**2 / 8 * 500 / (1000 * 1450) / 36 * width / 2
    # of a disc, the part on either side of a chord
    edges = np.clip((x[:, None] + np.array([-half - 0.5, half + 0.5])) / radius, -1, 1)
    part = 0.5 + (edges * np.sqrt(1 - edges**2) + np.arcsin(edges)) / np.pi
    behind = x > 0
    np.testing.assert_allclose(out[behind], 0.5 * (1 - np.ptp(part, axis=1))[behind], atol=0.02)


def test_the_renderer_agrees_with_traced_rays():
    trial = Trial("50mm_f1.4_1971", 2.0, 1.2)
    layers = portrait((36, 48))
    truth = encoded(trial.traced(layers, 1, side=36, bins=10))
    picture = encoded(trial.rendered(layers, known=True))
    assert decibels(picture, truth) > 38
    assert decibels(picture, truth, trial.band(layers)) > 35


@pytest.mark.full
@pytest.mark.parametrize(("scene", "focus"), [(portrait, 1.2), (portrait, 6.0), (fence, 1.4), (fence, 5.0)])
@pytest.mark.parametrize("f_number", [None, 2.0, 4.0])
@pytest.mark.parametrize("name", ["50mm_f1.2_1966", "50mm_f1.4_1971", "58mm_f1.4_1927"])
def test_the_renderer_agrees_with_traced_rays_on_larger_scenes(name, f_number, scene, focus):
    trial, layers = Trial(name, f_number, focus), scene((60, 80))
    truth = encoded(trial.traced(layers, 1))
    picture = encoded(trial.rendered(layers, known=True))
    assert decibels(picture, truth) > 38
    assert decibels(picture, truth, trial.band(layers)) > 35
    guessed = encoded(trial.rendered(layers))
    assert decibels(guessed, truth) > 38
    assert decibels(guessed, truth, trial.band(layers)) > 35


@pytest.mark.full
@pytest.mark.parametrize(("scene", "focus"), [(portrait, 6.0), (fence, 1.4)])
def test_traced_rays_agree_with_other_rays(scene, focus):
    trial, layers = Trial("50mm_f1.2_1966", None, focus), scene((60, 80))
    one, other = (encoded(trial.traced(layers, seed)) for seed in (1, 2))
    assert decibels(one, other) > 50
