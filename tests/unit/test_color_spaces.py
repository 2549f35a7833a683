"""RGB spaces and adaptation against colour-science and the standards' own numbers."""

import numpy as np
import pytest

from isp.color import spaces
from isp.errors import UsageError

colour = pytest.importorskip("colour")

NAMES = {"rec2020": "ITU-R BT.2020", "srgb": "sRGB", "display_p3": "Display P3"}


@pytest.mark.parametrize("space", sorted(NAMES))
def test_matrix_equals_an_independent_derivation(space):
    theirs = colour.RGB_Colourspace(
        space, colour.RGB_COLOURSPACES[NAMES[space]].primaries, np.array(spaces.D65), use_derived_matrix_RGB_to_XYZ=True
    )
    np.testing.assert_allclose(spaces.rgb_to_xyz(space), theirs.matrix_RGB_to_XYZ, atol=1e-12)


def test_luma_is_the_standards():
    np.testing.assert_allclose(spaces.luma("rec2020"), [0.2627, 0.6780, 0.0593], atol=5e-5)  # BT.2020, table 4
    np.testing.assert_allclose(spaces.luma("srgb"), [0.2126, 0.7152, 0.0722], atol=5e-5)  # BT.709


def test_white_stays_white_between_spaces():
    for source in NAMES:
        for target in NAMES:
            np.testing.assert_allclose(spaces.conversion(source, target).sum(axis=1), 1.0, atol=1e-12)
    np.testing.assert_allclose(
        spaces.conversion("srgb", "rec2020") @ spaces.conversion("rec2020", "srgb"), np.eye(3), atol=1e-12
    )


def test_bradford_equals_colour_science():
    a, b = (0.44757, 0.40745), spaces.D65
    theirs = colour.adaptation.matrix_chromatic_adaptation_VonKries(
        spaces.xy_to_xyz(a), spaces.xy_to_xyz(b), transform="Bradford"
    )
    np.testing.assert_allclose(spaces.adaptation(a, b), theirs, atol=1e-6)
    np.testing.assert_allclose(spaces.adaptation(a, b) @ spaces.xy_to_xyz(a), spaces.xy_to_xyz(b), atol=1e-12)


def test_pcs_white_is_working_white():
    np.testing.assert_allclose(spaces.pcs_to_rgb("rec2020") @ spaces.xy_to_xyz(spaces.D50), 1.0, atol=1e-12)


def test_adaptation_from_an_impossible_white_is_finite():
    for xy in [(0.9, 0.01), (0.01, 0.9), (0.01, 0.01)]:
        assert np.isfinite(spaces.adaptation(xy, spaces.D50)).all()


def test_transfer_equals_colour_science():
    x = np.linspace(0, 1, 1001)
    np.testing.assert_allclose(spaces.srgb_encoded(x), colour.models.eotf_inverse_sRGB(x), atol=1e-12)


def test_unknown_space_is_refused_by_name():
    with pytest.raises(UsageError, match="'adobe' is not known; spaces: rec2020, srgb, display_p3"):
        spaces.rgb_to_xyz("adobe")
