"""Slanted edges of simulated photographs against the lens's known transfer, and of a real one."""

import numpy as np
import pytest

from reports.metrics import slanted_edge
from sensors import capture
from sensors.optics import Lens
from tests.physics.sensor_fakes import sensor
from tests.physics.test_capture_sharpness import GREEN_LINE, expected


def region(frame, regions):
    corners = np.array(next(r["corners"] for r in regions if r["kind"] == "edge"))
    (left, top), (right, bottom) = np.round(corners[[0, 2]]).astype(int)
    return np.asarray(frame, np.float64)[top:bottom, left:right]


def mtf50_of(pitch, f_number, degrees):
    f = np.linspace(0.01, 0.9, 3000)
    return f[np.argmax(expected(f, pitch, f_number, degrees) < 0.5)]


@pytest.mark.parametrize(("pitch", "f_number"), [(2.0, 1.8), (1.6, 1.9), (0.8, 1.8)])
@pytest.mark.parametrize("horizontal", [False, True])
def test_a_captured_edge_has_the_lens_and_the_photosite(pitch, f_number, horizontal):
    part = sensor(pitch_um=pitch, sensitivity_spec=GREEN_LINE)
    scene = f"slanted-edge?angle=5&contrast=4&horizontal={str(horizontal).lower()}"
    _, truth = capture(scene, part, size=(280, 280), exposure=0.01, truth=True, lens=Lens(f_number=f_number))
    found = slanted_edge(region(truth.electrons, truth.regions))
    assert found.vertical is not horizontal
    assert abs(found.angle) == pytest.approx(5.0, abs=0.05)
    # the simulated kernels' wings are cut: their transfer is off by up to 0.01, the edge's levels by what is outside
    assert found.mtf50 == pytest.approx(mtf50_of(pitch, f_number, 5.0), rel=0.03)
    use = (found.frequency > 0.06) & (found.frequency < 0.5)
    assert np.abs(found.sfr - expected(found.frequency, pitch, f_number, 5.0))[use].max() < 0.02


def test_a_noisy_raw_frame_agrees_with_its_truth():
    part = sensor(pitch_um=2.0, gain=0.2, sensitivity_spec=GREEN_LINE)
    frame, truth = capture("slanted-edge?angle=5&contrast=4", part, size=(200, 240), target=0.4, truth=True,
                           lens=Lens(f_number=1.8), seed=3)  # fmt: skip
    clean = slanted_edge(region(truth.electrons, truth.regions))
    noisy = slanted_edge(region(frame.data, truth.regions) - 64.0)
    assert noisy.mtf50.interval[0] - 0.005 < clean.mtf50 < noisy.mtf50.interval[1] + 0.005
    assert noisy.mtf50 == pytest.approx(clean.mtf50, rel=0.03)


def real(shared_data, name):
    from PIL import Image

    path = shared_data / "mtf" / name
    if not path.is_file():
        pytest.skip("the real edge is not here")
    with Image.open(path) as picture:
        return np.asarray(picture)


def test_a_real_edge_is_one_edge_in_every_file(shared_data):
    color, other, mono = (real(shared_data, f"Test_edge1{end}") for end in (".bmp", ".tif", "_mono.tif"))
    found = slanted_edge(color)
    assert found.mtf50.known, found.reason
    assert found.mtf50 == slanted_edge(other).mtf50
    grey = slanted_edge(mono)
    assert found.mtf50_interval[0] < grey.mtf50 < found.mtf50_interval[1]
    assert (found.angle, grey.angle) == pytest.approx((5.5, 5.5), abs=0.05)
    turned = slanted_edge(color.swapaxes(0, 1))
    assert (found.vertical, turned.vertical) == (False, True)
    assert turned.mtf50 == pytest.approx(found.mtf50, rel=1e-4)
    halves = [slanted_edge(part) for part in np.array_split(color, 2, axis=1)]
    assert all(low < found.mtf50 < high for low, high in (h.mtf50_interval for h in halves))


def test_a_real_edge_is_sharpest_in_blue(shared_data):
    # as sfrmat5 has it: it reaches 55, 55 and 56 % of Nyquist, rounded up to whole percents, at half of the response
    red, green, blue = (slanted_edge(real(shared_data, "Test_edge1.bmp")[..., c]).mtf50 for c in range(3))
    assert red < green < blue
    for ours, theirs in ((red, 0.55), (green, 0.55), (blue, 0.56)):
        assert ours == pytest.approx(theirs / 2, abs=0.01)


@pytest.mark.parametrize("method", ["model", "iso12233"])
def test_agrees_with_another_program(shared_data, method):
    # luminance of Test_edge1.bmp by sfrmat5 in C++ (t-kuha/sfrmat5, the numbers of its own test). It looks for the edge
    # over the full width, whose noise blurs its bins: half of its gap of 0.019 closes with that here too
    found = slanted_edge(real(shared_data, "Test_edge1.bmp"), method=method)
    assert not found.vertical
    assert np.degrees(np.arccos(0.248855 * 4)) == pytest.approx(abs(found.angle), abs=0.1)
    theirs = ((0.008102, 0.9943, 0.001), (0.267353, 0.5115, 0.022), (0.494199, 0.0147, 0.015))
    for frequency, published, off in theirs:
        assert np.interp(frequency, found.frequency, found.sfr) == pytest.approx(published, abs=off)
