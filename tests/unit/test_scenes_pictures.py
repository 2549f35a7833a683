"""Scenes from files: what light they send, where their samples fall, and what broken files say."""

from __future__ import annotations

import math

import imagecodecs
import numpy as np
import OpenEXR
import pytest

from isp.color.spaces import rgb_to_xyz, srgb_encoded
from isp.errors import InputError, UsageError
from sensors.scenes import ImageScene, View, make_scene
from sensors.scenes.materials import flat, primaries
from sensors.scenes.pictures import bands
from sensors.spectrum import WAVELENGTHS, make_light, to_xyz


class Shift:
    """A warp that moves every channel by its own fraction of a photosite."""

    def positions(self, channel, x, y, frame):
        return x + 0.25 * channel + 0 * y, y * 1.01 + 0 * x


def write_exr(path, channels, **header):
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage, **header}
    OpenEXR.File(header, {name: np.ascontiguousarray(a) for name, a in channels.items()}).write(str(path))
    return path


def write_png(path, pixels):
    path.write_bytes(imagecodecs.png_encode(np.ascontiguousarray(pixels)))
    return path


def look(scene, frame, light="D65", lux=1000.0):
    """XYZ (H, W, 3) that the scene sends, relative to a perfect diffuser under the light."""
    table = to_xyz(scene.radiance(make_light(light, lux))) / (lux / math.pi)
    planes = scene.planes(View(frame, 0, 0, *frame), table.astype(np.float32))
    return planes.transpose(1, 2, 0)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_photograph_has_its_own_colours_under_d65(tmp_path, dtype):
    generator = np.random.default_rng(5)
    codes = generator.integers(0, np.iinfo(dtype).max, (24, 32, 3), endpoint=True, dtype=dtype)
    scene = make_scene(f"photo:{write_png(tmp_path / 'p.png', codes)}")
    linear = look(scene, (32, 24)) @ np.linalg.inv(rgb_to_xyz("srgb")).T
    again = srgb_encoded(np.clip(linear, 0, 1))
    # two dark channels beside a bright one are the hardest: the steep foot of the curve
    assert np.abs(again - codes / np.iinfo(dtype).max).max() < 2e-3
    assert np.abs(linear - _linear(codes / np.iinfo(dtype).max)).max() < 5e-4


def _linear(code):
    return np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4)


def test_primaries_are_reflectances_that_sum_to_one():
    basis = primaries()
    assert basis.min() >= 0
    assert basis.max() <= 1
    np.testing.assert_allclose(basis.sum(axis=0), 1.0, atol=2e-5)


@pytest.mark.parametrize("smooth", [True, False])
@pytest.mark.parametrize("size", [(9, 7), (40, 30), (150, 170)])
@pytest.mark.parametrize("warp", [None, Shift()], ids=["straight", "warped"])
def test_a_tile_is_that_part_of_the_whole(size, smooth, warp):
    samples = np.random.default_rng(1).random((2, size[1], size[0]), np.float32)
    scene = ImageScene("test", samples, flat([1, 1]), smooth)
    table = np.array([[1, 0.5, 0], [0, 0.5, 2]], np.float32)
    frame = (67, 51)
    whole = scene.planes(View(frame, -6, -5, 80, 62, warp), table)
    assert np.isfinite(whole).all()
    for x, y, w, h in [(-6, -5, 80, 1), (-6, -5, 1, 62), (13, 11, 17, 19), (60, 40, 14, 17)]:
        tile = scene.planes(View(frame, x, y, w, h, warp), table)
        assert np.array_equal(tile, whole[:, y + 5 : y + 5 + h, x + 6 : x + 6 + w])


def test_linear_interpolation_agrees_with_scipy():
    from scipy.ndimage import map_coordinates

    samples = np.random.default_rng(2).random((1, 11, 13), np.float32)
    scene = ImageScene("test", samples, flat(1), smooth=False)
    frame = (100, 80)
    one = np.ones((1, 1), np.float32)
    scale = max(100 / 13, 80 / 11)
    for warp in (None, Shift()):
        view = View(frame, -3, -3, 106, 86, warp)
        x, y = np.broadcast_arrays(*view.positions(0))
        at = [(y - 40) / scale + 5.5 - 0.5, (x - 50) / scale + 6.5 - 0.5]
        expected = map_coordinates(samples[0].astype(np.float64), at, order=1, mode="nearest")
        np.testing.assert_allclose(scene.planes(view, one)[0], expected, atol=2e-6)


def test_cubic_interpolation_is_exact_for_parabolas():
    x = np.arange(20.0)
    row = 3 + 0.2 * (x - 9) ** 2
    scene = ImageScene("test", np.tile(row, (15, 1))[None].astype(np.float32), flat(1))
    found = scene.planes(View((200, 150), 0, 0, 200, 150), np.ones((1, 1), np.float32))[0, 75]
    at = (np.arange(200) + 0.5) / 10 - 0.5
    inside = slice(30, 170)
    np.testing.assert_allclose(found[inside], (3 + 0.2 * (at - 9) ** 2)[inside], rtol=2e-6)


def test_cubic_interpolation_never_goes_below_zero():
    samples = np.zeros((1, 9, 9), np.float32)
    samples[0, 4, 4] = 1000
    planes = ImageScene("test", samples, flat(1)).planes(View((90, 90), 0, 0, 90, 90), np.ones((1, 1), np.float32))
    assert planes.min() == 0.0


def test_a_large_picture_is_averaged_over_each_photosite():
    samples = np.random.default_rng(3).random((1, 60, 80), np.float32)
    scene = ImageScene("test", samples, flat(1))
    one = np.ones((1, 1), np.float32)
    whole = scene.planes(View((20, 15), 0, 0, 20, 15), one)[0]
    np.testing.assert_allclose(whole, samples[0].reshape(15, 4, 20, 4).mean(axis=(1, 3)), atol=1e-6)
    # 60 x 80 to 32 x 24: areas that are no whole samples; energy is kept
    part = scene.planes(View((32, 24), 0, 0, 32, 24), one)[0]
    assert part.mean() == pytest.approx(samples.mean(), rel=1e-6)
    first = np.ones(3)
    first[2] = 0.5
    expected = (samples[0, :3, :3] * np.outer(first, first)).sum() / 6.25
    assert part[0, 0] == pytest.approx(expected, rel=1e-6)


def test_a_picture_covers_the_frame_and_keeps_its_shape():
    samples = np.zeros((1, 40, 40), np.float32)
    samples[0, 10:30, 10:30] = 1
    planes = ImageScene("test", samples, flat(1), False).planes(
        View((160, 80), 0, 0, 160, 80), np.ones((1, 1), np.float32)
    )
    lit = np.argwhere(planes[0] > 0.5)
    # scaled by four, the middle in the middle, what is above and below cut off
    assert lit.min(axis=0).tolist() == [0, 40]
    assert lit.max(axis=0).tolist() == [79, 119]


def test_linear_light_is_relative_unless_the_file_or_the_user_says_so(tmp_path):
    rgb = {c: np.full((6, 8), 0.5, np.float32) for c in "RGB"}
    plain = write_exr(tmp_path / "a.exr", rgb)
    stated = write_exr(tmp_path / "b.exr", rgb, whiteLuminance=200.0)
    for lux in (100.0, 1000.0):
        light = make_light("D65", lux)

        def luminance(spec, light=light):
            scene = make_scene(spec)
            table = to_xyz(scene.radiance(light))[:, 1:2].astype(np.float32)
            return float(scene.planes(View((8, 6), 0, 0, 8, 6), table).mean())

        assert luminance(f"hdr:{plain}") == pytest.approx(0.5 * lux / math.pi, rel=1e-4)
        assert luminance(f"hdr:{stated}") == pytest.approx(100.0, rel=1e-4)
        assert luminance(f"hdr:{plain}?white=80") == pytest.approx(40.0, rel=1e-4)


def test_linear_light_below_zero_is_cut_and_counted(tmp_path):
    rgb = {c: np.full((4, 4), 0.5, np.float32) for c in "RGB"}
    rgb["G"][1, 2] = -0.25
    scene = make_scene(f"hdr:{write_exr(tmp_path / 'a.exr', rgb)}")
    assert scene.clipped == 1
    assert scene.samples.min() == 0.0


def test_chromaticities_of_a_file_are_honoured(tmp_path):
    import colour

    space = colour.RGB_COLOURSPACES["ACES2065-1"]
    rgb = np.random.default_rng(1).random((4, 5, 3)).astype(np.float32) * 0.1 + 0.4
    stated = np.concatenate([np.ravel(space.primaries), space.whitepoint])
    path = write_exr(
        tmp_path / "a.exr",
        {c: rgb[..., i] for i, c in enumerate("RGB")},
        chromaticities=tuple(float(v) for v in stated),
    )
    expected = colour.RGB_to_RGB(rgb, space, colour.RGB_COLOURSPACES["sRGB"], "Bradford")
    np.testing.assert_allclose(make_scene(f"hdr:{path}").samples.transpose(1, 2, 0), expected, atol=2e-3)


@pytest.mark.parametrize("step", [1.0, 4.0, 10.0, 20.0])
def test_bands_interpolate_smooth_spectra(step):
    at = np.arange(360.0, 800.0 + step, step)
    spectrum = 0.5 + 0.3 * np.sin(at / 60)
    np.testing.assert_allclose(spectrum @ bands(at, True), 0.5 + 0.3 * np.sin(WAVELENGTHS / 60), atol=5e-3)


def test_bands_outside_the_measured_range():
    at = np.array([450.0, 550.0, 650.0])
    ends = WAVELENGTHS < 450
    assert (np.ones(3) @ bands(at, True))[ends] == pytest.approx(1)
    assert not (np.ones(3) @ bands(at, False))[ends].any()


def spectral_channels(names, value=0.5):
    return {name: np.full((4, 6), value, np.float32) for name in names}


@pytest.mark.parametrize(
    "names",
    [
        ["T.400,000000nm", "T.550,000000nm", "T.700,000000nm", "R", "G", "B"],
        ["400nm", "550nm", "700nm"],
        ["w400nm", "w550nm", "w700nm"],
        ["400", "550", "700"],
        ["T.0,400um", "T.0,550um", "T.0,700um"],
    ],
)
def test_spectral_layouts(tmp_path, names):
    scene = make_scene(f"spectral:{write_exr(tmp_path / 's.exr', spectral_channels(names))}")
    np.testing.assert_allclose(scene.samples.sum(axis=0) / len(scene.samples), 0.5)
    xyz = look(scene, (6, 4), "A")
    np.testing.assert_allclose(xyz[..., 1], 0.5, rtol=1e-5)


def test_emissive_spectra_are_absolute_and_ignore_the_light(tmp_path):
    names = [f"S0.{w},000000nm" for w in range(380, 800, 10)]
    path = write_exr(tmp_path / "s.exr", spectral_channels([*names, "S1.550,000000nm"], 0.002))
    scene = make_scene(f"spectral:{path}")
    one, other = (scene.radiance(make_light(name, 1000.0)) for name in ("A", "D65"))
    assert np.array_equal(one, other)
    total = 0.002 * one.sum(axis=0)
    np.testing.assert_allclose(total, 0.002, rtol=1e-9)
    # an equal-energy radiance of 2 mW m^-2 sr^-1 nm^-1: 683 lm/W times 106.9 nm, the integral of V(lambda)
    assert to_xyz(total)[1] == pytest.approx(0.002 * 683 * 106.86, rel=1e-3)
    lit = make_scene(f"spectral:{path}?kind=reflective")
    assert not np.array_equal(lit.radiance(make_light("A", 10.0)), lit.radiance(make_light("D65", 10.0)))


@pytest.mark.parametrize("interleave", ["bsq", "bil", "bip"])
def test_envi(tmp_path, interleave):
    from spectral.io import envi

    cube = (np.random.default_rng(1).random((5, 7, 4)) * 10_000).astype(np.uint16)
    metadata = {"wavelength": [0.45, 0.5, 0.6, 0.7], "wavelength units": "Micrometers", "reflectance scale factor": 1e4}
    envi.save_image(str(tmp_path / "c.hdr"), cube, dtype=np.uint16, interleave=interleave, metadata=metadata)
    scene = make_scene(f"spectral:{tmp_path / 'c.hdr'}")
    np.testing.assert_allclose(scene.samples, np.moveaxis(cube, -1, 0) / 1e4, rtol=1e-5)
    spectrum = scene.samples[:, 2, 3] @ scene.factors
    expected = np.interp(WAVELENGTHS, [450, 500, 600, 700], cube[2, 3] / 1e4)
    np.testing.assert_allclose(spectrum, expected, rtol=1e-5)


def test_rgbd(tmp_path):
    picture = write_png(tmp_path / "p.png", np.full((30, 40, 3), 120, np.uint8))
    depth = np.full((15, 20), 2.0, np.float32)
    depth[:, 10:] = 5.0
    depth[:, :5] = np.linspace(2.0, 2.02, 5)
    np.save(tmp_path / "d.npy", depth)
    millimetres = write_png(tmp_path / "d.png", np.round(depth * 1000).astype(np.uint16))
    write_exr(tmp_path / "d.exr", {"Z": depth})
    found = {}
    for name in ("d.npy", "d.png", "d.exr"):
        scene = make_scene(f"rgbd:{picture},{tmp_path / name}")
        found[name] = scene.depth(View((80, 60), 0, 0, 80, 60))
        tile = scene.depth(View((80, 60), 11, 7, 23, 5))
        assert np.array_equal(tile, found[name][7:12, 11:34])
    # a step stays a step, a slope stays smooth
    assert set(np.unique(found["d.npy"][:, 38:42])) <= {np.float32(2.0), np.float32(5.0)}
    assert (found["d.npy"][:, :40] < 2.1).all()
    assert (found["d.npy"][:, 40:] == 5).all()
    assert (np.diff(found["d.npy"][0, 2:18]) >= 0).all()
    np.testing.assert_allclose(found["d.png"], found["d.npy"], atol=6e-4)
    assert np.array_equal(found["d.exr"], found["d.npy"])
    assert millimetres.exists()


def test_rgbd_of_another_shape(tmp_path):
    picture = write_png(tmp_path / "p.png", np.full((30, 40, 3), 120, np.uint8))
    np.save(tmp_path / "d.npy", np.ones((40, 30)))
    with pytest.raises(InputError, match=r"d\.npy: 30x40 has another shape than the picture's 40x30"):
        make_scene(f"rgbd:{picture},{tmp_path / 'd.npy'}")


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("sieemens", "unknown scene 'sieemens'; did you mean 'siemens'"),
        ("nothing", "scenes: uniform, dark, chart, .*rgbd:FILE,DEPTH"),
        ("phot:a.png", "did you mean 'photo:FILE'"),
        ("photo", "write photo:FILE"),
        ("photo:", "write photo:FILE"),
        ("rgbd:a.png", "write rgbd:FILE,DEPTH"),
        ("chart:a.png", "takes no file"),
        ("siemens?cycle=3", "unknown option 'cycle'; did you mean 'cycles'"),
        ("dark?level=3", "unknown option 'level'; it has none"),
        ("siemens?cycles=3", r"cycles=3 must be a whole number in 4\.\.720"),
        ("siemens?kind=square", "kind='square' must be one of binary, sine"),
        ("slanted-edge?angle=nan", r"angle=nan must be a number in -45\.\.45"),
        ("slanted-edge?horizontal=maybe", "must be 0 or 1"),
        ("uniform?reflectance=0.1&reflectance=0.2", "given twice"),
        ("uniform?reflectance=", "must be a number"),
        ("dead-leaves?low=0.5&high=0.1", "low=0.5 must be <= high=0.1"),
    ],
)
def test_wrong_names_and_options(spec, words):
    with pytest.raises(UsageError, match=words) as caught:
        make_scene(spec)
    assert "\n" not in str(caught.value)


def test_a_question_mark_in_a_file_name(tmp_path):
    path = write_png(tmp_path / "what?.png", np.full((3, 4, 3), 9, np.uint8))
    assert make_scene(f"photo:{path}").name == "photo:what?.png"


def test_a_scene_is_itself():
    scene = make_scene("dark")
    assert make_scene(scene) is scene


def test_real_pictures(shared_data):
    chart = make_scene(f"spectral:{shared_data / 'multispectral' / 'Macbeth_spectral.exr'}")
    xyz = look(chart, (600, 400))
    red = xyz[250:300, 250:270].mean(axis=(0, 1)) @ np.linalg.inv(rgb_to_xyz("srgb")).T
    # a rendering of the same 24 patches that the chart scene has
    assert red[0] > 3 * red[1]
    assert len(chart.factors) == 36
    photo = make_scene(f"photo:{shared_data / 'rgb_kodak' / 'kodim23.png'}")
    assert look(photo, (96, 64)).max() < 1.2
    room = make_scene(f"hdr:{shared_data / 'hdr' / 'lebombo_1k.hdr'}")
    assert look(room, (96, 48)).max() > 5
