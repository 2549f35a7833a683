"""Grey steps found in simulated and drawn charts; none where there are none."""

import numpy as np
import pytest
from scipy.ndimage import rotate

from isp.color.spaces import srgb_encoded
from isp.errors import UsageError
from isp.values import Picture
from reports.charts.steps import find_grey_steps, grey_row_of, patches_of
from reports.source import Source
from sensors import capture

DENSITIES = 0.05 + 0.1 * np.arange(20)


def source_of(light, sigma=0.0):
    noisy = light + sigma * np.random.Generator(np.random.Philox(1)).normal(size=light.shape) * np.sqrt(light)
    return Source(Picture.from_array(np.rint(255 * srgb_encoded(np.clip(noisy, 0, 1))).astype(np.uint8)))


@pytest.fixture(scope="module")
def chart():
    _, truth = capture("grey-steps", "imx586", mode="bin2", size=(800, 600), seed=1, truth=True)
    return np.asarray(truth.ideal.pixels, np.float64), truth


@pytest.mark.parametrize(("angle", "sigma"), [(0, 0.0), (0, 0.02), (4, 0.01), (-10, 0.01), (10, 0.0)])
def test_a_grid_is_found_straight_and_turned(chart, angle, sigma):
    light = rotate(chart[0], angle, axes=(1, 0), order=1, mode="constant", cval=0.13) if angle else chart[0]
    source = source_of(light.clip(0), sigma)
    found = find_grey_steps(source, DENSITIES)
    assert found
    assert np.log10(found.light) == pytest.approx(-DENSITIES, abs=0.02)
    assert found.densities == pytest.approx(DENSITIES)
    assert len(found.outlines()) == 20
    for patch, density in zip(patches_of(source, found.patches), DENSITIES, strict=True):
        # all of it belongs to the patch
        assert min(patch.shape[:2]) > 16
        assert np.ptp(patch.reshape(-1, 3).mean(1)) < 3 + 255 * 8 * sigma
        assert patch.mean() == pytest.approx(255 * srgb_encoded(10**-density), abs=1.5)


def test_places_are_those_of_the_truth(chart):
    found = find_grey_steps(source_of(chart[0]))
    wanted = [np.mean(r["corners"], axis=0) for r in chart[1].regions if r["kind"] == "patch"]
    assert np.abs(found.patches.mean(1) - wanted).max() < 1.5
    assert np.isnan(found.densities).all()


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_quarter_turns_do_not_matter(chart, turns):
    found = find_grey_steps(source_of(np.rot90(chart[0], turns)))
    assert np.log10(found.light) == pytest.approx(-DENSITIES, abs=0.02)


@pytest.mark.parametrize("gap", [0, 8])
def test_one_row_with_and_without_gaps(gap):
    light = np.full((300, 1300, 3), 0.2)
    for i, density in enumerate(DENSITIES):
        light[100:180, 20 + 62 * i : 82 + 62 * i - gap] = 10**-density
    found = find_grey_steps(source_of(light))
    assert len(found.light) == 20
    assert np.log10(found.light) == pytest.approx(-DENSITIES, abs=0.02)


def test_no_steps_where_there_are_none(chart):
    drawn, _ = chart
    tint = np.random.Generator(np.random.Philox(2)).uniform(0.3, 1, (6, 8, 3))
    colored = drawn * np.kron(tint, np.ones((drawn.shape[0] // 6, drawn.shape[1] // 8, 1)))
    random = np.random.Generator(np.random.Philox(3)).uniform(0.05, 0.9, (12, 16, 1))
    for light in (np.full((200, 300, 3), 0.5), np.kron(random, np.ones((50, 50, 3))), np.zeros((200, 300, 3))):
        assert find_grey_steps(source_of(light)).reason.startswith("no row or grid of neutral patches")
    assert not find_grey_steps(source_of(colored), DENSITIES)
    assert "21 of them" in find_grey_steps(source_of(drawn), 0.1 * np.arange(21)).reason


def test_no_steps_in_photographs(shared_data):
    from PIL import Image

    for name in ("kodim01", "kodim08", "kodim19"):
        pixels = np.asarray(Image.open(shared_data / "rgb_kodak" / f"{name}.png").convert("RGB"))
        assert not find_grey_steps(Source(Picture.from_array(pixels)))


def test_grey_row_of_the_colour_chart():
    quads = np.arange(24 * 8, dtype=float).reshape(24, 4, 2)
    row = grey_row_of(quads)
    assert np.array_equal(row.patches, quads[18:])
    # printed on the chart: densities of the grey row
    assert row.densities == pytest.approx([0.05, 0.23, 0.44, 0.70, 1.05, 1.50], abs=0.03)
    with pytest.raises(UsageError, match=r"must be \(24, 4, 2\)"):
        grey_row_of(quads[:6])
