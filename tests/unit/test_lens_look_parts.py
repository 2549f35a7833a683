"""The parts of the lens look: the thin lens, layers, distances, mattes, what is hidden, kernels on blocks."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from isp.errors import InputError, UsageError
from isp.lens_look import distance, matte, sheets
from isp.lens_look.blocks import Blocks, Layer
from isp.lens_look.fans import ideal, traced, widest_tangent
from isp.lens_look.layers import Layers
from isp.lens_look.spots import Optics
from isp.lens_look.squares import Squares
from isp.lens_look.thin_lens import blur_diameter
from isp.lenses import load_lens


@pytest.mark.parametrize(
    ("focal", "f_number", "width", "pixels"),
    [(50, 0.95, 36.0, 315), (50, 1.2, 36.0, 250), (35, 1.4, 36.0, 103), (28, 1.4, 36.0, 66), (8.71, 1.9, 13.1, 12.6)],
)
def test_the_blur_of_the_background_is_that_of_the_thin_lens(focal, f_number, width, pixels):
    blur = float(blur_diameter(focal, f_number, np.inf, 1.0)) / width * 4096
    assert blur == pytest.approx(pixels, rel=0.01)
    fans = ideal(focal, f_number, widest_tangent(focal, (width, 0.75 * width)))
    assert Optics(fans, f_number, 1000.0, width / 4096).blur_at_infinity == pytest.approx(pixels, rel=0.01)


def test_in_front_of_the_focus_blur_is_negative_and_grows_without_bound():
    near, focus, far = blur_diameter(50, 2, [0.5, 1.0, 3.0], 1.0)
    assert near < 0 == focus < far
    # the formula by hand: 50² / 2 * (0.5 - 1) / (0.5 (1000 - 50))
    assert near == pytest.approx(2500 / 2 * -0.5 / (0.5 * 950))


@pytest.mark.parametrize("away", [0.0, -1.0])
def test_the_thin_lens_refuses_distances_behind_it(away):
    with pytest.raises(UsageError, match="distances must be > 0 m"):
        blur_diameter(50, 2, away, 1.0)


def test_the_thin_lens_refuses_a_focus_inside_it():
    with pytest.raises(UsageError, match=r"focus 0\.08 m is behind or inside the lens"):
        blur_diameter(50, 2, 3.0, 0.08)


@pytest.mark.parametrize("infinity", [3.3, 17.0, 61.7, 250.0])
def test_layers_are_fine_and_infinity_is_in_the_middle_of_one(infinity):
    layers = Layers(infinity)
    blur = np.concatenate([-np.geomspace(300, 0.1, 400), [0.0], np.geomspace(0.1, infinity, 400)])
    number = layers.of(blur)
    assert (np.diff(number) >= 0).all()
    assert number[400] == 0
    middle = np.array([layers.blur(int(k)) for k in number])
    assert (np.abs(middle - blur) <= np.maximum(0.52, 0.021 * np.abs(blur))).all()
    assert layers.blur(int(layers.of(infinity))) == pytest.approx(infinity, rel=1e-6)


@pytest.mark.parametrize("infinity", [1e-6, 0.3])
def test_focused_at_infinity_layers_stay_few(infinity):
    layers = Layers(infinity)
    assert layers.of(np.float64(infinity)) == 0
    assert layers.of(np.float64(-40.0)) > -50
    assert layers.blur(-20) == -20.0


def test_disparities_become_distances():
    plane = np.array([[1.0, 3.0]])
    found = distance.vergence(plane, (10, 20), (0.5, -0.5))
    np.testing.assert_allclose(found, [[0.0, 1.0]])
    np.testing.assert_allclose(distance.vergence(plane, (10, 20)), [[1.0, 1 / 3]], rtol=1e-6)


@pytest.mark.parametrize("bad", [0.0, -2.0])
def test_distances_must_be_positive(bad):
    with pytest.raises(InputError, match="1 of 2 distances of the depth plane are not > 0 m"):
        distance.vergence(np.array([[1.0, bad]]), (10, 20))


def test_disparities_must_be_finite():
    with pytest.raises(InputError, match="1 of 2 disparities of the depth plane are not finite"):
        distance.vergence(np.array([[1.0, np.nan]]), (10, 20), (0.5, 0.0))


def test_a_depth_plane_of_another_shape_is_refused():
    with pytest.raises(InputError, match="the depth plane, 30x20, has another shape than the picture, 40x20"):
        distance.vergence(np.ones((20, 30)), (20, 40))


def test_a_small_depth_plane_has_sharp_edges_and_smooth_slopes():
    away = np.array([[0.2, 0.21, 0.22, 0.9]], np.float32).repeat(3, 0)
    layers = Layers(40.0)
    with ThreadPoolExecutor(2) as pool:
        found = distance.numbered(away, 1.0, layers, (30, 40), 100.0, pool)
    slope = 1 - np.interp((np.arange(20) + 0.5) / 10 - 0.5, [0, 1, 2], [0.2, 0.21, 0.22])
    assert np.abs(found[15, :20] - layers.of(40 * slope)).max() <= 1
    assert (np.abs(np.diff(found[15].astype(int))) > 3).sum() == 1


def _edge(at=20.3, width=40, height=12):
    """A picture of near (left) and far colours with a straight edge at `at`, and its layers, wrong by a pixel."""
    near, far = np.array([0.6, 0.2, 0.1], np.float32), np.array([0.1, 0.2, 0.5], np.float32)
    cover = np.clip(at - np.arange(width), 0, 1).astype(np.float32)
    light = np.broadcast_to(cover[:, None] * near + (1 - cover[:, None]) * far, (height, width, 3))
    layer = np.where(np.arange(width) < 20, -10, 12).astype(np.int16)
    return light.astype(np.float32), np.broadcast_to(layer, (height, width)), cover, near


@pytest.mark.parametrize(("at", "radius"), [(20.3, 1), (19.6, 1), (22.45, 3), (17.8, 3)])
def test_a_pixel_that_an_edge_crosses_is_divided(at, radius):
    light, layer, cover, near = _edge(at)
    with ThreadPoolExecutor(2) as pool:
        bright, layers, alpha, _ = matte.refined(light, layer, radius, pool)
    part = alpha[6] / 255 * (layers[6] == -10)
    np.testing.assert_allclose(part, cover, atol=0.01)
    mixed = (cover > 0.03) & (cover < 0.97)
    np.testing.assert_allclose(bright[6, mixed], near[None].repeat(mixed.sum(), 0), atol=1e-5)
    assert set(np.unique(layers)) == {-10, 12}


def test_an_edge_without_contrast_stays_where_the_depth_has_it():
    light = np.full((10, 30, 3), 0.3, np.float32)
    layer = np.where(np.arange(30) < 15, 0, 20).astype(np.int16)[None].repeat(10, 0)
    with ThreadPoolExecutor(1) as pool:
        bright, layers, alpha, _ = matte.refined(light, layer, 2, pool)
    assert np.array_equal(layers, layer)
    assert (alpha == 255).all()
    assert np.array_equal(bright, light)


def test_what_a_bar_hides_is_continued_from_both_sides():
    light = np.broadcast_to(np.linspace(0.1, 0.9, 48, dtype=np.float32)[None, :, None], (32, 48, 3)).copy()
    layer = np.full((32, 48), 10, np.int16)
    layer[:, 20:28] = -15
    light[:, 20:28] = 5.0
    found = sheets.uncover(light, layer, (0, 0), 1, 8)
    reach, hidden, behind = found.at(layer, np.arange(32), np.arange(48))
    assert (hidden[:, 20:28] == 10).all()
    assert (hidden[:, :20] == sheets.NOTHING).all()
    assert (reach[:, 20:28] < 10).all()
    assert behind[:, 10, 20:28].max() < 0.65
    assert behind[:, 10, 20:28].min() > 0.35


@pytest.mark.parametrize("cell", [1, 4])
@pytest.mark.parametrize("slope", [-0.6, 0.0, 0.35])
def test_an_edge_that_goes_on_under_a_wire_stays_straight(slope, cell):
    height, width = 30 * cell, 44 * cell
    y, x = np.mgrid[:height, :width]
    # how far right of the middle thing's edge, in pixels
    right = x - width / 2 - slope * (y - height / 2)
    layer = np.where(right < 0, 0, 14).astype(np.int16)
    wire = np.abs(y - height / 2 + 0.5) < 3 * cell
    colour = np.where((right < 0)[..., None], [0.7, 0.3, 0.1], [0.1, 0.4, 0.2]).astype(np.float32)
    light, shown = np.where(wire[..., None], np.float32(0.05), colour), np.where(wire, np.int16(-20), layer)
    found = sheets.uncover(light, shown, (0, 0), cell, 12)
    _, hidden, behind = found.at(shown, np.arange(height), np.arange(width))
    inside = wire & (np.abs(x - width / 2) < 14 * cell)
    # within 6 % of the wire's width: rays go in 32 directions, along cells of a pixel
    sure = inside & (np.abs(right) > 0.5 + 0.25 * cell)
    assert np.array_equal(hidden[sure], layer[sure])
    np.testing.assert_allclose(np.moveaxis(behind, 0, 2)[sure], colour[sure], atol=0.02)


def test_texture_goes_on_under_a_wire():
    y, x = np.mgrid[:60, :60]
    pattern = (0.3 + 0.15 * np.sin(2 * np.pi * (x + 0.5 * y) / 14)).astype(np.float32)
    wire = np.abs(x - y) < 3
    light = np.where(wire, np.float32(2), pattern)[..., None].repeat(3, 2)
    shown = np.where(wire, np.int16(-9), np.int16(9))
    _, _, behind = sheets.uncover(light, shown, (0, 0), 1, 8).at(shown, np.arange(60), np.arange(60))
    inside = wire & (np.minimum(x, y) > 8) & (np.maximum(x, y) < 51)
    # a mean of the surroundings would be wrong by the pattern: 0.106
    assert np.sqrt(np.mean((behind[0] - pattern)[inside] ** 2)) < 0.012


def test_light_that_is_not_sure_does_not_go_on():
    x = np.arange(48)
    light = np.full((24, 48, 3), 0.2, np.float32)
    layer = np.where(np.abs(x - 24) < 4, -15, 10).astype(np.int16)[None].repeat(24, 0)
    light[layer < 0] = 1.0
    rim = (np.abs(x - 24) >= 4) & (np.abs(x - 24) < 6)
    light[:, rim] = 0.6
    sure = np.broadcast_to(~rim, (24, 48))
    _, _, with_rim = sheets.uncover(light, layer, (0, 0), 1, 8).at(layer, np.arange(24), np.arange(48))
    _, _, without = sheets.uncover(light, layer, (0, 0), 1, 8, sure).at(layer, np.arange(24), np.arange(48))
    assert with_rim[0][layer < 0].min() > 0.5
    np.testing.assert_allclose(without[:, layer < 0], 0.2, atol=1e-3)


def test_where_three_surfaces_meet_a_pixel_is_divided_between_two_of_them():
    near, middle, far = (np.array(c, np.float32) for c in ([0.05, 0.05, 0.1], [0.8, 0.75, 0.7], [0.1, 0.4, 0.05]))
    light, layer = np.empty((20, 20, 3), np.float32), np.full((20, 20), 16, np.int16)
    light[:] = far
    light[:, :12], layer[:, :12] = middle, 3
    light[:6], layer[:6] = near, -30
    light[6, :12] = 0.4 * near + 0.6 * middle
    light[6, 12:] = 0.4 * near + 0.6 * far
    light[8:, 12] = 0.5 * middle + 0.5 * far
    with ThreadPoolExecutor(1) as pool:
        bright, layers, alpha, sure = matte.refined(light, layer, 1, pool)
    # under the near thing, to the middle one's very edge
    assert (layers[6, :11] == -30).all()
    np.testing.assert_allclose(alpha[6, :11] / 255, 0.4, atol=0.03)
    np.testing.assert_allclose(bright[6, :11], np.broadcast_to(near, (11, 3)), atol=0.02)
    assert (layers[9:, 12] == 3).all()
    np.testing.assert_allclose(alpha[9:, 12] / 255, 0.5, atol=0.01)
    assert not sure[4:8].any()
    assert sure[12:, :9].all()


def test_a_slope_hides_nothing():
    layer = np.arange(60, dtype=np.int16)[None].repeat(20, 0)
    assert sheets.uncover(np.ones((20, 60, 3), np.float32), layer, (0, 0), 1, 10) is None


def test_an_edge_that_a_depth_map_has_smeared_hides_something():
    # from 10 px of blur to none over 4 px, and from 99 px to 40 px over 8 px: by more than 2 px with each pixel
    for near, far, wide in ((-10, 0, 4), (-60, -37, 8)):
        layer = np.rint(np.interp(np.arange(96), [44, 44 + wide], [near, far])).astype(np.int16)[None].repeat(48, 0)
        assert np.abs(np.diff(layer)).max() <= 3
        found = sheets.uncover(np.ones((*layer.shape, 3), np.float32), layer, (0, 0), 4, 6)
        _, hidden, _ = found.at(layer, np.arange(48), np.arange(96))
        assert (hidden[:, 28:44] > near + 3).all()


def test_cells_may_begin_anywhere():
    random = np.random.Generator(np.random.Philox(4))
    light = random.random((40, 52, 3)).astype(np.float32)
    layer = np.where(random.random((40, 52)) < 0.1, -8, 9).astype(np.int16)
    whole = sheets.uncover(light, layer, (0, 0), 4, 3)
    rows, columns = np.arange(18, 30), np.arange(17, 30)
    part = sheets.uncover(light[6:, 5:], layer[6:, 5:], (2, 1), 4, 3)
    for one, other in zip(
        whole.at(layer[18:30, 17:30], rows, columns), part.at(layer[18:30, 17:30], rows - 6, columns - 5), strict=True
    ):
        np.testing.assert_allclose(one, other, atol=1e-6)


@pytest.mark.parametrize(("size", "factor", "wanted"), [(512, 1, 64), (512, 4, 32), (64, 2, 8), (128, 8, 16)])
def test_blocks_cover_a_tile_and_know_what_they_are_needed_for(size, factor, wanted):
    blocks = Blocks.of(size, factor, wanted)
    assert blocks.side % 8 == 0
    assert blocks.side * blocks.count >= size // factor + 2 * blocks.begin
    for first, last in ((0, size), (3, 5), (size - 7, size), (size // 2, min(size // 2 + 40, size))):
        low, high = blocks.touched((first, last))
        assert low * blocks.side <= first // factor
        assert high * blocks.side >= (last - 1) // factor + 2 * blocks.begin or high == blocks.count


def test_squares_know_what_reaches_them():
    layer = np.full((320, 320), 7, np.int16)
    layer[:, 40:50] = -9
    hidden = np.where(layer == -9, np.int16(7), np.int16(sheets.NOTHING))
    squares = Squares(256, 32, layer, hidden)
    assert squares.numbers == [-9, 7]
    # the strip lies in cells 1: columns 0 to 32 of the tile
    assert squares.reached(-9, 90.0).tolist() == [[True, False]] * 2
    assert squares.reached(-9, 100.0).all()
    assert squares.near("hides", {-9: 10.0, 7: 10.0}).tolist() == [[True, False]] * 2
    assert squares.near("meets", {-9: 100.0, 7: 10.0}).all()
    layer[:, 40:50] = -2
    assert not Squares(256, 32, layer, hidden).near("meets", {-2: 100.0, 7: 100.0}).any()


def test_parts_of_the_pupil_are_the_whole_even_where_rows_of_a_spot_are_dark():
    kernels = np.zeros((4, 1, 1, 8, 8), np.float32)
    # two strips of light, as of a spot with a gap
    kernels[..., 1, 1:6], kernels[..., 5, 2:7] = 0.1, 0.1
    source = np.random.Generator(np.random.Philox(3)).random((5, 8 + 8, 8 + 7)).astype(np.float32)
    blocks = Blocks(1, 8, 1)
    layer = Layer(-9, -9.0, blocks, ((0, 1), (0, 1)), source, kernels)
    whole, total = np.empty((7, 8, 8), np.float32), np.zeros((11, 8, 8), np.float32)
    layer.gather(layer.spans, whole)
    for part in range(4):
        into = np.empty((11, 8, 8), np.float32)
        layer.gather_part(layer.spans, 2, part, into)
        total += into
    np.testing.assert_allclose(total[:7], whole, rtol=1e-5)
    np.testing.assert_allclose(total[7:], 1, rtol=1e-5)
    plain = sum(kernels[0, 0, 0, y, x] * source[0, y : y + 8, x : x + 8] for y in range(8) for x in range(8))
    np.testing.assert_allclose(whole[0], plain, rtol=1e-5)


def test_beyond_the_field_of_a_lens_nothing_is_gathered():
    blocks = Blocks(1, 8, 1)
    dark = np.zeros((4, 1, 1, 8, 8), np.float32)
    layer = Layer(-9, -9.0, blocks, ((0, 1), (0, 1)), np.ones((5, 16, 15), np.float32), dark)
    into = np.ones((11, 8, 8), np.float32)
    layer.gather_part(layer.spans, 2, 0, into)
    assert (into == 0).all()


@pytest.mark.parametrize(("name", "width"), [("50mm_f1.1_1953", 36.0), ("50mm_f2_1978", 44.0)])
def test_fields_beyond_the_lens_have_spots_like_those_at_its_edge(name, width):
    lens = load_lens(name=name)
    fans = traced(lens, widest_tangent(lens.focal_length, (width, 0.75 * width)))
    optics = Optics(fans, 8.0, 2000.0, width / 2048)
    dark = np.flatnonzero(fans.cell == 0)
    assert dark.size
    radius = optics.extent(-6.0).radius
    np.testing.assert_allclose(radius[dark], radius[dark[0] - 1], rtol=0.05)
