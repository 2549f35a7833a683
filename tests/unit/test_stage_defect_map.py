"""Known defects and phase-detect pixels, and the search on CFAs of blocks, beside lamps and on mono frames."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from isp.cfa import Cfa
from isp.engine.strips import mirrored
from isp.errors import InputError, ProfileError
from isp.stages.defect_map import MARGIN, map_words, phase_pattern, place_arrays
from isp.values import Companions
from tests.unit.stage_runner import around, mosaic_of, noisy, run_stage

SHOT, READ = 2e-4, 2e-6
SHAPE = (90, 110)


def blocks(side):
    return "/".join(["R" * side + "G" * side] * side + ["G" * side + "B" * side] * side)


SHIFTED = Cfa(blocks(4)).shifted(3, 5).pattern


def corrected(data, cfa="RGGB", mask=None, **params):
    planes = {} if mask is None else {"defects": mask}
    context = around(data, cfa, (SHOT, READ), companions=Companions(planes))
    return run_stage("defect_correction", data, context, **params)


def scene(cfa="RGGB", shape=SHAPE):
    y, x = np.mgrid[: shape[0], : shape[1]] / 40
    rgb = np.stack([0.3 + 0.1 * np.sin(x), 0.5 + 0.1 * np.cos(y), 0.2 + 0.05 * np.sin(x + y)], axis=-1)
    return mosaic_of(rgb, cfa) if cfa != "Y" else rgb[..., 1].astype(np.float32)


def test_the_map_is_one_bit_a_pixel():
    mask = np.random.default_rng(1).random((300, 41)) < 0.1
    positions = np.array([[40, 299], [0, 0]])
    words = map_words(positions, mask, mask.shape)
    mask[299, 40] = mask[0, 0] = True
    columns = np.arange(41)
    assert words.shape == (300, 3)
    assert np.array_equal(words[:, columns // 16] >> columns % 16 & 1, mask)


@pytest.mark.parametrize("cfa", ["RGGB", "GBRG", "RYYB", "Y", blocks(2), blocks(3), SHIFTED])
def test_known_defects_are_filled_up_to_the_border_and_in_clusters(cfa):
    clean = scene(cfa)
    mask = np.zeros(SHAPE, np.uint8)
    mask[::11, ::13] = 1  # corners of the frame too
    mask[:, 60] = 1  # a dead column
    mask[40:42, 30:32] = 1
    data = np.where(mask, 1.0, clean).astype(np.float32)
    result = corrected(data, cfa, mask, threshold=1000.0)
    # next to the border of a frame of blocks the nearest neighbours lie 5 px away on one side
    assert np.abs(result - clean).max() < 0.015
    assert np.array_equal(result[mask == 0], data[mask == 0])


def test_a_list_and_a_mask_say_the_same():
    data = noisy(scene(), SHOT, READ)
    mask = np.zeros(SHAPE, bool)
    places = np.array([[3, 5], [4, 5], [70, 88], [109, 89]])
    mask[places[:, 1], places[:, 0]] = True
    assert np.array_equal(corrected(data, mask=mask), corrected(data, map=places.tolist()))
    assert not np.array_equal(corrected(data, mask=mask), corrected(data))


def test_a_known_defect_on_an_edge_is_filled_along_it():
    data = np.full((40, 40), 0.1, np.float32)
    data[:, 20:] = 0.5
    hurt = data.copy()
    hurt[[17, 18], [20, 19]] = 0.3
    result = corrected(hurt, map=[[20, 17], [19, 18]], threshold=1000.0)
    assert np.abs(result - data).max() < 0.002


@pytest.mark.parametrize("cfa", ["RGGB", "GRBG", blocks(4)])
def test_phase_detect_pixels_are_divided_by_their_response(cfa):
    clean = scene(cfa)
    data = clean.copy()
    data[8::16, 12::32] *= np.float32(0.8)
    data[8::16, 13::32] = 0.9
    given = {"phase_period": [32, 16], "phase_detect": [[12, 8, 0.8], [13, 8, 0]], "threshold": 1000.0}
    result = corrected(data, cfa, **given)
    assert np.abs(result - clean).max() < 0.01
    np.testing.assert_allclose(result[8::16, 12::32], clean[8::16, 12::32], rtol=1e-6)


def test_what_saturates_is_not_raised_above_white():
    data = np.ones(SHAPE, np.float32)
    data[8::16, 12::16] = 0.96
    result = corrected(data, phase_detect=[[12, 8, 0.8], [3, 3, 0.8]])
    assert result.max() == 1.0


def test_the_pattern_holds_factors():
    pattern = phase_pattern(((1.0, 0.0, 0.5), (2.0, 1.0, 0.0)), (3, 2))
    assert pattern.tolist() == [[1, 2, 1], [1, 1, 0]]


def test_the_tables_mirror_as_the_strips_do():
    context = around(np.zeros(SHAPE), SHIFTED)
    for name, size, phase in zip(("columns", "rows"), SHAPE[::-1], context.cfa.phase, strict=True):
        for coordinate in (-3, 0, phase, phase + 5, phase + size - 1, phase + size + 2):
            found = place_arrays(context)[name][coordinate + MARGIN]
            assert found == mirrored(np.array(coordinate - phase), size, 4, phase)


@pytest.mark.parametrize(
    ("params", "mask", "error", "words"),
    [
        ({"map": [[110, 3]]}, None, InputError, r"position \(110, 3\) is outside the frame; allowed: x 0..109"),
        ({}, np.ones((90, 109)), InputError, "'defects' is 109x90 pixels; it must be as large as the frame, 110x90"),
        ({"map": [[1.5, 3]]}, None, ProfileError, "1.5 must be a whole number"),
        ({"phase_detect": [[16, 0, 0.9]]}, None, ProfileError, r"site \(16, 0, 0.9\) is not in its period"),
    ],
)
def test_wrong_maps_are_refused_in_one_line(params, mask, error, words):
    with pytest.raises(error, match=words):
        corrected(scene(), mask=mask, **params)


@pytest.mark.parametrize("cfa", [blocks(2), blocks(3), blocks(4), "RYYB", "Y"])
def test_unknown_defects_are_found_on_every_cfa(cfa):
    clean = scene(cfa, (200, 220))
    data = noisy(clean, SHOT, READ)
    rows, columns = (g.ravel() for g in np.mgrid[6:194:9, 6:214:9])
    data[rows, columns] = np.where(np.arange(rows.size) % 2, 0.0, 1.0)
    result = corrected(data, cfa)
    assert np.abs(result - clean)[rows, columns].max() < 0.06
    data[rows, columns] = result[rows, columns]
    assert np.count_nonzero(result != data) <= 2


@pytest.mark.parametrize("blur", [0.4, 0.8])
def test_nothing_is_corrected_at_the_rims_of_clipped_lamps(blur):
    shape, rng = (300, 400), np.random.default_rng(1)
    y, x = np.mgrid[: shape[0] * 2, : shape[1] * 2] / 2
    light = np.full((*y.shape, 3), 0.01)
    for _ in range(60):
        cy, cx, radius = rng.uniform(0, shape[0]), rng.uniform(0, shape[1]), np.exp(rng.uniform(-1, 3))
        lamp = (y - cy) ** 2 + (x - cx) ** 2 < radius**2
        if rng.random() < 0.4:
            lamp &= np.abs(y - cy + rng.uniform(-1, 1) * (x - cx)) > rng.uniform(0.3, 1.5)  # a bar before it
        light[lamp] = np.exp(rng.uniform(-0.7, 4.6)) * np.array([0.6, 1.0, 0.5])
    seen = gaussian_filter(light, (2 * blur, 2 * blur, 0)).reshape(shape[0], 2, shape[1], 2, 3).mean(axis=(1, 3))
    data = np.minimum(noisy(mosaic_of(seen), SHOT, READ), 1).astype(np.float32)
    assert np.array_equal(corrected(data), data)


def test_a_dead_pixel_in_a_clipped_area_is_found():
    data = np.ones(SHAPE, np.float32)
    data[30, 40] = 0.05
    assert (corrected(data) == 1).all()
