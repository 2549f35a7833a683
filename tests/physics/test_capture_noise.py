"""Noise of captured frames: the published IMX586 table, and the noise model that every frame carries."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from isp.values import RawFrame
from sensors import capture
from sensors.optics import Lens
from sensors.sensor import Camera, Sensor

FLAT = "uniform?reflectance=0.18"
NO_BLUR = Lens(diffraction=False)
"""An even field looks the same behind any lens: this one costs least."""

IMX586 = {
    # ISO: electrons at saturation and read noise [e-] of a 2x2-binned pixel (calibration of PMRID, ECCV 2020)
    100: (13971, 6.30),
    200: (7458, 4.07),
    400: (3859, 2.82),
    800: (1964, 2.14),
    1600: (991, 1.78),
    3200: (498, 1.60),
    6400: (249, 1.50),
}


def photograph(part: str | Sensor | Camera, scene: str = FLAT, **settings: Any) -> RawFrame:
    """One frame behind a lens that does not blur."""
    frame = capture(scene, part, **{"lens": NO_BLUR, **settings})
    assert isinstance(frame, RawFrame)
    return frame


def planes(frame: RawFrame) -> dict[str, np.ndarray]:
    """Black-subtracted codes of each letter of a Bayer or mono frame [DN]; greens of both kinds together."""
    rows = frame.cfa.rows
    n = len(rows)
    data = np.asarray(frame.data, np.float64) - float(frame.black.ravel()[0])
    found: dict[str, list[np.ndarray]] = {}
    for j in range(n):
        for i in range(n):
            found.setdefault(rows[j][i], []).append(data[j::n, i::n])
    return {letter: np.stack(parts) for letter, parts in found.items()}


def transfer(part: str | Sensor, seed: int = 1, **settings: Any) -> list[tuple[float, float, int]]:
    """(mean [DN], temporal variance [DN^2], pixels) of each colour, from a pair of flats."""
    first, second = (planes(photograph(part, seed=s, **settings)) for s in (seed, seed + 1))
    return [
        (float((first[c] + second[c]).mean() / 2), float((first[c] - second[c]).var() / 2), first[c].size)
        for c in first
    ]


@pytest.mark.parametrize(("iso", "published"), IMX586.items())
def test_imx586_binned_is_the_published_table(iso: int, published: tuple[float, float]) -> None:
    saturation, read = published
    settings = {"mode": "bin2", "iso": iso, "size": (1280, 1280)}
    # A mean of four codes that ends in .5 goes to the even neighbour: the variance of the rounding swings with the
    # level, with a period of two codes. Many levels let it average out. The bright end fixes the slope.
    low = max(0.018, 1.5 * read**2 / saturation)
    shares = [*np.geomspace(low, 3 * low, 9), 0.3, 0.4, 0.5, 0.55]
    points = [transfer("imx586", 2 * i, target=float(share), **settings) for i, share in enumerate(shares)]
    mean, variance, count = np.array(points).reshape(-1, 3).T
    slope, offset = np.polyfit(mean, variance, 1, w=np.sqrt(count / 2) / variance)
    over = photograph("imx586", mode="bin2", iso=iso, exposure=1.0, lux=1e4, size=(64, 64))
    assert over.data.min() == over.data.max() == over.white == 1023
    assert (over.white - 64) / slope == pytest.approx(saturation, rel=0.01)
    assert np.sqrt(offset) / slope == pytest.approx(read, rel=0.02)


@pytest.mark.parametrize("level", [0.05, 0.2, 0.6])
@pytest.mark.parametrize(
    ("part", "mode", "iso"),
    [
        ("imx586", "full", 100), ("imx586", "full", 1600), ("imx586", "bin2", 100), ("imx586", "bin2", 3200),
        ("isocell_hp1", "bin4", 50), ("isocell_hp1", "bin4", 1600), ("imx989", "bin2", 100), ("imx989", "bin2", 3200),
    ],
)
def test_noise_profile_predicts_the_variance(part: str, mode: str, iso: int, level: float) -> None:
    side = {"full": 512, "bin2": 1024, "bin4": 2048}[mode]
    settings = {"mode": mode, "iso": iso, "size": (side, side), "target": level}
    frame = photograph(part, **settings)
    span = frame.white - float(frame.black.ravel()[0])
    noise = frame.info.noise
    assert noise is not None
    frames = [np.asarray(photograph(part, seed=s, **settings).data, np.float64) - frame.black for s in range(1, 5)]
    n = frame.cfa.period
    # where a letter occurs several times in the pattern its sites are alike, but for green imbalance
    measured, predicted = [], []
    for j in range(n):
        for i in range(n):
            site = np.stack([f[j::n, i::n] for f in frames]) / span
            measured.append(site.var(axis=0, ddof=1).mean())
            predicted.append(noise.shot[0] * site.mean() + noise.read[0])
    colours = np.array([frame.cfa.at(i, j) for j in range(n) for i in range(n)])
    for letter in "RGB":
        ratio = np.array(measured)[colours == letter].sum() / np.array(predicted)[colours == letter].sum()
        assert ratio == pytest.approx(1, abs=0.02)


def test_dark_frames_show_the_constant_term() -> None:
    # reading out of a converter fine enough that rounding acts like noise
    settings = {"mode": "bin2", "iso": 1600, "size": (1024, 1024), "exposure": 0.0}
    pair = [np.asarray(photograph("imx989", "dark", seed=s, **settings).data, np.float64) for s in (1, 2)]
    frame = photograph("imx989", "dark", **settings)
    assert frame.info.noise is not None
    variance = (pair[0] - pair[1]).var() / 2 / (frame.white - 1024) ** 2
    assert variance == pytest.approx(frame.info.noise.read[0], rel=0.02)
