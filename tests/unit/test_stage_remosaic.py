"""remosaic: measured values stay, flats are exact, the rest follows plain NumPy transcriptions; grey stays grey."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from isp.cfa import Cfa
from isp.pipeline import apply
from isp.stages.demosaic import block_models
from isp.stages.remosaic import Remosaic, shares
from isp.values import Mosaic, NoiseModel
from tests.unit.stage_runner import around, mosaic_of, resolved, run_stage, site_of

METHODS = ("directional", "guided", "fast", "nearest")
SIDES = (2, 3, 4)
COLOR = np.array([0, 1, 1, 2])


def pattern(k, letters="RGGB"):
    return "/".join("".join(c * k for c in row) for row in (letters[:2], letters[2:]) for _ in range(k))


def remosaiced(data, cfa, method="directional", bend=0.0):
    return run_stage("remosaic", data, around(data, cfa), method=method, bend=bend)


def after(cfa, shape):
    context = around(np.zeros(shape, np.float32), cfa)
    stage, values = resolved("remosaic", context)
    return stage.advance(values, context)


def test_it_takes_what_has_no_blocks_as_it_is():
    data = np.random.Generator(np.random.Philox(1)).random((20, 24), np.float32)
    for cfa in ("RGGB", "BGGR", "RYYB", "Y"):
        result = apply("remosaic", Mosaic(data, Cfa(cfa)))
        assert np.array_equal(result.data, data)
        assert result.cfa == Cfa(cfa)


@pytest.mark.parametrize("k", SIDES)
@pytest.mark.parametrize("method", METHODS)
def test_measured_values_stay(k, method):
    data = np.random.Generator(np.random.Philox(2)).random((97, 133), np.float32)
    for shift in ((0, 0), (3, 1), (2 * k - 1, k)):
        cfa = Cfa(pattern(k)).shifted(*shift)
        bayer = after(str(cfa), data.shape).cfa
        assert bayer.family == "bayer"
        same = COLOR[site_of(data.shape, str(cfa))] == COLOR[site_of(data.shape, bayer.base)]
        assert same.mean() == pytest.approx(0.5 if k == 3 else 0.375, abs=0.01)
        result = remosaiced(data, str(cfa), method, bend=30.0)
        assert np.array_equal(result[same], data[same])
        assert (result[~same] != data[~same]).mean() > 0.99


@pytest.mark.parametrize("k", SIDES)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("bend", [0.0, 30.0])
def test_flat_fields_of_any_colour(k, method, bend):
    for rgb in ((0.5, 0.5, 0.5), (0.9, 0.2, 0.05), (0.02, 0.3, 1.4)):
        flat = np.full((64, 60, 3), rgb, np.float32)
        result = remosaiced(mosaic_of(flat, pattern(k)), pattern(k), method, bend)
        # what is left is float32: the bend and sums of a few hundred products
        np.testing.assert_allclose(result, mosaic_of(flat), rtol=1e-5, atol=1e-6)


def mitchell(d):
    """D. P. Mitchell, A. N. Netravali 1988, equation 8, with B = C = 1/3."""
    d, b, c = abs(d), 1 / 3, 1 / 3
    if d < 1:
        return ((12 - 9 * b - 6 * c) * d**3 + (-18 + 12 * b + 6 * c) * d**2 + 6 - 2 * b) / 6
    if d < 2:
        return ((-b - 6 * c) * d**3 + (6 * b + 30 * c) * d**2 + (-12 * b - 48 * c) * d + 8 * b + 24 * c) / 6
    return 0.0


def enlarged(plane, k):
    def matrix(n):
        return np.array([[mitchell((i + 0.5) / k - 0.5 - j) for j in range(n)] for i in range(n * k)])

    return matrix(plane.shape[0]) @ plane @ matrix(plane.shape[1]).T


def moved(data, k, red, blue):
    """Each pixel's colour taken for the one of the Bayer pattern, by differences at the blocks."""
    differences = np.stack([enlarged(red, k), np.zeros(data.shape), enlarged(blue, k)])
    own, wanted = COLOR[site_of(data.shape, pattern(k))], COLOR[site_of(data.shape)]
    j, i = np.indices(data.shape)
    return data + differences[wanted, j, i] - differences[own, j, i]


def block_means(data, k):
    h, w = data.shape
    return data.reshape(h // k, k, w // k, k).mean(axis=(1, 3))


@pytest.mark.parametrize("k", SIDES)
def test_fast_is_malvar_on_the_means(k):
    data = np.random.Generator(np.random.Philox(3)).random((24 * k, 26 * k))
    with warnings.catch_warnings():
        # it imports SciPy by names that SciPy has moved
        warnings.simplefilter("ignore", DeprecationWarning)
        import colour_demosaicing

    rgb = colour_demosaicing.demosaicing_CFA_Bayer_Malvar2004(block_means(data, k), "RGGB")
    expected = moved(data, k, rgb[..., 0] - rgb[..., 1], rgb[..., 2] - rgb[..., 1])
    edge = slice(6 * k, -6 * k)
    found = remosaiced(data.astype(np.float32), pattern(k), "fast")
    np.testing.assert_allclose(found[edge, edge], expected[edge, edge], atol=2e-6)


def directional(data, k):
    """The estimate of `block_models`, block by block, from its equations: covariances, kriging, errors, weights."""
    h, w = data.shape[0] // k, data.shape[1] // k
    n, reach = 5 * k, 2
    y, x = (v.ravel() for v in np.mgrid[:n, :n])
    models = [(angle, share) for angle in np.arange(4) * np.pi / 4 for share in (0.03, 0.4)]
    estimate, miss = np.zeros((len(models), h, w, 2)), np.zeros((len(models), h, w))
    for number, (angle, share) in enumerate(models):
        dx, dy = x[:, None] - x, y[:, None] - y
        along, across = dx * np.cos(angle) + dy * np.sin(angle), dy * np.cos(angle) - dx * np.sin(angle)
        r = np.sqrt((along / 4) ** 2 + across**2) / k
        for parity in np.ndindex(2, 2):
            site = ((y // k + parity[0]) % 2) * 2 + (x // k + parity[1]) % 2
            color, own = COLOR[site], COLOR[parity[0] * 2 + parity[1]]
            # the middle of the window is block (2, 2)
            inside = (y // k == reach) & (x // k == reach)
            same = color[:, None] == color
            c = np.exp(-r / 8) + share * np.exp(-r / 10) * (same - 1 / 3) + 1e3 * same
            target = [
                (np.exp(-r / 8) + share * np.exp(-r / 10) * ((color == t)[:, None] - 1 / 3))[:, inside].mean(axis=1)
                + 1e3 * (color == t)
                for t in range(3)
            ]
            noisy = c + 1e-4 * np.eye(n * n)
            full = np.linalg.solve(noisy, np.array(target).T).T
            out = np.flatnonzero(~inside)
            around_it = np.linalg.solve(noisy[np.ix_(out, out)], target[own][out])
            for j in range(reach, h - reach):
                for i in range(reach, w - reach):
                    if (j % 2, i % 2) != parity:
                        continue
                    window = data[(j - reach) * k : (j + reach + 1) * k, (i - reach) * k : (i + reach + 1) * k].ravel()
                    red, green, blue = full @ window
                    estimate[number, j, i] = red - green, blue - green
                    miss[number, j, i] = abs(around_it @ window[out] - window[inside].mean())
    taps = np.array([1, 4, 6, 4, 1]) / 16
    smooth = np.apply_along_axis(np.convolve, 1, miss, taps, mode="same")
    smooth = np.apply_along_axis(np.convolve, 2, smooth, taps, mode="same")
    weight = (smooth**2 + 1e-7) ** -4.0
    mean = (weight[..., None] * estimate).sum(axis=0) / weight.sum(axis=0)[..., None]
    return mean[..., 0], mean[..., 1]


def test_directional_is_kriging_with_models_weighted_by_their_errors():
    k, rng = 2, np.random.Generator(np.random.Philox(4))
    data = gaussian_filter(rng.random((18 * k, 20 * k)), 1.2) * 3 - 1
    expected = moved(data, k, *directional(data, k))
    edge = slice(6 * k, -6 * k)
    found = remosaiced(data.astype(np.float32), pattern(k))
    np.testing.assert_allclose(found[edge, edge], expected[edge, edge], atol=2e-5)


@pytest.mark.parametrize("k", SIDES)
def test_filters_take_their_means_from_the_right_colours(k):
    weights = block_models.filters(k).reshape(3, 5, k * k, 2, 3, -1)
    # opposite pixels are added before they are weighted: twice the sum of weights over a colour
    for kind in (0, 1):
        down, right = np.mgrid[:3, -2:3]
        middle = down % 2 == 0 if kind == 0 else (down + right) % 2 == 0
        own = middle & (right % 2 == 0) if kind == 0 else middle
        total = 2 * weights[own][:, :, kind].sum(axis=(0, 1))
        # not green: own minus green, other minus green, own; green: the row's minus green, other minus green, own
        wanted = (1, 0, 1) if kind == 0 else (-1, -1, 1)
        np.testing.assert_allclose(total, np.broadcast_to(np.array(wanted)[:, None], total.shape), atol=2e-3)


@pytest.mark.parametrize("k", SIDES)
def test_nearest_takes_the_mean_of_the_nearest_block(k):
    data = np.random.Generator(np.random.Philox(5)).random((12 * k, 14 * k)).astype(np.float32)
    means, found = block_means(data, k), remosaiced(data, pattern(k), "nearest")
    own, wanted = COLOR[site_of(data.shape, pattern(k))], COLOR[site_of(data.shape)]
    blocks = COLOR[site_of(means.shape)]
    rows, columns = ((np.arange(n) + 0.5) * k - 0.5 for n in means.shape)
    for y, x in np.random.Generator(np.random.Philox(6)).integers(3 * k, 9 * k, (60, 2)):
        if own[y, x] == wanted[y, x]:
            continue
        distance = np.where(blocks == wanted[y, x], np.hypot(*np.meshgrid(rows - y, columns - x, indexing="ij")), 1e9)
        nearest = means[distance < distance.min() + 1e-9]
        assert np.abs(nearest - found[y, x]).min() < 1e-6


def test_the_pattern_behind_it_for_crops_and_for_yellow():
    for k in SIDES:
        for letters in ("RGGB", "RYYB"):
            cfa = Cfa(pattern(k, letters)).shifted(1, k)
            found = after(str(cfa), (40, 40))
            x, y = cfa.phase
            assert found.cfa == Cfa(letters).shifted(x, y)
            assert found.phase == (x, y)


@pytest.mark.parametrize("k", SIDES)
def test_noise_is_that_of_the_pixels_a_site_comes_from(k):
    place = np.arange(12 * k)
    bayer, block = (np.add.outer(2 * (p % 2), p % 2) for p in (place, place // k))
    counted = np.array([[np.mean(block[bayer == s] == t) for t in range(4)] for s in range(4)])
    np.testing.assert_allclose(shares(k), counted)
    context = around(np.zeros((40, 40), np.float32), pattern(k)).but(
        noise=NoiseModel((8e-3, 2e-3, 2e-3, 4e-3), (4e-4, 1e-4, 1e-4, 2e-4))
    )
    behind = Remosaic().advance({"method": "directional"}, context)
    np.testing.assert_allclose(behind.noise.shot, counted @ (8e-3, 2e-3, 2e-3, 4e-3))


def grey_star(size=180, spokes=36):
    fine = np.mgrid[: size * 4, : size * 4] / 4 - size / 2
    star = 0.5 + 0.4 * np.sign(np.sin(np.arctan2(*fine) * spokes))
    return gaussian_filter(star.reshape(size, 4, size, 4).mean(axis=(1, 3)), 0.5)


def grey_edge(degrees, size=120):
    y, x = np.mgrid[: size * 8, : size * 8] / 8 - size / 2
    across = np.cos(np.deg2rad(degrees)) * x + np.sin(np.deg2rad(degrees)) * y
    return gaussian_filter(np.where(across > 0, 0.8, 0.2).reshape(size, 8, size, 8).mean(axis=(1, 3)), 0.5)


def tint(grey, k, method):
    """How far the Bayer mosaic of a grey picture is from grey."""
    grey = grey[: grey.shape[0] // (2 * k) * 2 * k, : grey.shape[1] // (2 * k) * 2 * k].astype(np.float32)
    return np.abs(remosaiced(grey, pattern(k), method) - grey)[16:-16, 16:-16]


@pytest.mark.parametrize("k", SIDES)
@pytest.mark.parametrize("degrees", [8, 45, 60])
def test_grey_edges_stay_grey(k, degrees):
    found = tint(grey_edge(degrees), k, "directional")  # of a contrast of 0.6
    assert np.percentile(found, 99) < 0.01
    assert found.max() < 0.02


@pytest.mark.parametrize(("k", "share"), [(2, 0.65), (3, 0.5), (4, 0.5)])
def test_a_grey_star_is_coloured_less_than_by_the_blocks_means(k, share):
    star = grey_star()
    found = {m: float(np.mean(tint(star, k, m))) for m in ("directional", "guided", "nearest")}
    assert found["directional"] < share * found["guided"]
    assert found["directional"] < 0.06 * found["nearest"]
