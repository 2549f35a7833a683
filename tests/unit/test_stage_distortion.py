"""distortion: against `isp.rectilinear` with the same kernel in NumPy; the frame, companions, and the gradient."""

from __future__ import annotations

import numpy as np
import pytest

from isp.engine.adjoint import Adjoint, chain_prepare
from isp.rectilinear import RectilinearWarp
from isp.values import Companions, FrameInfo
from tests.unit.stage_runner import around, resolved, run_stage, step_of

SHAPE = (110, 203)
ROWS = ((1.01, -0.06, 0.02, 0.004), (1.0, -0.05, 0.02, 0.0), (0.99, -0.05, 0.01, 0.004))
TANGENTIAL = (0.004, -0.006)
CENTRE = (0.46, 0.55)
WARP = RectilinearWarp(tuple((*row, *TANGENTIAL) for row in ROWS), CENTRE)


def keys(f):
    """Cubic convolution weights by the definition of R. G. Keys (1981), a = -1/2, of the four taps around f."""
    s = np.abs(np.stack([1 + f, f, 1 - f, 2 - f]))
    return np.where(s < 1, 1.5 * s**3 - 2.5 * s**2 + 1, -0.5 * s**3 + 2.5 * s**2 - 4 * s + 2)


def fetched(plane, sx, sy, pad=60):
    wide = np.pad(plane.astype(np.float64), pad, mode="reflect")
    ix, iy = np.floor(sx).astype(int), np.floor(sy).astype(int)
    wx, wy = keys(sx - ix), keys(sy - iy)
    return sum(wy[j] * wx[i] * wide[iy + j - 1 + pad, ix + i - 1 + pad] for j in range(4) for i in range(4))


def straightened(picture, cfa="RGGB", **params):
    return run_stage("distortion", picture, around(picture, cfa), "scene", **params)


def noise(shape=SHAPE):
    return np.random.default_rng(1).random((*shape, 3)).astype(np.float32)


@pytest.mark.parametrize("cfa", ["RGGB", "GBRG", "BGGR"])
@pytest.mark.parametrize("zoom", [1.0, 1.07])
def test_every_pixel_comes_from_where_the_model_says(cfa, zoom):
    picture = noise()
    result = straightened(picture, cfa, radial=ROWS, tangential=TANGENTIAL, centre=CENTRE, scale=zoom, frame="keep")
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    cx, cy, _ = WARP.frame(SHAPE)
    for c in range(3):
        sx, sy = WARP.find(SHAPE, c, cx + (x - cx) / zoom, cy + (y - cy) / zoom)
        np.testing.assert_allclose(result[..., c], fetched(picture[..., c], sx, sy), atol=2e-5)


@pytest.mark.parametrize("radial", [(1.0, 0.35, -0.2, 0.0), (1.0, -0.6, 0.5, 0.0), (0.995, 0.25, -1.0, 1.23)])
def test_strong_bends_and_steep_slopes(radial):
    # the steeper, the fewer columns are fetched together; programs stay small
    picture = noise((90, 131))
    result = straightened(picture, radial=radial, frame="keep")
    warp = RectilinearWarp(((*radial, 0, 0),))
    y, x = np.mgrid[:90, :131]
    for c in range(3):
        np.testing.assert_allclose(result[..., c], fetched(picture[..., c], *warp.find((90, 131), 0, x, y)), atol=3e-5)


def test_a_quadratic_is_moved_exactly():
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(float)

    def shape(u, v):
        return 0.2 + u / 500 + v / 300 + (u - 90) ** 2 / 4e4 - (u * v) / 9e4

    picture = np.repeat(shape(x, y)[..., None], 3, axis=2).astype(np.float32)
    result = straightened(picture, radial=[-0.05], frame="keep")
    sx, sy = RectilinearWarp(((1.0, -0.05, 0, 0, 0, 0),)).find(SHAPE, 0, x, y)
    inner = (slice(4, -4), slice(4, -4))
    np.testing.assert_allclose(result[..., 1][inner], shape(sx, sy)[inner], atol=2e-6)


@pytest.mark.parametrize("k1", [-0.1, 0.1])
@pytest.mark.parametrize("frame", ["fill", "widest"])
def test_the_frame_is_filled_and_no_more_is_lost_than_needed(k1, frame):
    from isp.stages.distortion import _find, _warp, _zoom

    _, values = resolved("distortion", around(noise()), "scene", radial=[k1], frame=frame)
    zoom = _zoom(values, SHAPE)
    height, width = SHAPE
    x = np.concatenate([np.arange(width), np.arange(width), np.zeros(height), np.full(height, width - 1)])
    y = np.concatenate([np.zeros(width), np.full(width, height - 1), np.arange(height), np.arange(height)])
    sx, sy = _find(_warp(values), 0, SHAPE, zoom, x, y)
    left = min(sx.min(), sy.min(), (width - 1 - sx).min(), (height - 1 - sy).min())
    assert left >= -1e-3
    if frame == "widest" or k1 > 0:
        assert left < 0.01  # the border of the frame is just reached
    else:
        assert zoom == 1


def test_the_file_states_greens_warp_and_it_is_done_once():
    context = around(noise(), info=FrameInfo(warp=WARP))
    stage, values = resolved("distortion", context, "scene")
    assert values["radial"] == ROWS[1]
    assert values["tangential"] == TANGENTIAL
    assert "chromatic_aberration" in stage.warn(values, context)[0]
    assert stage.advance(values, context).info.warp is None
    green = context.but(info=FrameInfo(warp=RectilinearWarp((WARP.planes[1],))))
    assert stage.warn(values, green) == []


def test_nothing_to_do_is_the_identity():
    for params in ({}, {"radial": [0.0]}, {"radial": [1, 0, 0, 0], "tangential": [0, 0]}):
        stage, values = resolved("distortion", around(noise()), "scene", **params)
        assert stage.identity(values, around(noise()))
    stage, values = resolved("distortion", around(noise()), "scene", scale=1.1)
    assert not stage.identity(values, around(noise()))


def test_companions_are_bent_along():
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(float)
    columns = 64
    ramp = np.tile((np.arange(columns) + 0.5) / columns, (32, 1))  # at its own size, over the same field of view
    mask = (x > 60).astype(np.uint8)
    context = around(noise(), companions=Companions({"depth": ramp, "mask": mask, "defects": mask}, 2.0))
    stage, values = resolved("distortion", context, "scene", radial=[-0.1], frame="keep")
    after = stage.advance(values, context).companions
    assert sorted(after.planes) == ["depth", "mask"]
    assert after.focus == 2.0
    warp = RectilinearWarp(((1.0, -0.1, 0, 0, 0, 0),))
    sx, _ = warp.find(SHAPE, 0, x, y)
    assert np.array_equal(after.planes["mask"], (np.rint(sx) > 60).astype(np.uint8))
    own_x, own_y = (np.arange(columns) + 0.5) / columns * SHAPE[1] - 0.5, (np.arange(32) + 0.5) / 32 * SHAPE[0] - 0.5
    sx, _ = warp.find(SHAPE, 0, own_x[None, :], own_y[:, None])
    np.testing.assert_allclose(after.planes["depth"], (sx + 0.5) / SHAPE[1], atol=1e-6)


def test_the_gradient_of_every_number():
    y, x = np.mgrid[:60, :70]
    smooth = 0.5 + 0.3 * np.sin(x / 5)[..., None] * np.cos(y / 4)[..., None] * np.array([1, 0.8, 0.6])
    picture = smooth.astype(np.float32)
    context = around(picture)
    given = {"radial": [0.03, -0.01], "tangential": [0.002, -0.003], "scale": 1.05, "frame": "keep"}
    stage, values = resolved("distortion", context, "scene", **given)
    step, _ = step_of("distortion", context, "scene", **given)
    weights = np.random.default_rng(5).standard_normal(picture.shape).astype(np.float32) + 0.2
    gradient = Adjoint([step], (3, 3))(picture, weights)

    def named(flat):
        return {**values, "radial": tuple(flat[:2]), "tangential": tuple(flat[2:4]), "scale": float(flat[4])}

    def loss(flat):
        plain = {k: named(flat)[k] for k in ("radial", "tangential", "scale", "frame")}
        return float(np.sum(straightened(picture, **plain).astype(np.float64) * weights))

    start = np.array([0.03, -0.01, 0.002, -0.003, 1.05])
    found = chain_prepare(lambda flat: [stage.prepare(named(flat), context)], start, gradient)
    for index in range(5):
        move = np.eye(5)[index] * 3e-4
        assert found[index] == pytest.approx((loss(start + move) - loss(start - move)) / 6e-4, rel=0.01, abs=0.3)
