"""noise_reduction by bisquare against a slow NumPy version, and what it does to noise, means, edges and texture."""

from __future__ import annotations

import numpy as np
import pytest

from isp.stages.noise import TYPICAL
from tests.unit.stage_runner import PHASES, around, mosaic_of, noisy, run_stage

BISQUARE = {"method": "bisquare"}

ISO100 = (1e-4, 2e-7)
ISO800 = (8e-4, 6e-6)


def by_hand(data, shot, read, strength):
    """The published formula (generalised Anscombe, bisquare), plainly, with one S and O; (H, W, C), stride 1."""
    x = data.astype(np.float64)
    constant = read + 0.375 * shot**2
    stable = np.where(
        x > 0, 2 / shot * (np.sqrt(shot * np.maximum(x, 0) + constant) - np.sqrt(constant)), x / np.sqrt(constant)
    )
    inner = slice(2, -2)
    total, count = np.zeros_like(x[inner, inner]), 0
    for j in range(-2, 3):
        for i in range(-2, 3):
            rows, columns = slice(2 + j, x.shape[0] - 2 + j), slice(2 + i, x.shape[1] - 2 + i)
            d2 = ((stable[rows, columns] - stable[inner, inner]) ** 2).mean(-1, keepdims=True)
            weight = np.maximum(1 - (i * i + j * j) / 12 - d2 / (18 * strength**2), 0) ** 2
            total, count = total + weight * x[rows, columns], count + weight
    return total / count


@pytest.mark.parametrize("strength", [0.4, 1.0, 2.0])
def test_camera_rgb_equals_the_formula(strength):
    rng = np.random.Generator(np.random.Philox(1))
    data = (0.1 + 0.15 * rng.standard_normal((30, 36, 3))).astype(np.float32)
    result = run_stage("noise_reduction", data, around(data, noise=(4e-3, 1e-3)), "camera", strength=strength,
                       **BISQUARE)
    assert np.allclose(result[2:-2, 2:-2], by_hand(data, 4e-3, 1e-3, strength), atol=2e-6)


@pytest.mark.parametrize("cfa", PHASES)
def test_each_plane_of_a_mosaic_equals_the_formula(cfa):
    rng = np.random.Generator(np.random.Philox(1))
    data = (0.1 + 0.15 * rng.standard_normal((41, 50))).astype(np.float32)
    result = run_stage("noise_reduction", data, around(data, cfa, (4e-3, 1e-3)), **BISQUARE)
    for y in (0, 1):
        for x in (0, 1):
            expected = by_hand(data[y::2, x::2, None], 4e-3, 1e-3, 1.0)[..., 0]
            assert np.allclose(result[y::2, x::2][2:-2, 2:-2], expected, atol=2e-6)


def test_each_site_is_judged_by_its_own_noise():
    from isp.values import NoiseModel

    data = noisy(np.full((80, 80), 0.2), 4e-4, 1e-5)
    loud_red = NoiseModel((4e-4, 4e-9, 4e-9, 4e-9), (1e-5, 1e-10, 1e-10, 1e-10))
    result = run_stage("noise_reduction", data, around(data).but(noise=loud_red), **BISQUARE)
    assert result[::2, ::2].std() < 0.5 * data[::2, ::2].std()
    assert np.allclose(result[1::2, 1::2], data[1::2, 1::2], atol=0.3 * data.std())


@pytest.mark.parametrize("domain", ["mosaic", "camera"])
@pytest.mark.parametrize("level", [0.0, 0.001, 0.01, 0.1, 1.0])
@pytest.mark.parametrize("noise", [(1.56e-4, 4.9e-8), (2e-3, 4e-4)])
def test_flat_fields_lose_noise_but_not_their_mean(domain, level, noise):
    shape = (600, 600) if domain == "mosaic" else (350, 350, 3)
    data = noisy(np.full(shape, level), *noise)
    result = run_stage("noise_reduction", data, around(data, noise=noise), domain, **BISQUARE)
    sigma = np.sqrt(noise[0] * level + noise[1])
    assert abs(result.mean(dtype=np.float64) - data.mean(dtype=np.float64)) < 0.01 * sigma
    assert result.std() < 0.48 * sigma


@pytest.mark.parametrize("domain", ["mosaic", "camera"])
def test_strength_zero_changes_nothing_and_an_edge_survives_any_noise_below_it(domain):
    data = np.full((40, 40) if domain == "mosaic" else (40, 40, 3), 0.1, np.float32)
    data[:, 20:] = 0.5
    context = around(data, noise=ISO800)
    assert np.allclose(run_stage("noise_reduction", data, context, domain, **BISQUARE), data, atol=1e-7)
    speckled = noisy(data, *ISO800)
    off = run_stage("noise_reduction", speckled, context, domain, strength=0.0, **BISQUARE)
    assert np.allclose(off, speckled, atol=1e-7)
    calm = run_stage("noise_reduction", speckled, context, domain, **BISQUARE)
    width = calm[:, 20].mean() - calm[:, 19].mean()
    assert width == pytest.approx(0.4, abs=0.01)


def texture():
    """A linear picture with smooth shading, edges at many angles, fine stripes and weak texture, (H, W, 3)."""
    y, x = np.mgrid[:256, :320] / 1.0
    wave = np.sin(0.002 * (x**2 + y**2))  # rings of every angle, up to 0.2 cycles/px
    weak = 0.04 * np.sin(0.9 * x + 0.4 * y) * np.sin(0.5 * y)
    base = 0.15 + 0.1 * np.sin(x / 60) * np.cos(y / 45)
    grey = base * (1 + 0.5 * wave * (x > 160)) * (1 + weak) + 0.2 * (np.hypot(x - 80, y - 128) < 50)
    return grey[..., None] * np.array([0.9, 1.0, 0.7])


def psnr(a, b):
    a, b = (np.clip(v[10:-10, 10:-10], 0, 1) ** (1 / 2.2) for v in (a, b))
    return -10 * np.log10(np.mean((a - b) ** 2))


@pytest.mark.parametrize("domain", ["mosaic", "camera"])
@pytest.mark.parametrize(("noise", "gain"), [(ISO100, 0.0), (ISO800, 0.5), ((3.2e-3, 8e-5), 1.5)])
def test_detail_survives_and_the_picture_comes_closer_to_the_truth(domain, noise, gain):
    truth = texture()
    mosaic = noisy(mosaic_of(truth), *noise)
    context = around(mosaic, noise=noise)

    def develop(data):
        return run_stage("demosaic", data, context)

    before = develop(mosaic)
    if domain == "mosaic":
        after = develop(run_stage("noise_reduction", mosaic, context, **BISQUARE))
    else:
        after = run_stage("noise_reduction", before, context, "camera", **BISQUARE)
    assert psnr(after, truth) >= psnr(before, truth) + gain


def test_an_unknown_noise_model_is_taken_as_typical_with_the_gains_so_far():
    data = noisy(np.full((60, 60), 0.2), 4e-4, 4e-6)
    gains = (2.0, 1.0, 1.5)
    model = TYPICAL.scaled((2.0, 1.0, 1.0, 1.5))
    known = run_stage("noise_reduction", data, around(data, clip=gains).but(noise=model), **BISQUARE)
    assert np.array_equal(run_stage("noise_reduction", data, around(data, clip=gains), **BISQUARE), known)
