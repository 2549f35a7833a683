"""The 24-patch chart in simulated captures: any sensor, light and position, before white balance."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from isp.values import Picture
from reports.charts import chart_from_truth, find_color_chart, read_patches, reference_lab
from reports.metrics import patch_errors
from reports.source import Source
from sensors import capture
from tests.chart_pictures import off, paint, rendered, view

SENSORS = (
    "imx363", "imx586", "imx700_ryyb", "imx707", "imx766", "imx989", "isocell_gn2", "isocell_hp2", "one_inch_20mp",
    "quad_200mp",
)  # fmt: skip
BINNING = {"isocell_hp2": 4}
"""Photosites a side of a pixel of a Bayer frame, where they are not 2."""
LIGHTS = ("D65", "A", "FL11", "LED-B1")
SIZE = (800, 600)
POSES = (
    {"width": 0.9},
    {"angle": 15, "width": 0.7},
    {"angle": -15, "pan": 25, "tilt": 15, "width": 0.6},
    {"angle": -90, "pan": -20, "tilt": -25, "width": 0.5},
    {"angle": 185, "pan": 15, "width": 0.2, "at": (0.3, 0.7)},
)


def camera_rgb(frame):
    """(H/2, W/2, 3) black-subtracted camera RGB: the mean of each colour in every 2x2, nothing else."""
    values = np.float32((frame.data - frame.black.mean()) / (frame.white - frame.black.mean()))
    sites = [values[y::2, x::2] for y in (0, 1) for x in (0, 1)]
    colors = "".join(frame.cfa.rows)
    return np.stack([np.mean([s for s, c in zip(sites, colors, strict=True) if c == k], 0) for k in
                     sorted(set(colors), key="RGYB".index)], axis=-1)  # fmt: skip


def search(folder, sensor, light, pose, **settings):
    """How far off the chart is found [patches], infinite if not, in the raw colours of a capture of a posed chart."""
    matrix = view(SIZE, **pose)
    Image.fromarray(rendered(paint(matrix, SIZE)).pixels).save(folder / "chart.png")
    side = BINNING.get(sensor, 2)
    frame = capture(
        f"photo:{folder / 'chart.png'}", sensor, mode=f"bin{side}", size=(side * SIZE[0], side * SIZE[1]),
        illuminant=light, seed=1, **settings,
    )  # fmt: skip
    chart = find_color_chart(Source(Picture(camera_rgb(frame), "camera")))
    return off(chart, np.diag([0.5, 0.5, 1.0]) @ matrix)


@pytest.mark.parametrize("pose", POSES, ids=str)
def test_found_before_white_balance(tmp_path, pose):
    for light in ("D65", "A"):
        assert search(tmp_path, "imx586", light, pose) < 0.1


@pytest.mark.full
@pytest.mark.parametrize("settings", [{}, {"lux": 1.0, "iso": 1600}], ids=["base", "dim"])
def test_found_by_all_sensors_in_all_lights_and_positions(tmp_path, settings):
    errors = [search(tmp_path, s, light, pose, **settings) for pose in POSES for s in SENSORS for light in LIGHTS]
    assert np.mean(np.isfinite(errors)) >= 0.95
    assert max(e for e in errors if np.isfinite(e)) < 0.25


@pytest.mark.parametrize("scene", ["chart", "composed"])
def test_found_in_developed_scenes_and_read_like_the_truth(scene):
    from isp import Pipeline, read_profile

    frame, truth = capture(scene, "imx586", mode="bin2", size=(1600, 1200), seed=1, truth=True)
    source = Source(Pipeline(read_profile("reference"))(frame))
    chart, known = find_color_chart(source), chart_from_truth(truth.regions)
    step = np.linalg.norm(known.corners[1] - known.corners[0]) / 6
    assert np.linalg.norm(chart.patches.mean(1) - known.patches.mean(1), axis=1).max() < 0.05 * step
    assert np.linalg.norm(chart.corners - known.corners, axis=1).max() < 0.05 * step
    read = read_patches(source, chart)
    np.testing.assert_allclose(read.rgb, read_patches(source, known).rgb, atol=0.002)
    result = patch_errors(read.rgb, reference_lab("iso"), exclude=read.unusable)
    # the matrix's own error: sensors do not see as people do
    assert 0.2 < result.mean < 1.5
    assert result.white.reproduction < 0.5
