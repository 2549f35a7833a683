"""noise_reduction by dct against a slow NumPy and SciPy version of its formula, and what it does to means and edges."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.fft import dct, dctn, idctn
from scipy.ndimage import convolve1d

from isp.stages.noise import TYPICAL
from isp.stages.noise_reduction.stabilised import corrections
from isp.values import NoiseModel
from tests.unit.stage_runner import PHASES, around, noisy, run_stage, site_of

ISO1600 = (1.01e-3, 3.3e-6)
T = 1.8
KERNEL = [0.25, 0.5, 0.25]
QUAD = "RRGG/RRGG/GGBB/GGBB"
BAYER = np.array([[0.5, 0.5, 0.5, 0.5], [-0.5, 0.5, 0.5, -0.5], [0.5**0.5, 0, 0, -(0.5**0.5)],
                  [0, 0.5**0.5, -(0.5**0.5), 0]])


def to_stable(x, shot, read):
    c = read + 0.375 * shot**2
    return 2 / shot * np.sqrt(shot * np.maximum(x, 0) + c) + np.minimum(x, 0) / np.sqrt(c)


def to_linear(d, shot, read, averaged):
    c = read + 0.375 * shot**2
    place = d - 2 / shot * np.sqrt(c)
    algebraic = np.where(place > 0, shot / 4 * d**2 - c / shot, place * np.sqrt(c))
    table = corrections(np.array([shot]), np.array([read]))[0]
    return algebraic + averaged * np.interp(place, -6 + 0.5 * np.arange(49), table)


def in_windows(plane, threshold, mean=True):
    """Shrinkage of one plane (H, W), and the share of noise left; good where eight pixels lie around."""
    height, width = plane.shape
    total, over = np.zeros_like(plane), np.zeros_like(plane)
    for y in range(0, height - 7, 2):
        for x in range(width - 7):
            c = dctn(plane[y : y + 8, x : x + 8], norm="ortho")
            energy = c**2
            if mean:
                energy[0, 0] = 0
            near = convolve1d(convolve1d(energy, KERNEL, 0, mode="mirror"), KERNEL, 1, mode="mirror")
            gain = 1 - 1 / (1 + (near / threshold**2) ** 2)
            if mean:
                gain[0, 0] = 1
            weight = 1 / (np.sum(gain**2) + 8 * 0.02)
            total[y : y + 8, x : x + 8] += weight * idctn(gain * c, norm="ortho")
            over[y : y + 8, x : x + 8] += weight
    over = np.where(over > 0, over, 1)
    # the harmonic mean over the windows, 32, of the noise kept, of 64
    return total / over, 32 / over / 64


def by_hand(planes, shot, read, mixing, thresholds, means):
    """Planes of sites (n, H, W), linear, through the whole method."""
    mixed = np.tensordot(mixing, to_stable(planes.astype(np.float64), shot, read), 1)
    parts = [in_windows(p, t, m) for p, t, m in zip(mixed, thresholds, means, strict=True)]
    calm = np.tensordot(mixing.T, np.array([p for p, _ in parts]), 1)
    return to_linear(calm, shot, read, 1 - np.mean([left for _, left in parts], axis=0))


def speckled(shape, seed=1):
    rng = np.random.Generator(np.random.Philox(seed))
    return (0.1 + 0.08 * (np.arange(shape[1]) > shape[1] // 2) + 0.03 * rng.standard_normal(shape)).astype(np.float32)


def test_the_transform_is_the_orthonormal_one_times_root_eight_and_its_transpose_inverts_it():
    import halide as hl

    from isp.stages.noise_reduction import dct8

    samples = np.random.Generator(np.random.Philox(2)).standard_normal((8, 16)).astype(np.float32)
    x, k = hl.Var("x"), hl.Var("k")
    given = hl.Buffer(samples)

    def chosen(exprs):
        func = hl.Func()
        value = exprs[0]
        for i in range(1, 8):
            value = hl.select(k == i, exprs[i], value)
        func[x, k] = value
        return np.asarray(func.realize([16, 8]))

    forward = dct8.forward([given[x, i] for i in range(8)])
    assert np.allclose(chosen(forward), dct(samples, axis=0, norm="ortho") * 8**0.5, atol=3e-6)
    assert np.allclose(chosen(dct8.transpose(forward)), samples * dct8.SCALE, atol=2e-5)


def test_a_monochrome_mosaic_equals_the_formula():
    data = speckled((44, 52))
    result = run_stage("noise_reduction", data, around(data, "Y", (4e-3, 1e-3)), strength=0.8)
    expected = by_hand(data[None], 4e-3, 1e-3, np.eye(1), [T * 0.8], [True])[0]
    inner = np.s_[8:-8, 8:-8]
    assert np.allclose(result[inner], expected[inner], atol=2e-6)


def sites_of(data, phase, side):
    """The planes (side * side, H, W) of a mosaic, in rows of sites, from the first red one on (mirrored if before)."""
    px, py = phase
    padded = np.pad(data, ((py, 0), (px, 0)), mode="reflect")
    height, width = (n // side * side for n in padded.shape)
    return np.array([padded[j:height:side, i:width:side] for j in range(side) for i in range(side)])


def in_place(planes, phase, side, shape):
    result = np.full((planes.shape[1] * side, planes.shape[2] * side), np.nan)
    for number, plane in enumerate(planes):
        result[number // side :: side, number % side :: side] = plane
    return result[phase[1] :, phase[0] :][: shape[0], : shape[1]]


@pytest.mark.parametrize("cfa", PHASES)
def test_a_bayer_mosaic_equals_the_formula(cfa):
    data = speckled((57, 61))
    context = around(data, cfa, (4e-3, 1e-3))
    result = run_stage("noise_reduction", data, context, chroma=1.5)
    phase = context.cfa.phase
    thresholds = [T, 1.5 * T, 1.5 * T, 1.5 * T]
    planes = by_hand(sites_of(data, phase, 2), 4e-3, 1e-3, BAYER, thresholds, [True, True, True, False])
    inner = np.s_[18:38, 18:42]
    assert np.allclose(result[inner], in_place(planes, phase, 2, data.shape)[inner], atol=3e-6)


def test_blocks_of_a_quad_mosaic_equal_the_formula():
    data = speckled((104, 100))
    context = around(data, QUAD, (4e-3, 1e-3))
    result = run_stage("noise_reduction", data, context)
    # sites R, Gr, Gb, B of each place in the block; the block's frequencies are sums and differences
    order = [4 * (2 * gy + j) + 2 * gx + i for j in (0, 1) for i in (0, 1) for gy in (0, 1) for gx in (0, 1)]
    planes = sites_of(data, (0, 0), 4)[order]
    block = np.array([[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]]) / 2
    means = [True, True, True] + 13 * [False]
    found = by_hand(planes, 4e-3, 1e-3, np.kron(block, BAYER), 16 * [T], means)
    expected = in_place(found[np.argsort(order)], (0, 0), 4, data.shape)
    inner = np.s_[36:-36, 36:-36]
    assert np.allclose(result[inner], expected[inner], atol=3e-6)


@pytest.mark.parametrize("noise", [(1.56e-4, 4.9e-8), (4e-3, 8e-6), (2e-3, 4e-4)])
def test_the_inverse_is_unbiased_from_below_black_to_far_above(noise):
    shot, read = noise
    unit = np.sqrt(read + shot**2)
    rng = np.random.Generator(np.random.Philox(5))
    for level in np.array([-2, -0.5, 0, 0.3, 1, 3, 10, 100]) * unit:
        light = max(level, 0)
        samples = rng.poisson(light / shot, 400_000) * shot + min(level, 0)
        samples = samples + rng.normal(0, np.sqrt(read), samples.shape)
        mean = to_stable(samples, shot, read).mean()
        bias = to_linear(mean, shot, read, 1.0) - level
        assert abs(bias) < 0.015 * np.sqrt(shot * light + read)


@pytest.mark.parametrize("cfa", ["Y", "RGGB"])
@pytest.mark.parametrize("level", [-0.001, 0.0, 0.001, 0.01, 0.3])
@pytest.mark.parametrize("noise", [(1.56e-4, 4.9e-8), (2e-3, 4e-4)])
def test_flat_fields_lose_their_noise_but_not_their_mean(cfa, level, noise):
    data = noisy(np.full((600, 600), max(level, 0.0)), *noise) + np.float32(min(level, 0.0))
    result = run_stage("noise_reduction", data, around(data, cfa, noise))
    sigma = np.sqrt(noise[0] * max(level, 0) + noise[1])
    assert abs(result.mean(dtype=np.float64) - data.mean(dtype=np.float64)) < 0.02 * sigma
    assert result.std() < 0.25 * sigma


def test_each_site_is_judged_by_its_own_noise():
    data = noisy(np.full((120, 120), 0.2), 4e-4, 1e-5)
    quiet = (1e-8, 1e-10)
    data = np.where(site_of(data.shape) == 0, data, noisy(np.full(data.shape, 0.2), *quiet)).astype(np.float32)
    loud_red = NoiseModel((4e-4, *3 * (quiet[0],)), (1e-5, *3 * (quiet[1],)))
    result = run_stage("noise_reduction", data, around(data).but(noise=loud_red))
    assert result[::2, ::2].std() < 0.6 * data[::2, ::2].std()
    assert np.allclose(result[1::2, 1::2], data[1::2, 1::2], atol=0.05 * data.std())


@pytest.mark.parametrize("cfa", ["Y", "RGGB"])
def test_an_edge_in_noise_keeps_its_place_and_its_width(cfa):
    y, x = np.mgrid[:320, :160]
    blurred = 0.08 + 0.4 / (1 + np.exp(-(x - 80 + 0.1 * (y - 160)) / 0.6))  # slanted, 10 to 90 % in 2.6 px
    data = noisy(blurred, *ISO1600)
    result = run_stage("noise_reduction", data, around(data, cfa, ISO1600))
    across = np.round((x - 80 + 0.1 * (y - 160)) * 4).astype(int)

    def profile(picture):
        return np.array([picture[32:-32][across[32:-32] == k].mean() for k in range(-24, 25)])

    true, found = profile(blurred), profile(result)
    assert np.abs(found - true).max() < 0.02 * 0.4
    assert np.gradient(found).max() > 0.9 * np.gradient(true).max()


def test_strength_zero_changes_nothing_and_chroma_reaches_only_colour_differences():
    data = noisy(np.full((240, 240), 0.2), *ISO1600)
    context = around(data, noise=ISO1600)
    assert np.allclose(run_stage("noise_reduction", data, context, strength=0.0), data, atol=3e-6)
    calm, weak = (run_stage("noise_reduction", data, context, chroma=c) for c in (1.0, 0.3))

    def light_and_difference(mosaic):
        stable = to_stable(mosaic.astype(np.float64), *ISO1600)
        r, gr, gb, b = stable[::2, ::2], stable[::2, 1::2], stable[1::2, ::2], stable[1::2, 1::2]
        return (r + gr + gb + b).std() / 2, (gr - gb).std() / 2**0.5

    assert light_and_difference(weak)[0] == pytest.approx(light_and_difference(calm)[0], rel=0.02)
    assert light_and_difference(weak)[1] > 3 * light_and_difference(calm)[1]


def test_an_unknown_noise_model_is_taken_as_typical_with_the_gains_so_far():
    data = noisy(np.full((60, 60), 0.2), 4e-4, 4e-6)
    gains = (2.0, 1.0, 1.5)
    model = TYPICAL.scaled((2.0, 1.0, 1.0, 1.5))
    known = run_stage("noise_reduction", data, around(data, clip=gains).but(noise=model))
    assert np.array_equal(run_stage("noise_reduction", data, around(data, clip=gains)), known)
