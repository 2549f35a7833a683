"""Shading, distortion, lateral colour and glare by closed form."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from sensors.optics import Lens, glare_terms, shading_mesh, warp_of
from sensors.optics.shading import relative_illumination

SIZE, PITCH = (8192, 6144), 1.6
LETTERS = ("R", "G", "B")


def on_mesh(mesh, x, y, size):
    """The mesh read as the program reads it."""
    rows, columns = mesh.shape[:2]
    at = [y / size[1] * (rows - 1), x / size[0] * (columns - 1)]
    return np.stack([map_coordinates(mesh[..., c].astype(float), at, order=1) for c in range(mesh.shape[2])], axis=-1)


@pytest.mark.parametrize("focal", [8.71, 4.8])
def test_cos4_of_the_field_angle(focal):
    mesh = shading_mesh(Lens(focal_mm=focal, falloff="cos4"), LETTERS, PITCH, SIZE)
    assert mesh.dtype == np.float32
    rng = np.random.default_rng(1)
    x, y = rng.uniform(0, SIZE[0], 5000), rng.uniform(0, SIZE[1], 5000)
    r_mm = np.hypot(x - 4096, y - 3072) * 1.6e-3
    expected = np.cos(np.arctan(r_mm / focal)) ** 4
    np.testing.assert_allclose(on_mesh(mesh, x, y, SIZE), np.stack([expected] * 3, axis=-1), atol=1.1e-4)


def test_cos4_at_the_corner_of_a_one_inch_sensor():
    mesh = shading_mesh(Lens(focal_mm=8.71, falloff="cos4"), ("Y",), PITCH, SIZE)
    # half diagonal 8.192 mm behind 8.71 mm: tan = 0.9405, cos^4 = 1 / (1 + 0.8846)^2
    assert mesh[0, 0, 0] == pytest.approx(0.2816, abs=2e-4)
    assert mesh[mesh.shape[0] // 2, mesh.shape[1] // 2, 0] == 1


def test_another_power_of_the_cosine():
    x, y = np.array([0.0]), np.array([0.0])
    got = relative_illumination(Lens(focal_mm=8.71, falloff=2.5), "G", x, y, PITCH, SIZE)
    fourth = relative_illumination(Lens(focal_mm=8.71, falloff="cos4"), "G", x, y, PITCH, SIZE)
    np.testing.assert_allclose(got, fourth ** (2.5 / 4), rtol=1e-12)


def test_colour_shading_is_a_loss_at_the_corners():
    mesh = shading_mesh(Lens(shading={"R": 0.2, "B": 0.1}), LETTERS, PITCH, SIZE)
    np.testing.assert_allclose(mesh[[0, 0, -1, -1], [0, -1, 0, -1]], [[0.8, 1.0, 0.9]] * 4, rtol=1e-6)
    # the middle of a long side: (4096 / 5120)^2 of the loss
    np.testing.assert_allclose(mesh[mesh.shape[0] // 2, 0], [1 - 0.2 * 0.64, 1, 1 - 0.1 * 0.64], rtol=1e-6)


def test_maps_keep_their_points():
    rng = np.random.default_rng(2)
    fall, red = rng.uniform(0.5, 1, (7, 9)), rng.uniform(0.9, 1, (7, 9))
    mesh = shading_mesh(Lens(falloff=fall, shading={"R": red}), LETTERS, PITCH, SIZE)
    step = (mesh.shape[0] - 1) // 6
    np.testing.assert_allclose(mesh[::step, :: (mesh.shape[1] - 1) // 8, 1], fall, rtol=1e-6)
    np.testing.assert_allclose(mesh[::step, :: (mesh.shape[1] - 1) // 8, 0], fall * red, rtol=1e-6)
    only = shading_mesh(Lens(falloff=fall), ("Y",), PITCH, SIZE)
    np.testing.assert_allclose(only[..., 0], fall, rtol=1e-6)


def test_an_even_lens_has_the_smallest_mesh():
    mesh = shading_mesh(Lens(), LETTERS, PITCH, SIZE)
    assert mesh.shape == (2, 2, 3)
    assert (mesh == 1).all()
    assert shading_mesh(Lens(shading={"R": 0.2}), ("Y",), PITCH, SIZE).shape == (2, 2, 1)


def places(x0, y0, width, height):
    return (np.arange(x0, x0 + width) + 0.5)[None, :], (np.arange(y0, y0 + height) + 0.5)[:, None]


def test_distortion_is_the_radial_polynomial():
    k = (0.08, -0.03, 0.01)
    warp = warp_of(Lens(distortion=k), LETTERS, (400, 300))
    x, y = places(0, 0, 400, 300)
    sx, sy = warp.positions(1, x, y, (400, 300))
    assert sx.shape == sy.shape == (300, 400)
    r = np.hypot(x - 200, y - 150) / 250
    np.testing.assert_allclose(np.hypot(sx - 200, sy - 150) / 250, r + k[0] * r**3 + k[1] * r**5 + k[2] * r**7)
    np.testing.assert_allclose(np.arctan2(sy - 150, sx - 200), np.broadcast_to(np.arctan2(y - 150, x - 200), r.shape))


def test_positive_k1_is_a_barrel():
    x, y = np.array([[400.0]]), np.array([[300.0]])
    sx, sy = warp_of(Lens(distortion=(0.1, 0, 0)), ("Y",), (400, 300)).positions(0, x, y, (400, 300))
    # the corner shows what lies 10 % further out: the scene is pressed together there
    np.testing.assert_allclose([sx[0, 0], sy[0, 0]], [200 + 220, 150 + 165])


def test_lateral_colour_scales_the_image():
    warp = warp_of(Lens(lateral={"R": 1.0002, "B": 0.9997}), LETTERS, (4000, 3000))
    x, y = np.array([[4000.0]]), np.array([[1500.0]])
    shifts = [float(warp.positions(c, x, y, (4000, 3000))[0][0, 0]) - 4000 for c in range(3)]
    # an image 1.0002 times as large shows at the edge what lies 2000 (1 - 1/1.0002) = 0.4 photosites further in
    np.testing.assert_allclose(shifts, [-0.39992, 0, 0.60018], atol=1e-4)
    straight = warp.positions(1, *places(0, 0, 5, 4), (4000, 3000))
    np.testing.assert_array_equal(straight[0], np.broadcast_to(places(0, 0, 5, 4)[0], (4, 5)))


def test_red_is_the_reference_image_enlarged_also_when_distorted():
    lens = Lens(distortion=(0.1, 0.02, 0), lateral={"R": 1.001})
    warp = warp_of(lens, ("R", "G"), (400, 300))
    x, y = np.array([[310.0]]), np.array([[220.0]])
    grown = [200 + 110 * 1.001], [150 + 70 * 1.001]
    red = warp.positions(0, np.array([grown[0]]), np.array([grown[1]]), (400, 300))
    np.testing.assert_allclose(red, warp.positions(1, x, y, (400, 300)), rtol=1e-13)


def test_any_tile_is_the_same_bits():
    warp = warp_of(Lens(distortion=(0.07, -0.02, 0.01), lateral={"R": 1.0003}), LETTERS, (640, 480))
    whole = warp.positions(0, *places(-9, -9, 658, 498), (640, 480))
    for x0, y0, width, height in ((-9, -9, 1, 1), (13, 77, 37, 5), (300, 200, 349, 289), (630, 0, 19, 480)):
        part = warp.positions(0, *places(x0, y0, width, height), (640, 480))
        for a, b in zip(whole, part, strict=True):
            np.testing.assert_array_equal(a[y0 + 9 : y0 + 9 + height, x0 + 9 : x0 + 9 + width], b)


def test_margin_is_how_far_out_it_looks():
    warp = warp_of(Lens(distortion=(0.1, 0, 0), lateral={"B": 0.99}), ("G", "B"), (400, 300))
    # the corner in blue: r = 1/0.99, so 200 (r + 0.1 r^3) across
    r = 1 / 0.99
    assert warp.margin((400, 300)) == pytest.approx(200 * (r + 0.1 * r**3) - 200, rel=1e-9)
    assert warp.margin((400, 300), halo=9) > warp.margin((400, 300)) + 9
    assert warp_of(Lens(distortion=(-0.1, 0, 0)), ("G",), (400, 300)).margin((400, 300)) == 0


def test_no_warp_without_distortion_and_lateral_colour():
    assert warp_of(Lens(), LETTERS, SIZE) is None
    assert warp_of(Lens(lateral={"R": 1.001}), ("Y",), SIZE) is None


def test_glare_is_the_veiling_glare_index_and_keeps_the_mean():
    frame = np.full((200, 200), 100.0)
    frame[98:102, 98:102] = 0
    scale, offset = glare_terms(Lens(glare=0.03), frame.mean()[None])
    veiled = scale * frame + offset[0]
    assert veiled.mean() == pytest.approx(frame.mean(), rel=1e-12)
    assert veiled[100, 100] / veiled[0, 0] == pytest.approx(0.03, rel=1e-3)
    assert glare_terms(Lens(), np.ones(3)) == (1.0, pytest.approx(np.zeros(3)))
