"""Glare: light is kept, spread by its law, and read smoothly from the thumbnail."""

import numpy as np
import pytest

from isp.cfa import Cfa
from isp.errors import InputError
from isp.stage import Context
from isp.stages.glare import veil
from isp.values import Statistics
from tests.unit.stage_runner import run_stage

BLOCK = 8


def _run(rgb, saturated=None, cfa="RGGB", start=(0, 0), **params):
    rgb = np.ascontiguousarray(rgb, np.float32)
    h, w = (n // BLOCK for n in rgb.shape[:2])
    small = rgb.reshape(h, BLOCK, w, BLOCK, 3).mean(axis=(1, 3))
    lost = np.zeros_like(small) if saturated is None else saturated
    context = Context(Cfa(cfa), rgb.shape[:2], statistics=Statistics(small, lost, BLOCK, start))
    return run_stage("glare", rgb, context, "scene", **params).astype(np.float64)


def test_an_even_field_stays_as_it_is():
    np.testing.assert_allclose(_run(np.full((96, 128, 3), 0.3), amount=0.2), 0.3, rtol=1e-5)


def test_the_veil_is_a_convolution_with_its_law():
    signal = pytest.importorskip("scipy.signal")
    light = np.random.Generator(np.random.Philox(2)).uniform(0, 1, (20, 28, 1))
    y, x = np.mgrid[-20:21, -28:29]
    kernel = (1 + (x**2 + y**2) / 3.0**2) ** -1.5
    padded = np.pad(light[..., 0], ((20, 20), (28, 28)), mode="edge")
    direct = signal.convolve(padded, kernel / kernel.sum(), mode="same")[20:40, 28:56]
    np.testing.assert_allclose(veil(light, 3.0)[..., 0], direct, atol=0.02)


def test_shadows_about_a_light_are_veiled_more_the_nearer_they_are():
    rgb = np.zeros((240, 320, 3))
    rgb[100:140, 140:180] = 1
    out = _run(rgb, amount=0.1)[120, 190:, 1]
    assert np.diff(out).max() <= 1e-6
    assert out[0] > 5 * out[-1] > 0
    assert _run(rgb, amount=0.1)[120, 160, 1] == pytest.approx(0.9 + 0.1 * veil_at_centre(rgb), abs=0.02)


def veil_at_centre(rgb):
    small = rgb.reshape(30, 8, 40, 8, 3).mean(axis=(1, 3))
    return veil(small, 0.05 * 50)[15, 20, 1]


def test_saturated_areas_shine_brighter():
    rgb = np.full((96, 128, 3), 0.05)
    rgb[40:56, 48:64] = 1
    lost = (rgb.reshape(12, 8, 16, 8, 3).mean(axis=(1, 3)) > 0.9).astype(np.float32)
    plain, shining = (_run(rgb, lost, amount=0.1, boost=b)[48, 90, 1] for b in (0.0, 3.0))
    assert shining > plain + 0.002


def test_the_place_does_not_depend_on_the_phase_of_the_mosaic():
    rgb = np.full((96, 128, 3), 0.05)
    rgb[40:56, 48:64] = 1
    first = _run(rgb, amount=0.2)
    np.testing.assert_allclose(_run(rgb, cfa="BGGR", amount=0.2), first, atol=1e-6)
    # a thumbnail that starts a pixel later moves the veil by that pixel
    moved = _run(rgb, cfa="BGGR", start=(1, 1), amount=0.2)
    np.testing.assert_allclose(moved[20:30, 21:110], first[19:29, 20:109], atol=1e-6)


def test_without_statistics_it_is_refused():
    rgb = np.zeros((16, 16, 3), np.float32)
    with pytest.raises(InputError, match="needs the statistics pass"):
        run_stage("glare", rgb, Context(Cfa("RGGB"), (16, 16)), "scene", amount=0.1)
