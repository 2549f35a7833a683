"""The generated frame: right against closed forms and colour-science, and the same whatever the machine."""

from __future__ import annotations

import numpy as np
import pytest

from isp.demo import PATCHES, boxes, camera, chart_colours, demo_frame, demo_scene
from isp.demo.colour import REC2020_TO_XYZ, adaptation, daylight_xy, xyY_to_XYZ
from isp.errors import InputError


@pytest.fixture(scope="module")
def frame():
    return demo_frame(1024, 768, seed=3)


@pytest.mark.parametrize("size", [(4, 4), (5, 7), (37, 29), (4, 301), (640, 480)])
def test_any_size_gives_a_frame_in_range(size):
    frame = demo_frame(*size)
    assert frame.shape == (size[1], size[0])
    assert frame.data.dtype == np.uint16
    assert frame.data.max() <= frame.white == 4095


def test_says_what_a_dng_would_say(frame):
    info = frame.info
    assert info.self_describing
    assert info.iso == 100
    assert len(info.calibrations) == 2
    assert max(info.neutral) == 1
    assert len({round(v, 2) for v in info.neutral}) == 3
    assert frame.origin.seed == 3


def test_seed_decides_and_nothing_else():
    assert np.array_equal(demo_frame(64, 48, seed=5).data, demo_frame(64, 48, seed=5).data)
    assert not np.array_equal(demo_frame(64, 48, seed=5).data, demo_frame(64, 48, seed=6).data)


def test_frame_is_known():
    # any change of scene, camera or random stream shows here, and invalidates pictures made before
    data = demo_frame(64, 48).data
    assert data[:2, :3].tolist() == [[480, 576, 497], [576, 381, 541]]


def test_some_highlights_clip_and_the_chart_does_not(frame):
    assert 0.0005 < (frame.data >= 4095).mean() < 0.05
    top, left, bottom, right = boxes(1024, 768)["chart"]
    assert frame.data[top:bottom, left:right].max() < 4095


def test_chart_colours_equal_colour_science():
    colour = pytest.importorskip("colour")
    checker = colour.CCS_COLOURCHECKERS["BabelColor Average"]
    published = np.array(list(checker.data.values()))
    assert np.allclose([p[1:] for p in PATCHES], published, atol=5e-5)
    xyz = colour.xyY_to_XYZ(published)
    expected = colour.XYZ_to_RGB(xyz, "ITU-R BT.2020", checker.illuminant, "Bradford", apply_cctf_encoding=False)
    assert np.allclose(chart_colours(), expected, atol=5e-4)


def test_daylight_equals_colour_science():
    colour = pytest.importorskip("colour")
    expected = colour.temperature.CCT_to_xy_CIE_D(camera.TEMPERATURE)
    assert np.allclose(daylight_xy(camera.TEMPERATURE), expected, atol=1e-6)


def test_the_matrix_the_file_says_gives_the_published_colours_back():
    """Developed by hand (shading, white, matrix), the patches are the published ones: the frame is an oracle."""
    frame = demo_frame(1024, 768, seed=3)
    linear = (frame.data.astype(float) - 256) / (4095 - 256)
    h, w = frame.shape
    y, x = (np.arange(h)[:, None] + 0.5) / h, (np.arange(w)[None, :] + 0.5) / w
    white_xy = daylight_xy(camera.TEMPERATURE)
    to_2020 = np.linalg.inv(REC2020_TO_XYZ) @ adaptation(white_xy, (0.3127, 0.3290))
    to_2020 = to_2020 @ np.linalg.inv(camera.color_matrix())
    neutral = camera.color_matrix() @ xyY_to_XYZ((*white_xy, 1.0))
    top, left, bottom, right = boxes(1024, 768)["chart"]
    for i, expected in enumerate(chart_colours()):
        cy = int(top + (i // 6 + 0.5) * (bottom - top) / 4) // 2 * 2
        cx = int(left + (i % 6 + 0.5) * (right - left) / 6) // 2 * 2
        patch = np.zeros(3)
        for c, sites in enumerate((((0, 0),), ((0, 1), (1, 0)), ((1, 1),))):
            patch[c] = np.mean(
                [
                    np.mean(linear[window] / camera._transmission(y[window[0]], x[:, window[1]], camera.FALL_OFF[c]))
                    for sy, sx in sites
                    for window in [np.s_[cy - 20 + sy : cy + 20 : 2, cx - 20 + sx : cx + 20 : 2]]
                ]
            )
        found = to_2020 @ (patch * neutral[1] / camera.DIFFUSE_WHITE)
        # five standard errors of 400 sites of the noisiest patch
        assert np.allclose(found, expected, atol=0.012), PATCHES[i][0]


def test_shading_mesh_undoes_the_fall_off(frame):
    mesh = frame.info.lens_shading
    rows, columns, _ = mesh.gains.shape
    y, x = np.linspace(0, 1, rows)[:, None], np.linspace(0, 1, columns)[None, :]
    assert np.allclose(mesh.gains[..., 0] * camera._transmission(y, x, camera.FALL_OFF[0]), 1, atol=1e-6)
    assert mesh.gains[0, 0, 0] == pytest.approx(1 / 0.66)


@pytest.mark.parametrize("iso", [100, 1600])
def test_noise_follows_the_model(iso, monkeypatch):
    level = 0.25
    flat = np.full((512, 512), level, np.float32)
    codes = camera._expose(flat, iso, seed=9).astype(float)
    linear = (codes - 256) / (4095 - 256)
    model = camera.noise_model(iso)
    variance = model.shot[0] * level + model.read[0] + 1 / 12 / (4095 - 256) ** 2
    # the variance of a sample variance is 2 / n
    assert linear.var() == pytest.approx(variance, rel=5 * np.sqrt(2 / codes.size))
    assert linear.mean() == pytest.approx(level, abs=5 * np.sqrt(variance / codes.size))


def test_noise_of_a_row_does_not_depend_on_the_rows_below():
    flat = np.full((200, 64), 0.3, np.float32)
    assert np.array_equal(camera._expose(flat, 100, 1)[:128], camera._expose(flat[:128], 100, 1))


def test_other_patterns(frame):
    quad = demo_frame(64, 48, cfa="RRGG/RRGG/GGBB/GGBB")
    assert quad.cfa.family == "quad"
    shifted = demo_frame(64, 48, cfa="BGGR").data.astype(int)
    assert not np.array_equal(shifted, demo_frame(64, 48).data)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"width": 3}, "at least 4x4"),
        ({"seed": -1}, "seed >= 0"),
        ({"iso": 1}, "ISO 25..102400"),
        ({"cfa": "RYYB"}, "a CFA of R, G and B"),
    ],
)
def test_refuses_in_words(arguments, words):
    with pytest.raises(InputError, match=words):
        demo_frame(**{"width": 16, "height": 16, **arguments})


def test_scene_is_linear_light_with_lamps_above_white():
    scene = demo_scene(256, 192)
    assert scene.shape == (192, 256, 3)
    assert scene.min() >= 0
    assert scene.max() > 4


def test_the_pipeline_gives_the_published_colours_back():
    """The whole chain at once (levels, shading, white, demosaic, matrix), against numbers from outside."""
    from isp import Pipeline, Profile

    frame = demo_frame(1024, 768, seed=3)
    stages = ["black_level", "lens_shading", "white_balance", "demosaic", "ccm"]
    scene = Pipeline(Profile.from_stages(stages)).run(frame).value
    assert scene.space == "rec2020"
    top, left, bottom, right = boxes(1024, 768)["chart"]
    for i, expected in enumerate(chart_colours()):
        cy = int(top + (i // 6 + 0.5) * (bottom - top) / 4)
        cx = int(left + (i % 6 + 0.5) * (right - left) / 6)
        found = scene.data[cy - 20 : cy + 20, cx - 20 : cx + 20].mean((0, 1)) / camera.DIFFUSE_WHITE
        assert np.allclose(found, expected, atol=0.01), PATCHES[i][0]
