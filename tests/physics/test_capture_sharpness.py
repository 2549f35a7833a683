"""Sharpness of captured edges: the slanted-edge response of ISO 12233, written here from the standard."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sensors import capture
from sensors.optics import Lens
from sensors.sensor import Sensor
from tests.physics.sensor_fakes import sensor

OVER = 4
"""Bins of the projected edge per photosite."""
GREEN_LINE = {"parametric": {"Y": [[550.0, 3.0, 0.6]]}}
"""Sensitivity of a few nanometres around 550 nm."""


def edge_response(picture: np.ndarray, half: int = 32) -> tuple[np.ndarray, np.ndarray]:
    """(frequencies [cycles/px], modulus) of a nearly vertical edge, dark on the left."""
    rows, columns = picture.shape
    x = np.arange(columns) + 0.5
    slope = np.diff(picture, axis=1)
    # the centroid of each row's derivative, then a line through them, then once more around that line
    line = np.array([0.0, columns / 2])
    for reach in (columns / 2, half / 2):
        middle = np.polyval(line, np.arange(rows))
        weight = slope * (np.abs(x[1:] - 0.5 - middle[:, None]) < reach)
        centre = (weight * (x[1:] - 0.5)).sum(axis=1) / weight.sum(axis=1)
        line = np.polyfit(np.arange(rows), centre, 1)
    across = np.cos(np.arctan(line[0]))
    distance = (x - np.polyval(line, np.arange(rows))[:, None]) * across
    which = np.floor(distance * OVER).astype(int) + half * OVER
    inside = (which >= 0) & (which < 2 * half * OVER)
    count = np.bincount(which[inside], minlength=2 * half * OVER)
    assert count.min() > 0
    profile = np.bincount(which[inside], picture[inside], minlength=2 * half * OVER) / count
    spread = np.convolve(profile, [0.5, 0, -0.5], "valid")
    spread = spread * np.hamming(len(spread))
    modulus = np.abs(np.fft.rfft(spread, 8 * len(spread)))
    frequency = np.fft.rfftfreq(8 * len(spread), 1 / OVER)
    modulus = modulus / modulus[0]
    # central difference over two bins, and the width of a bin
    step = frequency / OVER
    return frequency, modulus / np.maximum(np.sinc(2 * step) * np.sinc(step), 0.1)


def expected(frequency: np.ndarray, pitch_um: float, f_number: float, degrees: float) -> np.ndarray:
    """Diffraction at a round aperture times the square photosite, along the normal of the edge."""
    s = np.minimum(frequency / pitch_um * f_number * 0.55, 1)
    lens = 2 / np.pi * (np.arccos(s) - s * np.sqrt(1 - s * s))
    turn = np.radians(degrees)
    return lens * np.sinc(frequency * np.cos(turn)) * np.sinc(frequency * np.sin(turn))


def edge(part: Sensor, degrees: float, **settings: Any) -> np.ndarray:
    result = capture(
        f"slanted-edge?angle={degrees}&contrast=4", part, size=(128, 240), exposure=0.01, truth=True, **settings
    )
    return np.asarray(result[1].electrons, np.float64)


@pytest.mark.parametrize(
    ("pitch", "f_number"),
    [(2.0, 1.8), (0.64, 1.69), (0.64, 1.9), (1.6, 1.9)],
)
@pytest.mark.parametrize("degrees", [5.0, -8.0])
def test_edge_shows_diffraction_times_the_photosite(pitch: float, f_number: float, degrees: float) -> None:
    part = sensor(pitch_um=pitch, sensitivity_spec=GREEN_LINE)
    frequency, found = edge_response(edge(part, degrees, lens=Lens(f_number=f_number)))
    use = (frequency > 0.02) & (frequency < 0.5)
    error = found - expected(frequency, pitch, f_number, degrees)
    # the tolerance of the kernels (their wings are cut, see sensors.optics.point_spread)
    assert np.abs(error[use]).max() < 0.025
    assert np.abs(error[(frequency > 0.1) & (frequency < 0.5)]).max() < 0.015


@pytest.mark.parametrize("degrees", [5.0])
def test_a_lens_without_blur_leaves_the_photosite(degrees: float) -> None:
    frequency, found = edge_response(edge(sensor(), degrees, lens=Lens(diffraction=False)))
    use = frequency < 0.6
    turn = np.radians(degrees)
    sinc = np.sinc(frequency * np.cos(turn)) * np.sinc(frequency * np.sin(turn))
    assert np.abs(found - sinc)[use].max() < 0.005


def test_noisy_frames_show_the_same_on_average() -> None:
    part = sensor(pitch_um=2.0, gain=0.2, sensitivity_spec=GREEN_LINE)
    scene = "slanted-edge?angle=5&contrast=4"
    settings = {"size": (128, 240), "target": 0.4, "lens": Lens(f_number=1.8)}
    frames = [np.asarray(capture(scene, part, seed=s, **settings).data, np.float64) - 64 for s in range(12)]
    frequency, found = edge_response(np.mean(frames, axis=0), half=16)
    use = (frequency > 0.05) & (frequency < 0.4)
    assert np.abs(found - expected(frequency, 2.0, 1.8, 5.0))[use].max() < 0.04


def test_the_nyquist_column_of_published_phones() -> None:
    # 550 nm, ideal lens: transfer at the photosite's Nyquist frequency without the photosite's own aperture
    for pitch, f_number, published in ((0.64, 1.69, 0.165), (0.64, 1.9, 0.092), (1.6, 1.9, 0.592)):
        part = sensor(pitch_um=pitch, sensitivity_spec=GREEN_LINE)
        frequency, found = edge_response(edge(part, 5.0, lens=Lens(f_number=f_number)))
        at = np.interp(0.5, frequency, found / np.sinc(frequency.clip(0, 0.9)))
        assert at == pytest.approx(published, abs=0.02)
