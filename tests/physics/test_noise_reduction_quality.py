"""How near noise reduction brings photographs to the truth, against scikit-image's non-local means in the same run.

The noise is that of an IMX586 (calibration of MegEngine/PMRID): K(ISO) = 5.995267e-4 ISO + 8.68861e-3 [DN/e-] and
var(ISO) = 7.11772e-7 ISO^2 + 6.514934e-4 ISO + 0.11492713 [DN^2] on 959 DN.
"""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from tests.unit.stage_runner import around, mosaic_of, noisy, run_stage
from tests.unit.test_stage_noise_reduction import to_linear, to_stable

PICTURES = (1, 21)


def sensor(iso):
    """(S, O) at an ISO."""
    return (5.995267e-4 * iso + 8.68861e-3) / 959, (7.11772e-7 * iso**2 + 6.514934e-4 * iso + 0.11492713) / 959**2


def decibel(found, true):
    return -10 * np.log10(np.mean((np.clip(found, 0, 1) - true) ** 2))


def by_nlm(plane, noise):
    from skimage.restoration import denoise_nl_means

    calm = denoise_nl_means(to_stable(plane, *noise), patch_size=5, patch_distance=6, h=0.8, sigma=1, fast_mode=True)
    return to_linear(calm, *noise, 1.0)


@pytest.fixture(scope="module")
def pictures(shared_data):
    files = [shared_data / f"rgb_kodak/kodim{number:02d}.png" for number in PICTURES]
    return [(np.asarray(Image.open(f), np.float64) / 255)[96:416, 160:576] ** 2.2 for f in files]


@pytest.mark.parametrize(("cfa", "margin"), [("Y", 0.35), ("RGGB", 0.2)])
@pytest.mark.parametrize("iso", [400, 1600, 6400])
def test_photographs_come_nearer_to_the_truth_than_by_non_local_means(pictures, cfa, margin, iso):
    noise = sensor(iso)
    ours, theirs = [], []
    for rgb in pictures:
        true = rgb @ [0.2126, 0.7152, 0.0722] if cfa == "Y" else mosaic_of(rgb).astype(np.float64)
        data = noisy(true, *noise)
        ours.append(decibel(run_stage("noise_reduction", data, around(data, cfa, noise)), true))
        reference = np.empty_like(true)
        step = 1 if cfa == "Y" else 2
        for j in range(step):
            for i in range(step):
                reference[j::step, i::step] = by_nlm(data[j::step, i::step].astype(np.float64), noise)
        theirs.append(decibel(reference, true))
    assert np.mean(ours) > np.mean(theirs) + margin
