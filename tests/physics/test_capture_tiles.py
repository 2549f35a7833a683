"""The bytes of a frame depend on its settings alone: not on crops, strips or threads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from isp.engine.runtime import set_threads
from sensors import capture
from sensors.optics import Lens, Seidel
from sensors.photograph import expose, plan_capture
from sensors.plan import Plan
from sensors.render import render
from sensors.scenes.scene import Float32, Float64, Scene, Size
from sensors.sensor import DualGain, PhaseDetect, Sensor, Staggered
from sensors.spectrum import WAVELENGTHS
from tests.physics.sensor_fakes import sensor

SIZE = (328, 296)
"""Photosites; several patches of the varying lens kernel each way, with a rest."""
LENS = Lens(
    f_number=2.0, focal_mm=0.9, aberrations=Seidel(w131=0.5, w222=0.3, w040=0.1), falloff="cos4",
    shading={"R": 0.2, "B": 0.1}, distortion=(0.06, -0.02), lateral={"R": 1.004, "B": 0.997}, glare=0.04,
)
DEFAULT = [(1, "full"), (2, "bin2-digital"), (4, "bin4-charge"), (1, "bin4-digital")]
REST = [
    (1, "bin2-charge"), (2, "full"), (2, "bin4-charge"), (2, "bin4-digital"), (4, "full"), (4, "bin2-charge"),
    (4, "bin4-digital"), (3, "full"), (3, "bin3-charge"), (1, "bin3-digital"),
]
COMBINATIONS = [*DEFAULT, *(pytest.param(*each, marks=pytest.mark.full) for each in REST)]


def part_of(block: int) -> Sensor:
    """Every fault at once."""
    return sensor(
        cfa="GRBG", block=block, pre_e=3.0, prnu=0.01, dsnu_e=2.0, row_noise_e=1.0, column_noise_e=1.0,
        dark_current_e_s=100.0, hot_fraction=0.01, hot_e_s=1e5, dead_fraction=0.01, green_imbalance=0.03,
        crosstalk=0.03, phase_detect=PhaseDetect("masked", 12, 10, ((3, 4, 0.5), (8, 9, 0.6))),
        dual_gain=DualGain(4.0), staggered=Staggered(3, 4.0),
    )


class Checks(Scene):
    """Small coloured rectangles, which no crop or strip divides evenly."""

    name = "checks"

    def __init__(self) -> None:
        at = np.linspace(0, 1, len(WAVELENGTHS))
        self.factors = np.stack([0.1 + 0.8 * at, 0.9 - 0.8 * at, np.full(at.shape, 0.05)])

    def paint(self, x: Float64, y: Float64, size: Size, table: Float32) -> Float32:
        which = (np.floor(x / 7.3) + 2 * np.floor(y / 5.1)).astype(int) % 3
        return np.ascontiguousarray(table.T[:, which])


SCENE = Checks()


def settings_of(mode: str, **changes: Any) -> dict[str, Any]:
    return {"mode": mode, "lens": LENS, "size": SIZE, "exposure": 0.02, "seed": 2**64 - 1, **changes}


def cropped(plan: Plan, region: tuple[int, int, int, int]) -> Plan:
    """The plan of a crop; its lens kernels are those of the whole, which take long to compute."""
    result = replace(plan, region=region)
    vars(result)["kernels"] = plan.kernels
    return result


@pytest.fixture(autouse=True)
def _threads_as_before() -> Iterator[None]:
    yield
    set_threads(2)


@pytest.mark.parametrize(("block", "mode"), COMBINATIONS)
def test_a_crop_is_that_part_of_the_frame(block: int, mode: str) -> None:
    plan = plan_capture(SCENE, part_of(block), **settings_of(mode))
    whole, truth = expose(plan, truth=True)
    assert truth.electrons.std() > 0.2 * truth.electrons.mean() > 5
    height, width = whole.data.shape
    boxes = [
        (width // 3 + 1, height // 3, width // 2, height // 3 + 1), (width - 5, height - 7, 5, 7), (0, 1, width, 4),
    ]
    for x, y, w, h in boxes:
        cut, cut_truth = expose(cropped(plan, (x, y, w, h)), truth=True)
        where = np.s_[y : y + h, x : x + w]
        np.testing.assert_array_equal(cut.data, whole.data[where])
        np.testing.assert_array_equal(cut_truth.electrons, truth.electrons[where])
        np.testing.assert_array_equal(cut_truth.defects, truth.defects[where])
        np.testing.assert_array_equal(cut_truth.ideal.pixels, truth.ideal.pixels[where])
        n = whole.cfa.period
        assert all(cut.cfa.at(i, j) == whole.cfa.at(x + i, y + j) for j in range(2 * n) for i in range(2 * n))
        assert (cut.white, cut.info.iso, cut.info.exposure) == (whole.white, whole.info.iso, whole.info.exposure)


@pytest.mark.parametrize(("block", "mode"), COMBINATIONS)
def test_strips_and_threads_change_nothing(block: int, mode: str) -> None:
    plan = plan_capture(SCENE, part_of(block), **settings_of(mode))
    results = ("codes", "signal", "defects")

    def computed(strip: int) -> dict[str, list[np.ndarray]]:
        return render(plan, results, lambda _, shape, dtype: np.empty(shape, dtype), strip=strip)

    set_threads(2)
    first = computed(256)
    for strip, threads in ((256, 1), (9, 2), (50, 2), (10_000, 1)):
        set_threads(threads)
        again = computed(strip)
        for name in results:
            np.testing.assert_array_equal(again[name][0], first[name][0], err_msg=f"{name} {strip} {threads}")


def test_threads_and_crop_of_capture() -> None:
    one, two, cut = (
        capture(SCENE, part_of(1), threads=n, **settings_of("full", crop=c)).data
        for n, c in ((1, None), (2, None), (2, (17, 90, 100, 51)))
    )
    np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(cut, one[90:141, 17:117])


@pytest.mark.parametrize("hdr", ["staggered", "dual_gain"])
def test_a_crop_of_every_reading(hdr: str) -> None:
    plan, (x, y, w, h) = plan_capture(SCENE, part_of(1), hdr=hdr, **settings_of("full")), (33, 100, 67, 40)
    whole, cut = expose(plan), expose(cropped(plan, (x, y, w, h)))
    assert len(whole) == len(cut) > 1
    for a, b in zip(cut, whole, strict=True):
        np.testing.assert_array_equal(a.data, b.data[y : y + h, x : x + w])


@pytest.mark.parametrize(
    "scene",
    [
        "chart", "siemens?kind=sine", pytest.param("dead-leaves?colored=1", marks=pytest.mark.full),
        pytest.param("composed", marks=pytest.mark.full),
    ],
)
def test_other_scenes_do_not_change_with_the_crop(scene: str) -> None:
    plan, (x, y, w, h) = plan_capture(scene, part_of(1), **settings_of("full")), (117, 95, 64, 81)
    whole, cut = expose(plan), expose(cropped(plan, (x, y, w, h)))
    np.testing.assert_array_equal(cut.data, whole.data[y : y + h, x : x + w])


def test_the_lens_shading_map_of_a_crop_is_that_part_of_the_map() -> None:
    lens = Lens(focal_mm=0.9, falloff="cos4", diffraction=False)
    part, (x, y, w, h) = sensor(cfa="RGGB"), (41, 30, 250, 201)
    whole, cut = (
        capture("uniform", part, size=SIZE, exposure=1e-3, lens=lens, crop=c).info.lens_shading
        for c in (None, (x, y, w, h))
    )

    def gain(mesh: Any, u: float, v: float) -> float:
        rows, columns = mesh.gains.shape[:2]
        j, i = (v - mesh.origin[0]) / mesh.spacing[0], (u - mesh.origin[1]) / mesh.spacing[1]
        j0, i0 = min(int(j), rows - 2), min(int(i), columns - 2)
        four = np.asarray(mesh.gains[j0 : j0 + 2, i0 : i0 + 2, 0], np.float64)
        rows_of = four[0] * (1 - (j - j0)) + four[1] * (j - j0)
        return float(rows_of[0] * (1 - (i - i0)) + rows_of[1] * (i - i0))

    for u, v in ((0.0, 0.0), (0.3, 0.7), (1.0, 1.0)):
        outer = gain(whole, (x + u * w) / SIZE[0], (y + v * h) / SIZE[1])
        assert gain(cut, u, v) == pytest.approx(outer, rel=1e-5)
