"""chromatic_aberration: against a plain transcription of its formula, and colours that must meet."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from isp.errors import ProfileError
from isp.rectilinear import RectilinearWarp, relative_radial
from isp.values import FrameInfo
from tests.unit.stage_runner import PHASES, around, mosaic_of, resolved, run_stage, site_of

SHAPE = (150, 190)
RED, BLUE = (0.02, -0.008), (-0.012, 0.0, 0.003)
CENTRE = (0.45, 0.55)
WARP = RectilinearWarp(
    ((1.004, 0.05, -0.01, 0.002, 0, 0), (1.0, 0.05, -0.01, 0, 0, 0), (0.997, 0.052, -0.01, 0, 0, 0)), (0.48, 0.5)
)


def textured(shape=SHAPE):
    """A grey scene with detail of some pixels."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(float)

    def at(dx, dy):
        u, v = x + dx, y + dy
        return 0.4 + 0.2 * np.sin(u / 3.1) * np.cos(v / 2.7) + 0.1 * np.sin((u + v) / 7)

    return at


def offsets(coefficients, centre=CENTRE, shape=SHAPE):
    """(dx, dy) of the radial model, in float64."""
    cx, cy, corner = RectilinearWarp(((1.0, 0, 0, 0, 0, 0),), centre).frame(shape)
    y, x = np.mgrid[: shape[0], : shape[1]]
    square = ((x - cx) ** 2 + (y - cy) ** 2) / corner**2
    factor = sum(c * square**i for i, c in enumerate(coefficients))
    return (x - cx) * factor, (y - cy) * factor


def formula(mosaic, cfa, red, blue):
    """The stage's formula site by site, with bilinear reading of the interpolated green."""
    data, sites = mosaic.astype(np.float64), site_of(mosaic.shape, cfa)
    other = np.isin(sites, (0, 3))
    pad = 20
    wide = np.pad(data, pad, mode="reflect")
    far = np.pad(other, pad, mode="reflect")
    left, right, up, down = (np.roll(wide, s, a) for s, a in ((1, 1), (-1, 1), (1, 0), (-1, 0)))
    across, along = np.abs(left - right), np.abs(up - down)

    def rough(plane):
        return sum(np.roll(plane, (j, i), (0, 1)) for j, i in ((0, 0), (1, 1), (1, -1), (-1, 1), (-1, -1))) + 1e-4

    share = rough(along) ** 2 / (rough(across) ** 2 + rough(along) ** 2)
    green = np.where(far, (left + right) / 2 * share + (up + down) / 2 * (1 - share), wide)
    result = data.copy()
    for site, coefficients in ((0, red), (3, blue)):
        dx, dy = offsets(coefficients, shape=mosaic.shape)
        for y, x in np.argwhere(sites == site):
            if min(y, x, mosaic.shape[0] - 1 - y, mosaic.shape[1] - 1 - x) < 8:
                continue
            nx, ny = np.floor(dx[y, x] / 2), np.floor(dy[y, x] / 2)
            fx, fy = dx[y, x] / 2 - nx, dy[y, x] / 2 - ny
            value = green[y + pad, x + pad]
            for j, wy in ((0, 1 - fy), (1, fy)):
                for i, wx in ((0, 1 - fx), (1, fx)):
                    sx, sy = x + 2 * (nx + i), y + 2 * (ny + j)
                    place = [[sy - dy[y, x] + pad], [sx - dx[y, x] + pad]]
                    value += wx * wy * (wide[int(sy) + pad, int(sx) + pad] - map_coordinates(green, place, order=1)[0])
            result[y, x] = value
    return result


@pytest.mark.parametrize("cfa", PHASES)
def test_it_is_its_formula(cfa):
    rng = np.random.default_rng(2)
    data = rng.random((64, 70)).astype(np.float32)
    result = run_stage("chromatic_aberration", data, around(data, cfa), red=RED, blue=BLUE, centre=CENTRE)
    inner = (slice(8, -8), slice(8, -8))
    np.testing.assert_allclose(result[inner], formula(data, cfa, RED, BLUE)[inner], atol=2e-5)
    greens = np.isin(site_of(data.shape, cfa), (1, 2))
    assert np.array_equal(result[greens], data[greens])


def test_grey_detail_comes_together():
    scene = textured()
    # what red sees at x + d is what green sees at x: its picture is fetched through the inverse of the model
    planes = [scene(0, 0)] * 3
    for channel, coefficients in ((0, RED), (2, BLUE)):
        dx, dy = (np.zeros(SHAPE) for _ in range(2))
        y, x = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(float)
        ox, oy = offsets(coefficients)
        for _ in range(20):
            at = [y - dy, x - dx]
            dx, dy = (map_coordinates(o, at, order=1, mode="nearest") for o in (ox, oy))
        planes[channel] = scene(-dx, -dy)
    seen, wanted = mosaic_of(np.stack(planes, axis=-1)), mosaic_of(np.stack([scene(0, 0)] * 3, axis=-1))
    result = run_stage("chromatic_aberration", seen, around(seen), red=RED, blue=BLUE, centre=CENTRE)
    inner = (slice(10, -10), slice(10, -10))
    before, after = (np.sqrt(np.mean((d - wanted)[inner] ** 2)) for d in (seen, result))
    assert after < before / 8


def test_the_file_states_it_and_only_green_is_left_of_its_warp():
    data = np.zeros(SHAPE, np.float32)
    context = around(data, info=FrameInfo(warp=WARP))
    stage, values = resolved("chromatic_aberration", context)
    assert values["centre"] == WARP.centre
    cx, cy, corner = WARP.frame(SHAPE)
    at = np.array([[10.0, 150.0, 95.0], [20.0, 140.0, 3.0]])
    green = np.stack(WARP.find(SHAPE, 1, *at)) - [[cx], [cy]]
    square = (green**2).sum(axis=0) / corner**2
    for plane, name in ((0, "red"), (2, "blue")):
        factor = 1 + sum(c * square**i for i, c in enumerate(values[name]))
        np.testing.assert_allclose(green * factor + [[cx], [cy]], WARP.find(SHAPE, plane, *at), atol=1e-3)
    assert stage.advance(values, context).info.warp == RectilinearWarp((WARP.planes[1],), WARP.centre)
    assert stage.advance({**values, "strength": -1.0}, context).info.warp == WARP


def test_relative_radial_of_a_pure_scale():
    warp = RectilinearWarp(((1.01, 0, 0, 0, 0, 0), (1.0, 0, 0, 0, 0, 0), (1.0, 0, 0, 0, 0, 0)))
    np.testing.assert_allclose(relative_radial(warp, 0), [0.01, 0, 0, 0], atol=1e-12)


def test_a_table_is_a_shift_along_the_radius():
    rng = np.random.default_rng(3)
    data = rng.random((60, 64)).astype(np.float32)
    radii = np.linspace(0, 1, 400)
    table = np.stack([radii, radii * (0.01 - 0.004 * radii**2)], axis=1).tolist()
    one = run_stage("chromatic_aberration", data, around(data), red=table, blue=[])
    two = run_stage("chromatic_aberration", data, around(data), red=[0.01, -0.004], blue=[])
    np.testing.assert_allclose(one, two, atol=1e-3)


def test_nothing_to_do_is_the_identity():
    data = np.zeros(SHAPE, np.float32)
    for params in ({}, {"red": [0, 0], "blue": []}, {"red": [0.01], "strength": 0.0}):
        stage, values = resolved("chromatic_aberration", around(data), **params)
        assert stage.identity(values, around(data))


def test_tables_must_rise():
    with pytest.raises(ProfileError, match=r"red: the radii \[0.5, 0.2\] of a table must rise"):
        resolved("chromatic_aberration", around(np.zeros(SHAPE)), red=[[0.5, 0.0], [0.2, 0.1]])
