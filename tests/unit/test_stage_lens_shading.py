"""lens_shading against SciPy's interpolation, DNG's meaning of a gain map, and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.interpolate import RegularGridInterpolator

from isp.errors import ProfileError
from isp.values import FrameInfo, GainMesh
from tests.unit.stage_runner import PHASES, around, resolved, run_stage, site_of

RNG = np.random.Generator(np.random.Philox(11))
MESH = 1 + RNG.random((5, 7, 4)) * 2


def bilinear(mesh, origin, spacing, shape, cfa):
    """Gains at pixel centres by SciPy: DNG's position of pixel (r, c) is ((r + 1/2) / H, (c + 1/2) / W)."""
    rows, columns = mesh.shape[:2]
    v = np.clip(((np.arange(shape[0]) + 0.5) / shape[0] - origin[0]) / spacing[0], 0, rows - 1)
    h = np.clip(((np.arange(shape[1]) + 0.5) / shape[1] - origin[1]) / spacing[1], 0, columns - 1)
    places = np.stack(np.meshgrid(v, h, indexing="ij"), -1)
    planes = [RegularGridInterpolator((np.arange(rows), np.arange(columns)), mesh[..., s])(places) for s in range(4)]
    return np.take_along_axis(np.stack(planes, -1), site_of(shape, cfa)[..., None], 2)[..., 0]


@pytest.mark.parametrize("cfa", PHASES)
@pytest.mark.parametrize("shape", [(150, 333), (37, 20)])
def test_gains_are_bilinear_between_the_points_of_each_sites_mesh(cfa, shape):
    data = RNG.random(shape).astype(np.float32)
    result = run_stage("lens_shading", data, around(data, cfa), mesh=MESH.tolist(), placement=[])
    expected = data * bilinear(MESH, (0, 0), (1 / 4, 1 / 6), shape, cfa)
    assert np.allclose(result, expected, rtol=3e-6)


def test_the_files_mesh_lies_where_the_file_says_and_is_constant_beyond():
    mesh = GainMesh(MESH.astype(np.float32), (0.1, 0.2), (0.2, 0.1))
    data = np.ones((90, 110), np.float32)
    context = around(data, "GBRG", info=FrameInfo(lens_shading=mesh))
    result = run_stage("lens_shading", data, context)
    assert np.allclose(result, bilinear(mesh.gains, mesh.origin, mesh.spacing, data.shape, "GBRG"), rtol=3e-6)
    site = site_of(data.shape, "GBRG")
    # pixels before the first point and after the last one take their gains
    assert np.allclose(result[:8, :20], mesh.gains[0, 0][site[:8, :20]])
    assert np.allclose(result[-8:, -20:], mesh.gains[-1, -1][site[-8:, -20:]])


@pytest.mark.parametrize("strength", [0.0, 0.35, 1.0])
def test_strength_blends_the_gain_with_one(strength):
    data = RNG.random((40, 52)).astype(np.float32)
    result = run_stage("lens_shading", data, around(data), mesh=MESH.tolist(), placement=[], strength=strength)
    gain = bilinear(MESH, (0, 0), (1 / 4, 1 / 6), data.shape, "RGGB")
    assert np.allclose(result, data * (1 + strength * (gain - 1)), rtol=3e-6)


def test_a_mesh_of_one_point_is_one_gain():
    data = np.ones((20, 20), np.float32)
    result = run_stage("lens_shading", data, around(data), mesh=[[[1.5, 2.0, 3.0, 4.0]]], placement=[])
    assert np.array_equal(result, np.array([1.5, 2, 3, 4], np.float32)[site_of(data.shape)])


def test_what_travels_on():
    data = np.zeros((40, 60), np.float32)
    context = around(data, noise=(1e-3, 1e-5), clip=(1.0, 1.0, 1.0))
    mesh = np.ones((3, 3, 4))
    mesh[1, 1] = (2, 3, 4, 5)
    stage, values = resolved("lens_shading", context, mesh=mesh.tolist(), placement=[], strength=0.5)
    after = stage.advance(values, context)
    assert after.noise.shot == pytest.approx((1.5e-3, 2e-3, 2.5e-3, 3e-3))
    assert after.noise.read == pytest.approx((2.25e-5, 4e-5, 6.25e-5, 9e-5))
    assert after.clip == context.clip
    assert np.allclose(after.shading.gains[1, 1], (1.5, 2, 2.5, 3))


def test_without_a_mesh_nothing_happens():
    context = around(np.zeros((4, 4)))
    stage, values = resolved("lens_shading", context)
    assert stage.identity(values, context)
    assert stage.advance(values, context) is context


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"mesh": np.ones((34, 2, 4)).tolist(), "placement": []}, "mesh of 34x2 points; allowed: up to 33x33"),
        ({"mesh": np.ones((2, 2, 4)).tolist()}, "a mesh given here needs its own placement"),
        ({"mesh": np.zeros((2, 2, 4)).tolist(), "placement": []}, "0 is out of bounds; allowed: from_file | 0.01"),
        ({"mesh": np.ones((2, 2, 3)).tolist(), "placement": []}, "shape 2 x 2 x 3 numbers"),
        ({"placement": [0, 0, 0, 1]}, "placement steps (0.0, 1.0) must be above 0"),
    ],
)
def test_what_is_refused(params, words):
    with pytest.raises(ProfileError) as refused:
        resolved("lens_shading", around(np.zeros((4, 4))), **params)
    assert words in str(refused.value)


@pytest.mark.parametrize("luminance", [0.0, 0.3, 1.0])
def test_luminance_keeps_the_falloff_and_corrects_colour(luminance):
    data = np.ones((40, 52), np.float32)
    mesh = MESH.copy()
    mesh[..., 2] = mesh[..., 1]
    result = run_stage("lens_shading", data, around(data), mesh=mesh.tolist(), placement=[], luminance=luminance)
    green = mesh[..., 1:2]
    wanted = mesh / green * (1 + luminance * (green - 1))
    assert np.allclose(result, bilinear(wanted, (0, 0), (1 / 4, 1 / 6), data.shape, "RGGB"), rtol=3e-6)
    if luminance == 0:
        # green, which stands for the light, is left alone
        assert np.allclose(result[0::2, 1::2], 1)
