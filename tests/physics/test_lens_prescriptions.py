"""Lenses of patents against numbers that others computed from the same tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from isp.lenses import beam as beams
from isp.lenses import lens_names, load_lens
from isp.lenses.glass import glass_of
from isp.lenses.lens import Lens
from isp.lenses.prescription import Prescription, Surface
from isp.lenses.reader import _word, read_lenses
from isp.profile.loader import parse_document

FILE = "lens_prescriptions.yaml"

# efl and bfl of an independent paraxial trace [mm]
CHECKS = {
    "28mm_f1.4_2016": (28.323, 0.847),
    "50mm_f0.95_1964": (51.638, 20.375),
    "50mm_f1.0_2023": (49.998, 18.732),
    "50mm_f1.1_1953": (0.5 * 99.940, 0.5 * 55.977),
    "50mm_f1.2_1966": (52.024, 27.677),
    "50mm_f1.4_1971": (49.999, 36.682),
    "50mm_f1.4_2017": (51.963, 0.875),
    "50mm_f1.5_1936": (0.5 * 99.912, 0.5 * 51.622),
    "50mm_f1.5_1975": (50.000, 35.173),
    "50mm_f2_1978": (52.032, 30.659),
    "58mm_f1.4_1927": (0.58 * 99.914, 0.58 * 65.329),
    "58mm_f2.2_1948": (0.58 * 99.971, 0.58 * 56.496),
}
# field angles [degrees], relative illumination, cat's eye, of an independent ray trace
TRACED = {
    "50mm_f1.2_1966": ((10, 15, 20, 22), (0.92, 0.71, 0.42, 0.29), (0.95, 0.76, 0.53, 0.43)),
    "50mm_f1.4_1971": ((10, 15, 20, 22), (0.83, 0.64, 0.42, 0.34), (0.88, 0.74, 0.59, 0.53)),
    "50mm_f1.4_2017": ((10, 15, 20, 22), (0.79, 0.57, 0.35, 0.27), (0.83, 0.67, 0.52, 0.46)),
    "50mm_f2_1978": ((10, 15, 20, 22), (0.71, 0.53, 0.33, 0.25), (0.80, 0.70, 0.54, 0.46)),
    "28mm_f1.4_2016": ((10, 20, 30, 35), (0.81, 0.52, 0.26, 0.15), (0.87, 0.72, 0.52, 0.39)),
    "58mm_f1.4_1927": ((10, 15, 20, 22), (0.79, 0.56, 0.33, 0.24), (0.83, 0.67, 0.51, 0.44)),
    "58mm_f2.2_1948": ((10, 15, 20), (0.54, 0.25, 0.04), (0.66, 0.44, 0.19)),
}
# of tables without a patent, which do not ship: by focal length [mm]
TRACED_ELSEWHERE = {
    52.177: ((10, 15, 20, 22), (0.75, 0.52, 0.27, 0.17), (0.82, 0.66, 0.47, 0.38)),
    35.808: ((10, 20, 30), (0.92, 0.59, 0.23), (0.95, 0.70, 0.42)),
}
# RMS spot [µm] at 0, 10 and 20 degrees in the best axial focus
SPOTS = {
    "50mm_f1.2_1966": (27, 65, 125),
    "50mm_f1.4_1971": (10, 60, 82),
    "50mm_f1.4_2017": (6.5, 6.6, 17.5),
    "50mm_f2_1978": (8.8, 10, 24),
    "28mm_f1.4_2016": (4.9, 5.6, 10),
    "58mm_f1.4_1927": (25, 158, 139),
    "58mm_f2.2_1948": (3.7, 46, 82),
}


def test_the_catalogue_is_complete():
    assert lens_names() == sorted(CHECKS)


@pytest.mark.parametrize("name", CHECKS)
def test_focal_length_and_back_focus(name):
    lens = load_lens(name=name)
    assert (lens.focal_length, lens.back_focus) == pytest.approx(CHECKS[name], abs=0.01)
    assert lens.prescription.patent


def test_every_lens_of_a_foreign_file(shared_data):
    file = shared_data / FILE
    given = parse_document(file.read_bytes(), FILE, _word).value["lenses"]
    assert len(given) == 14
    held = read_lenses(file)
    for name, entry in given.items():
        lens = Lens(held[name])
        found = lens.focal_length, lens.back_focus
        assert found == pytest.approx((entry["check"]["efl"], entry["check"]["bfl"]), abs=0.01), name


def _holds(lens: Lens, expected) -> None:
    angles, light, shape = expected
    np.testing.assert_allclose(lens.relative_illumination(angles), light, rtol=0, atol=0.02)
    np.testing.assert_allclose(lens.cats_eye(angles), shape, rtol=0, atol=0.02)


@pytest.mark.parametrize("name", TRACED)
def test_illumination_and_cats_eye(name):
    lens = load_lens(name=name)
    _holds(lens, TRACED[name])
    assert lens.relative_illumination(0.0) == 1
    assert lens.cats_eye(0.0) == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("focal_length", TRACED_ELSEWHERE)
def test_illumination_and_cats_eye_of_a_foreign_file(focal_length, shared_data: Path):
    lenses = (load_lens(shared_data / FILE, name) for name in lens_names(shared_data / FILE))
    (lens,) = (each for each in lenses if abs(each.focal_length - focal_length) < 0.01)
    _holds(lens, TRACED_ELSEWHERE[focal_length])


def test_past_the_field_it_is_dark():
    lens = load_lens(name="58mm_f2.2_1948")
    assert lens.relative_illumination(22.0) == 0
    assert np.isnan(lens.cats_eye(22.0))


@pytest.mark.parametrize("name", SPOTS)
def test_spots(name):
    lens = load_lens(name=name)
    found = [lens.spot_radius(angle) for angle in (0, 10, 20)]
    np.testing.assert_allclose(found, SPOTS[name], rtol=0.06)


def test_a_double_gauss_that_is_in_no_file():
    """Tronnier, US 2,673,491, as published for a renderer together with what an exact trace gives for it."""
    table = [
        (29.475, 3.76, 1.67, 25.2), (84.83, 0.12, 1, 25.2), (19.275, 4.025, 1.67, 23), (40.77, 3.275, 1.699, 23),
        (12.75, 5.705, 1, 18), (np.inf, 4.5, 1, 17.1), (-14.495, 1.18, 1.603, 17), (40.77, 6.065, 1.658, 20),
        (-20.385, 0.19, 1, 20), (437.065, 3.22, 1.717, 20), (-39.73, 0, 1, 20),
    ]
    surfaces = tuple(
        Surface(str(i), r, t, glass_of(n, None), d / 2, stop=i == 5) for i, (r, t, n, d) in enumerate(table)
    )
    lens = Lens(Prescription("double gauss", surfaces))
    assert lens.focal_length == pytest.approx(50.36, abs=0.01)
    assert lens.back_focus == pytest.approx(36.11, abs=0.01)
    assert lens.prescription.length + lens.back_focus == pytest.approx(68.146, abs=0.02)
    # theirs is the outermost ray's height, not the paraxial pupil's radius (12.40 mm)
    assert beams.widest(lens.prescription) == pytest.approx(12.48, abs=0.01)
    assert lens.f_number == pytest.approx(2.02, abs=0.01)
