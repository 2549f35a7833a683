"""Film grain: granularity as it is measured, and the Boolean model of grains simulated disc by disc."""

from __future__ import annotations

import numpy as np
import pytest

from isp.stages.grain import boolean_power
from tests.unit.stage_runner import around, run_stage

COARSE = {"granularity": 30.0, "radius": 6.0, "format": 3.0}


def _grain(light, shape=(600, 600), context=None, **params):
    data = np.full((*shape, 3), light, np.float32) * np.ones(3, np.float32)
    return run_stage("grain", data, around(data) if context is None else context, "display", **params)[..., 1]


def _through_circle(picture, diameter):
    """Means over discs of `diameter` [px] side by side, the pixels on the rim by their share."""
    side = int(np.ceil(diameter)) + 1
    fine = (np.arange(side * 8) + 0.5) / 8 - side / 2
    inside = np.hypot(*np.meshgrid(fine, fine)) < diameter / 2
    disc = inside.reshape(side, 8, side, 8).mean((1, 3))
    rows, columns = (n // side for n in picture.shape)
    blocks = picture[: rows * side, : columns * side].reshape(rows, side, columns, side)
    return np.einsum("iajb,ab->ij", blocks, disc / disc.sum())


def _spectrum(field, bins=12):
    """Noise power by frequency [1/px], mean over rings up to 0.5, relative to the variance."""
    centred = field - field.mean()
    power = np.abs(np.fft.fft2(centred)) ** 2 / centred.size
    f = np.hypot(*np.meshgrid(*(np.fft.fftfreq(n) for n in field.shape[::-1])))
    ring = np.minimum((f * 2 * bins).astype(int), bins)
    return np.array([power[(ring == k) & (f > 0)].mean() for k in range(bins)])


def _boolean(cover, radius, side, fine=8, seed=1):
    """(side, side) pixels of the Boolean model: means over boxes; `radius` of the discs [px]."""
    rng = np.random.Generator(np.random.Philox(seed))
    r, n = radius * fine, side * fine
    count = rng.poisson(-np.log1p(-cover) / (np.pi * r * r) * n * n)
    covered = np.zeros((n, n), bool)
    reach = int(np.ceil(r))
    offsets = np.arange(-reach, reach + 2)
    for x, y in rng.uniform(0, n, (count, 2)):
        rows, columns = int(y) + offsets, int(x) + offsets
        inside = (rows[:, None] + 0.5 - y) ** 2 + (columns + 0.5 - x) ** 2 < r * r
        covered[np.ix_(rows % n, columns % n)] |= inside
    return covered.reshape(side, fine, side, fine).mean((1, 3))


@pytest.mark.parametrize(("granularity", "radius", "height"), [(17.0, 2.0, 4.0), (8.0, 4.0, 4.0), (20.0, 1.0, 3.0)])
def test_rms_granularity_is_what_a_microdensitometer_reads(granularity, radius, height):
    pixel = 1000 * height / 1000
    light = _grain(0.1, (1000, 1000), granularity=granularity, radius=radius, format=height)
    seen = -np.log10(_through_circle(light.astype(np.float64), 48 / pixel))
    assert 1000 * seen.std() == pytest.approx(granularity, rel=4 / np.sqrt(2 * seen.size) + 0.02)


def test_halving_the_picture_gives_the_grain_of_half_the_picture():
    whole = _grain(0.2, (1024, 1024), **COARSE)
    halved = whole.reshape(512, 2, 512, 2).mean((1, 3))
    assert halved.std() == pytest.approx(_grain(0.2, (512, 512), **COARSE, seed=9).std(), rel=0.03)


@pytest.mark.parametrize("light", [0.01, 0.1, 0.3, 0.8])
def test_light_keeps_its_mean(light):
    field = _grain(light, **COARSE).astype(np.float64)
    assert field.mean() == pytest.approx(light, abs=12 * field.std() / 600)


@pytest.mark.parametrize("light", [0.0, 1.0])
def test_black_and_white_have_none(light):
    assert np.array_equal(_grain(light, **COARSE), np.full((600, 600), light, np.float32))


def test_variance_by_tone_is_that_of_discs_laid_at_random():
    radius, covers = 0.8, (0.2, 0.5, 0.8)
    drawn = [_boolean(u, radius, 250, fine=6, seed=n) for n, u in enumerate(covers)]
    # behind a box of 5 px the grain is small, as the stage takes it for its dependence on tone
    model = np.array([d.reshape(50, 5, 50, 5).mean((1, 3)).std() for d in drawn])
    closed = np.sqrt([boolean_power(u) for u in covers])
    assert model / model[1] == pytest.approx(closed / closed[1], rel=0.06)
    found = np.array([_grain(u * u, **COARSE).std() / (2 * u) for u in covers])
    assert found / found[1] == pytest.approx(closed / closed[1], rel=0.01)


@pytest.mark.parametrize("radius", [0.6, 1.2, 2.5])
def test_spectrum_is_that_of_discs_laid_at_random(radius):
    # grains are rare here, so that the discs do not hide each other
    discs = np.mean([_spectrum(_boolean(0.1, radius, 256, seed=s)) for s in range(3)], 0)
    # a picture of 600 px, 3 mm high: 5 um a pixel
    ours = _spectrum(_grain(0.1, granularity=5, radius=radius * 5, format=3.0))
    discs, ours = discs / discs[:2].mean(), ours / ours[:2].mean()
    # up to where a tenth of the power is left: beyond, the discs' rings are not drawn
    seen = discs > 0.1
    assert seen.sum() >= 3
    assert ours[seen] == pytest.approx(discs[seen], abs=0.08)


def test_grain_belongs_to_the_place_and_the_seed():
    first = _grain(0.2, **COARSE)
    assert np.array_equal(first, _grain(0.2, **COARSE))
    assert abs(np.corrcoef(first.ravel(), _grain(0.2, **COARSE, seed=2).ravel())[0, 1]) < 0.01
    assert not np.array_equal(_grain(0.2, **COARSE, seed=1 + 2**16), first)
    data = np.full((600, 600, 3), 0.2, np.float32)
    for cfa in ("GRBG", "BGGR"):
        assert np.array_equal(_grain(0.2, context=around(data, cfa), **COARSE), first)
    assert np.array_equal(_grain(0.2, (600, 700), **COARSE)[:, :600], first)


def test_hue_and_saturation_stay():
    data = np.random.default_rng(4).uniform(0.05, 0.9, (64, 64, 3)).astype(np.float32)
    out = run_stage("grain", data, around(data), "display", **COARSE)
    ratio = out / data
    np.testing.assert_allclose(ratio, ratio[..., :1].repeat(3, 2), rtol=2e-6)
    assert ratio.std() > 0.02


def test_grain_too_coarse_for_the_picture_is_told():
    from tests.unit.stage_runner import resolved

    data = np.full((2000, 2000, 3), 0.2, np.float32)
    stage, values = resolved("grain", around(data), "display", radius=50.0, format=3.0)
    (line,) = stage.warn(values, around(data))
    assert line == "grain.radius 50 um is too coarse for this picture and drawn as 24 um"
    assert stage.warn({**values, "radius": 5.0}, around(data)) == []
