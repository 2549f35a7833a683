"""Transfer functions on the host against colour-science, and both ways."""

import numpy as np
import pytest

from isp.color.transfer import decoded, encoded, hlg_encoded, hlg_gamma, pq_encoded
from isp.errors import UsageError

LIGHT = np.concatenate([np.linspace(0, 4.9, 500), np.geomspace(1e-5, 4.9, 500)])


@pytest.mark.parametrize(("transfer", "top"), [("linear", 1.0), ("srgb", 1.0), ("pq", 4.9), ("hlg", 4.0)])
@pytest.mark.parametrize("space", ["srgb", "rec2020"])
def test_there_and_back(transfer, top, space):
    rgb = np.random.default_rng(1).uniform(0, top, (300, 3))
    if transfer == "hlg":
        # deep colours near the peak leave HLG's cube
        rgb = rgb * 0.3 + 0.2 * rgb[:, :1]
    np.testing.assert_allclose(decoded(encoded(rgb, transfer, space), transfer, space), rgb, atol=1e-9, rtol=1e-7)


def test_pq_equals_colour_science():
    colour = pytest.importorskip("colour")
    np.testing.assert_allclose(
        pq_encoded(LIGHT * 203 / 10000), colour.models.eotf_inverse_ST2084(LIGHT * 203), atol=1e-9
    )


def test_hlg_equals_colour_science():
    colour = pytest.importorskip("colour")
    scene = LIGHT / 4.9
    with np.errstate(invalid="ignore"):
        np.testing.assert_allclose(hlg_encoded(scene), colour.models.oetf_BT2100_HLG(scene), atol=1e-7)
    assert hlg_gamma(1000) == 1.2
    assert hlg_gamma(2000) == pytest.approx(1.326, abs=1e-3)


def test_unknown_transfer():
    with pytest.raises(UsageError, match="transfers: linear, srgb, pq, hlg"):
        encoded(np.zeros((1, 3)), "log")
