"""Where the lens puts the image, how it dims towards the corners, and the veil it lays over it: closed forms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from scipy.ndimage import map_coordinates
from scipy.optimize import brentq

from sensors import capture
from sensors.optics import Lens
from sensors.sensor import Sensor
from tests.physics.sensor_fakes import sensor

SIZE = (400, 300)
STEPS = "grey-steps?density=0.01"
"""Patches all far lighter than the board."""
HALF = np.hypot(*SIZE) / 2


def shot(scene: str, part: Sensor, lens: Lens, **settings: Any) -> Any:
    return capture(scene, part, truth=True, **{"size": SIZE, "exposure": 0.01, "lens": lens, **settings})[1]


def radius2(size: tuple[int, int] = SIZE) -> np.ndarray:
    """Square of the distance of photosite centres from the middle [photosites^2]."""
    x, y = (np.arange(n) + 0.5 - n / 2 for n in size)
    return np.asarray(x[None, :] ** 2 + y[:, None] ** 2)


# -- shading -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("focal", [0.5, 0.8, 4.0])
def test_cos4_falloff_of_the_focal_length(focal: float) -> None:
    part = sensor()
    lens = Lens(diffraction=False, focal_mm=focal, falloff="cos4")
    found = shot("uniform", part, lens).electrons
    flat = shot("uniform", part, Lens(diffraction=False)).electrons
    tangent2 = radius2() * (part.pitch_um * 1e-3 / focal) ** 2
    assert found / flat == pytest.approx(np.cos(np.arctan(np.sqrt(tangent2))) ** 4, abs=2e-4)


def test_every_colour_is_shaded_on_its_own() -> None:
    lens = Lens(diffraction=False, focal_mm=0.8, falloff=3.0, shading={"R": 0.3, "B": -0.1})
    found = shot("uniform", sensor(cfa="RGGB"), lens).electrons
    flat = shot("uniform", sensor(cfa="RGGB"), Lens(diffraction=False)).electrons
    square = radius2()
    cosine = np.cos(np.arctan(np.sqrt(square) * 2e-3 / 0.8)) ** 3
    for (j, i), loss in {(0, 0): 0.3, (0, 1): 0.0, (1, 0): 0.0, (1, 1): -0.1}.items():
        site = np.s_[j::2, i::2]
        expected = (cosine * (1 - loss * square / HALF**2))[site]
        assert (found / flat)[site] == pytest.approx(expected, abs=3e-4)


def test_the_shading_map_of_the_frame_undoes_the_shading() -> None:
    lens = Lens(diffraction=False, focal_mm=0.8, falloff="cos4", shading={"R": 0.2})
    part = sensor(cfa="RGGB", gain=0.02, bits=16, full_well_e=2e6, pre_e=0.0)
    frame = capture("uniform", part, size=SIZE, lens=lens, target=0.5)
    mesh = frame.info.lens_shading
    v, u = ((np.arange(n) + 0.5) / n for n in SIZE[::-1])
    j, i = (v - mesh.origin[0]) / mesh.spacing[0], (u - mesh.origin[1]) / mesh.spacing[1]
    at = np.meshgrid(j, i, indexing="ij")
    data = np.asarray(frame.data, np.float64) - 64
    for plane, (y, x) in enumerate([(0, 0), (0, 1), (1, 0), (1, 1)]):
        gain = map_coordinates(np.asarray(mesh.gains[..., plane], np.float64), at, order=1)
        flat = (data * gain)[y::2, x::2]
        blocks = flat[:150, :200].reshape(10, 15, 10, 20).mean(axis=(1, 3))
        assert blocks == pytest.approx(blocks.mean(), rel=5e-3)


# -- distortion and lateral colour -----------------------------------------------------------------------------


def image_of(scene_x: float, y: float, distortion: Sequence[float], scale: float = 1.0) -> float:
    """Where row `y` of the image shows the vertical line at `scene_x` of the scene (all from the centre) [photosites].

    r_scene = r (1 + k1 r^2 + k2 r^4), r = r_image / scale, radius 1 at half the diagonal.
    """

    def seen(x: float) -> float:
        square = (x * x + y * y) / (HALF * scale) ** 2
        return x / scale * (1 + distortion[0] * square + distortion[1] * square**2) - scene_x

    return float(brentq(seen, -2 * HALF, 2 * HALF, xtol=1e-9))


def edges(truth: Any, lens: Lens, scale: float = 1.0, step: int = 1, first: int = 0) -> np.ndarray:
    """(N, 3) found and expected place of the left edges of patches in the image, and their place in the scene; x [px].

    Of every `step`-th photosite from `first` on. The place follows from the light right of the edge, along one row.
    """
    plane = np.asarray(truth.electrons[first::step, first::step], np.float64)
    found = []
    for region in truth.regions:
        corners = np.array(region["corners"])
        left, middle = corners[0, 0], (corners[0, 1] + corners[2, 1]) / 2
        row = int((middle - first) // step)
        y = first + step * row + 0.5 - SIZE[1] / 2
        expected = image_of(left - SIZE[0] / 2, y, lens.distortion[:2], scale) + SIZE[0] / 2
        start, stop = round((expected - 4.5 - first) / step), round((expected + 13 - first) / step)
        values = plane[row, start:stop]
        dark, light = values[0], values[-1]
        if start < 0 or light < 1.5 * dark:
            continue
        end = first + step * (stop - 1) + 0.5 + step / 2
        found.append((end - step * ((values - dark) / (light - dark)).sum(), expected, left))
    return np.array(found)


@pytest.mark.parametrize("distortion", [(0.08, 0.0), (-0.06, 0.03)])
def test_edges_lie_where_the_polynomial_puts_them(distortion: tuple[float, float]) -> None:
    lens = Lens(diffraction=False, distortion=distortion)
    found, expected, straight = edges(shot(STEPS, sensor(), lens), lens).T
    assert len(found) > 8
    assert np.abs(found - expected).max() < 0.05
    assert np.abs(found - straight).max() > 3


def test_red_is_the_larger_image_and_blue_the_smaller() -> None:
    # a blur that passes nothing beyond the Nyquist frequency of every other photosite: sums over them are exact
    at = np.arange(-6, 7)
    spot = np.exp(-(at[:, None] ** 2 + at**2) / (2 * 1.2**2))
    lens = Lens(diffraction=False, psf=spot, psf_um=2.0, distortion=(0.05, -0.02), lateral={"R": 1.006, "B": 0.995})
    truth = shot(STEPS, sensor(cfa="RGGB"), lens)
    red, blue = edges(truth, lens, 1.006, 2), edges(truth, lens, 0.995, 2, first=1)
    for each in (red, blue):
        assert len(each) > 8
        assert np.abs(each[:, 0] - each[:, 1]).max() < 0.05
    sizes = [np.polyfit(straight - SIZE[0] / 2, found - SIZE[0] / 2, 1)[0] for found, _, straight in (red.T, blue.T)]
    assert sizes[0] / sizes[1] == pytest.approx(1.006 / 0.995, abs=5e-4)


# -- veiling glare ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("glare", [0.02, 0.1])
def test_black_beside_white_shows_the_veil(glare: float) -> None:
    scene = "slanted-edge?angle=0&contrast=1000&light=1"
    plain, veiled = (
        np.asarray(shot(scene, sensor(), Lens(diffraction=False, glare=g)).electrons, np.float64) for g in (0.0, glare)
    )
    assert veiled == pytest.approx((1 - glare) * plain + glare * plain.mean(), rel=1e-4)
    black, white = veiled[:, :190].mean(), veiled[:, 210:].mean()
    # half the frame is white and black is a thousandth of it
    assert black / plain[:, 210:].mean() == pytest.approx(0.5005 * glare + 0.001 * (1 - glare), rel=1e-3)
    assert (black + white) / 2 == pytest.approx(plain[:, np.r_[:190, 210:400]].mean(), rel=1e-4)


def test_the_veil_has_the_colour_of_the_scene_and_of_what_the_lens_lets_through() -> None:
    part = sensor(cfa="RGGB")
    values = {"diffraction": False, "focal_mm": 0.8, "falloff": "cos4", "shading": {"R": 0.3}}
    plain, veiled = (
        np.asarray(shot("chart", part, Lens(**values, glare=g)).electrons, np.float64) for g in (0.0, 0.2)
    )
    for j, i in ((0, 0), (0, 1), (1, 1)):
        site = np.s_[j::2, i::2]
        veil = (veiled - 0.8 * plain)[site]
        assert veil == pytest.approx(veil.mean(), rel=2e-3)
        # the mean is taken over a small view of the scene and all photosites, not those of the colour alone
        assert veil.mean() == pytest.approx(0.2 * plain[site].mean(), rel=0.01)


def test_the_depth_that_is_seen_is_on_the_pixels_of_the_frame() -> None:
    lens = Lens(diffraction=False, distortion=(0.08, 0.0, 0.0), lateral={"R": 1.002})
    frame, truth = capture("composed", sensor(cfa="RGGB"), size=SIZE, exposure=0.01, lens=lens, truth=True)
    y, x = np.mgrid[: SIZE[1], : SIZE[0]]
    # the way back of the frame's own metadata, of green
    sx, sy = frame.info.warp.find(frame.shape, 1, x, y)
    straight = map_coordinates(truth.depth_seen, [sy, sx], order=1, mode="nearest")
    smooth = np.hypot(*np.gradient(truth.depth)) < 0.01
    moved = np.hypot(sx - x, sy - y)
    assert moved.max() > 10
    assert np.abs(straight - truth.depth)[smooth].mean() < 1e-3
    assert np.abs(truth.depth_seen - truth.depth)[smooth].mean() > 1e-2


def test_without_distortion_both_depths_are_one() -> None:
    truth = shot("composed", sensor(), Lens(diffraction=False))
    np.testing.assert_array_equal(truth.depth, truth.depth_seen)
