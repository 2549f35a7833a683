"""Realistic noise: the settings that keep grain in luminance and take noise out of colour, on a simulated night."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from isp import Pipeline, read_profile
from isp.color.spaces import D65, rgb_to_xyz

PAGE = Path(__file__).parents[2] / "docs" / "looks.md"


def realistic() -> list[str]:
    """The settings as the page states them."""
    block = PAGE.read_text(encoding="utf-8").split("## Realistic noise")[1].split("```")[1]
    return [line.split("--set ")[1].rstrip(" \\") for line in block.splitlines() if "--set " in line]


@pytest.fixture(scope="module")
def night():
    from sensors import capture

    return capture("uniform", "xiaomi_12s_ultra/main", mode="bin2", iso=3200, lux=2.0, illuminant="2700K",
                   exposure=1 / 15, size=(1024, 768))  # fmt: skip


def _noise(frame, settings):
    """Standard deviations of L*, a*, b*: of pixels, and of means of 4 x 4, without slow trends."""
    import colour
    from scipy.ndimage import gaussian_filter

    plain = ["sharpen.enabled=false", "output.format=tiff", "output.bits=16"]
    code = Pipeline(read_profile("natural").with_settings([*plain, *settings])).run(frame).value.data.astype(np.float64)
    light = np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4)
    lab = colour.XYZ_to_Lab(light @ rgb_to_xyz("srgb").T, D65)[64:-64, 64:-64]
    lab -= np.stack([gaussian_filter(lab[..., c], 32) for c in range(3)], axis=2)
    h, w = (n // 4 * 4 for n in lab.shape[:2])
    means = lab[:h, :w].reshape(h // 4, 4, w // 4, 4, 3).mean((1, 3))
    return lab.std((0, 1)), means.std((0, 1))


def test_luminance_keeps_its_grain_and_colour_loses_its_noise(night):
    settings = realistic()
    assert len(settings) == 3
    before = _noise(night, ["noise_reduction.enabled=false", "chroma_noise_reduction.enabled=false"])
    after = _noise(night, settings)
    assert 0.78 < after[0][0] / before[0][0] < 0.9
    for one, other in zip(before, after, strict=True):
        assert (20 * np.log10(one[1:] / other[1:]) > 26).all()
