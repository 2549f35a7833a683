"""Colour metrics against published numbers, closed forms and other libraries."""

from __future__ import annotations

import numpy as np
import pytest

from isp.color.spaces import D65, rgb_to_xyz, xy_to_xyz
from isp.errors import UsageError
from reports.charts.references import DEFAULT, MEASURED, PATCHES, SPECTRA, as_reference, reference_lab, reference_rgb
from reports.estimate import difference
from reports.light import lab_to_xyz, to_lab, xyz_to_lab
from reports.metrics import delta_c, delta_e_76, delta_e_2000, delta_h, parts_2000, patch_errors, white_error

# Sharma, Wu, Dalal 2005, table 1: L a b, L a b, ΔE00
SHARMA = np.array(
    [
        (50, 2.6772, -79.7751, 50, 0, -82.7485, 2.0425),
        (50, 3.1571, -77.2803, 50, 0, -82.7485, 2.8615),
        (50, 2.8361, -74.0200, 50, 0, -82.7485, 3.4412),
        (50, -1.3802, -84.2814, 50, 0, -82.7485, 1.0000),
        (50, -1.1848, -84.8006, 50, 0, -82.7485, 1.0000),
        (50, -0.9009, -85.5211, 50, 0, -82.7485, 1.0000),
        (50, 0, 0, 50, -1, 2, 2.3669),
        (50, -1, 2, 50, 0, 0, 2.3669),
        (50, 2.49, -0.001, 50, -2.49, 0.0009, 7.1792),
        (50, 2.49, -0.001, 50, -2.49, 0.0010, 7.1792),
        (50, 2.49, -0.001, 50, -2.49, 0.0011, 7.2195),
        (50, 2.49, -0.001, 50, -2.49, 0.0012, 7.2195),
        (50, -0.001, 2.49, 50, 0.0009, -2.49, 4.8045),
        (50, -0.001, 2.49, 50, 0.0010, -2.49, 4.8045),
        (50, -0.001, 2.49, 50, 0.0011, -2.49, 4.7461),
        (50, 2.5, 0, 50, 0, -2.5, 4.3065),
        (50, 2.5, 0, 73, 25, -18, 27.1492),
        (50, 2.5, 0, 61, -5, 29, 22.8977),
        (50, 2.5, 0, 56, -27, -3, 31.9030),
        (50, 2.5, 0, 58, 24, 15, 19.4535),
        (50, 2.5, 0, 50, 3.1736, 0.5854, 1.0000),
        (50, 2.5, 0, 50, 3.2972, 0, 1.0000),
        (50, 2.5, 0, 50, 1.8634, 0.5757, 1.0000),
        (50, 2.5, 0, 50, 3.2592, 0.3350, 1.0000),
        (60.2574, -34.0099, 36.2677, 60.4626, -34.1751, 39.4387, 1.2644),
        (63.0109, -31.0961, -5.8663, 62.8187, -29.7946, -4.0864, 1.2630),
        (61.2901, 3.7196, -5.3901, 61.4292, 2.2480, -4.9620, 1.8731),
        (35.0831, -44.1164, 3.7933, 35.0232, -40.0716, 1.5901, 1.8645),
        (22.7233, 20.0904, -46.6940, 23.0331, 14.9730, -42.5619, 2.0373),
        (36.4612, 47.8580, 18.3852, 36.2715, 50.5065, 21.2231, 1.4146),
        (90.8027, -2.0831, 1.4410, 91.1528, -1.6435, 0.0447, 1.4441),
        (90.9257, -0.5406, -0.9208, 88.6381, -0.8985, -0.7239, 1.5381),
        (6.7747, -0.2908, -2.4247, 5.8714, -0.0985, -2.2286, 0.6377),
        (2.0776, 0.0795, -1.1350, 0.9033, -0.0636, -0.5514, 0.9082),
    ]
)
A, B, KNOWN = SHARMA[:, :3], SHARMA[:, 3:6], SHARMA[:, 6]


def random_pairs(count: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.Generator(np.random.Philox(5))
    return tuple(random.uniform((0, -110, -110), (100, 110, 110), (2, count, 3)))


def test_the_table_of_sharma():
    assert len(SHARMA) == 34
    np.testing.assert_allclose(delta_e_2000(A, B), KNOWN, atol=1e-4)
    np.testing.assert_allclose(delta_e_2000(B, A), KNOWN, atol=1e-4)


def test_same_as_colour_science_and_scikit_image():
    from colour.difference import delta_E_CIE1976, delta_E_CIE2000
    from skimage.color import deltaE_ciede2000

    a, b = random_pairs()
    np.testing.assert_allclose(delta_e_2000(a, b), delta_E_CIE2000(a, b), atol=1e-9)
    np.testing.assert_allclose(delta_e_2000(a, b), deltaE_ciede2000(a, b), atol=1e-9)
    np.testing.assert_allclose(delta_e_76(a, b), delta_E_CIE1976(a, b), atol=1e-9)


def test_parts_make_the_whole():
    a, b = random_pairs()
    whole = (b - a)[:, 0] ** 2 + delta_c(a, b) ** 2 + delta_h(a, b) ** 2
    np.testing.assert_allclose(whole, delta_e_76(a, b) ** 2, rtol=1e-9)
    np.testing.assert_allclose(delta_h(a, b), -delta_h(b, a))
    parts = parts_2000(a, b)
    squares = parts.lightness**2 + parts.chroma**2 + parts.hue**2 + parts.rotation * parts.chroma * parts.hue
    np.testing.assert_allclose(squares, delta_e_2000(a, b) ** 2, atol=1e-9)
    turned = parts_2000([50.0, 30.0, 0.0], [60.0, 30.0 * np.cos(0.1), 30.0 * np.sin(0.1)])
    assert turned.lightness > 0
    assert turned.hue > 0


def test_differences_broadcast_and_refuse():
    assert delta_e_2000(np.zeros((4, 5, 3)), [50, 0, 0]).shape == (4, 5)
    with pytest.raises(UsageError, match=r"must end in 3 values: L\*, a\*, b\*"):
        delta_e_2000([1, 2], [1, 2, 3])


@pytest.mark.parametrize("name", MEASURED)
def test_tables_under_d50_become_d65_as_colour_science_adapts_them(name):
    import colour

    table = colour.CCS_COLOURCHECKERS[MEASURED[name]]
    xyz = colour.xyY_to_XYZ(np.stack(list(table.data.values())))
    adapted = colour.adaptation.chromatic_adaptation_VonKries(
        xyz, colour.xy_to_XYZ(table.illuminant), colour.xy_to_XYZ(D65), transform="Bradford"
    )
    np.testing.assert_allclose(reference_lab(name), colour.XYZ_to_Lab(adapted, D65), atol=0.01)


@pytest.mark.parametrize("name", SPECTRA)
def test_spectra_integrate_as_colour_science_does(name):
    import colour

    from sensors.scenes.materials import CHARTS

    shape, lab = colour.SpectralShape(380, 780, 5), []
    observer = colour.MSDS_CMFS["CIE 1931 2 Degree Standard Observer"].copy().align(shape)
    light = colour.SDS_ILLUMINANTS["D65"].copy().align(shape)
    for spectrum in colour.SDS_COLOURCHECKERS[CHARTS[name]].values():
        xyz = colour.sd_to_XYZ(spectrum.copy().align(shape), observer, light, method="Integration")
        lab.append(colour.XYZ_to_Lab(xyz / 100, D65))
    # another interpolation, and a white of 4 digits
    assert delta_e_2000(reference_lab(name), lab).max() < 0.05


def test_the_simulators_ideal_picture_has_the_reference_colours():
    from reports.charts import chart_from_truth, read_patches
    from reports.source import Source
    from sensors import capture

    for illuminant in ("D65", "A"):
        _, truth = capture("chart", "imx586", mode="bin2", size=(480, 360), illuminant=illuminant, truth=True)
        rgb = read_patches(Source(truth.ideal), chart_from_truth(truth.regions)).rgb
        assert delta_e_2000(to_lab(rgb), reference_lab("iso", illuminant)).max() < 1e-4


def test_references_are_chosen_by_name_or_given():
    assert len(PATCHES) == 24
    assert delta_e_2000(reference_lab("colorchecker_2005"), reference_lab("colorchecker_before_2014")).mean() < 0.1
    assert 0.7 < delta_e_2000(reference_lab("colorchecker_before_2014"), reference_lab(DEFAULT)).mean() < 1.0
    np.testing.assert_array_equal(as_reference(reference_lab("babel")), reference_lab("babel"))
    for wrong, words in (("macbeth", "'macbeth' is not known"), (np.zeros((5, 3)), "must be 24 rows")):
        with pytest.raises(UsageError, match=words):
            as_reference(wrong)
    with pytest.raises(UsageError, match="its light cannot become 'A'"):
        reference_lab("colorchecker_2005", "A")


def test_lab_and_back():
    lab = np.random.Generator(np.random.Philox(1)).uniform((0, -90, -90), (100, 90, 90), (500, 3))
    np.testing.assert_allclose(xyz_to_lab(lab_to_xyz(lab), xy_to_xyz(D65)), lab, atol=1e-9)


class TestPatchErrors:
    def test_exposure_is_found_and_taken_out(self):
        result = patch_errors(0.4 * reference_rgb(), reference_lab(), names=PATCHES)
        assert result.exposure == pytest.approx(2.5, rel=1e-4)
        assert result.maximum < 1e-3
        assert patch_errors(0.4 * reference_rgb(), reference_lab(), exposure="as_is").mean > 10

    def test_the_exposure_found_is_the_best(self):
        random = np.random.Generator(np.random.Philox(2))
        rgb = reference_rgb() * random.uniform(0.8, 1.2, (24, 3))
        best = patch_errors(rgb, reference_lab())
        for factor in (0.97, 0.99, 1.01, 1.03):
            other = patch_errors(rgb * best.exposure * factor, reference_lab(), exposure="as_is")
            assert other.mean > best.mean
        assert best.exposure_interval[0] < best.exposure < best.exposure_interval[1]

    def test_saturation_in_percent_and_what_is_left_without_it(self):
        lab = reference_lab() * (1, 0.8, 0.8)
        result = patch_errors(lab, reference_lab(), space="lab", exposure="as_is")
        assert result.chroma == pytest.approx(80)
        assert result.chroma.unit == "%"
        assert result.corrected < 0.1 < result.mean
        np.testing.assert_allclose(result.dc, -0.2 * np.hypot(*reference_lab()[:, 1:].T), atol=1e-9)
        np.testing.assert_allclose(result.dl, 0, atol=1e-9)

    def test_statistics_are_those_of_the_patches(self):
        lab = reference_lab() + np.random.Generator(np.random.Philox(3)).normal(0, 3, (24, 3))
        result = patch_errors(lab, reference_lab(), space="lab", exposure="as_is", names=PATCHES)
        off = delta_e_2000(reference_lab(), lab)
        assert result.mean == pytest.approx(off.mean())
        assert result.median == pytest.approx(np.median(off))
        assert result.p95 == pytest.approx(np.quantile(off, 0.95))
        assert result.maximum == pytest.approx(off.max())
        assert result.worst(1) == ((PATCHES[int(off.argmax())], pytest.approx(off.max())),)
        assert result.mean_interval[0] < result.mean < result.mean_interval[1]
        # standard error of a mean of 24, times 1.96: the bootstrap finds the same within its own error
        width = result.mean_interval[1] - result.mean_interval[0]
        assert width == pytest.approx(2 * 1.96 * off.std() / np.sqrt(24), rel=0.15)

    def test_two_pictures_are_compared_patch_by_patch(self):
        random = np.random.Generator(np.random.Philox(4))
        lab = reference_lab() + random.normal(0, 3, (24, 3))
        a, b = (
            patch_errors(lab + shift, reference_lab(), space="lab", exposure="as_is")
            for shift in (0, random.normal(0, 0.02, (24, 3)))
        )
        gap = difference(a.mean, b.mean)
        assert gap.interval[1] - gap.interval[0] < 0.1 * (a.mean_interval[1] - a.mean_interval[0])

    def test_left_out_patches_count_for_nothing(self):
        rgb = np.array(reference_rgb())
        rgb[3] = 5.0
        exclude = np.arange(24) == 3
        result = patch_errors(rgb, reference_lab(), names=PATCHES, exclude=exclude)
        assert result.mean < 1e-3
        assert np.isnan(result.de00[3])
        assert result.notes == ("left out: foliage",)

    def test_black_and_empty_pictures_are_not_available(self):
        for result in (
            patch_errors(np.zeros((24, 3)), reference_lab()),
            patch_errors(reference_rgb(), reference_lab(), exclude=np.ones(24, bool)),
            patch_errors(np.full((24, 3), np.nan), reference_lab()),
        ):
            for estimate in (result.mean, result.p95, result.maximum, result.chroma, result.corrected):
                assert not estimate.known
                assert estimate.reason
            assert not result.white.recovery.known

    def test_refusals_are_sentences(self):
        for arguments, words in (
            ({"measured": np.zeros((23, 3))}, r"must both be \(N, 3\)"),
            ({"exposure": "auto"}, "must be 'normalised' or 'as_is'"),
            ({"space": "adobe"}, "'adobe' is not known"),
            ({"names": ["a"]}, "1 names"),
        ):
            with pytest.raises(UsageError, match=words):
                patch_errors(**{"measured": np.ones((24, 3)), "reference_lab": reference_lab(), **arguments})


class TestWhiteError:
    def test_angles_by_hand(self):
        result = white_error([1.0, 1.0, 0.0001], [1.0, 1.0, 1.0])
        assert result.recovery == pytest.approx(np.degrees(np.arccos(2 / np.sqrt(6))), abs=0.01)
        # Finlayson and Zakizadeh 2014: two estimates equally far from a coloured light are not equally bad
        light, estimate = np.array([0.6, 0.3, 0.1]), np.array([0.5, 0.3, 0.2])
        angle = white_error(light, estimate).reproduction
        shown = light / estimate
        assert angle == pytest.approx(np.degrees(np.arccos(shown.sum() / np.sqrt(3) / np.linalg.norm(shown))), abs=1e-9)

    def test_brightness_does_not_matter(self):
        one, two = (white_error([[0.9 * k, 1.0 * k, 0.8 * k]]) for k in (1.0, 0.2))
        for name in ("recovery", "reproduction", "delta_uv", "duv", "cct", "delta_c"):
            assert getattr(one, name) == pytest.approx(getattr(two, name), rel=1e-9)

    def test_small_angles_are_not_lost(self):
        tiny = white_error([1.0, 1.0, 1.0 + 1e-9]).recovery
        assert tiny == pytest.approx(np.degrees(1e-9 * np.sqrt(2) / 3), rel=1e-4)

    @pytest.mark.parametrize("kelvin", [2500, 4000, 9000])
    def test_temperature_and_chromaticity_as_colour_science_has_them(self, kelvin):
        import colour

        uv = colour.temperature.CCT_to_uv_Ohno2013((kelvin, 0.004))
        xy = colour.UCS_uv_to_xy(uv)
        rgb = np.linalg.solve(rgb_to_xyz("rec2020"), xy_to_xyz(xy))
        result = white_error(np.stack([rgb] * 4), space="rec2020")
        white, duv = colour.temperature.uv_to_CCT_Ohno2013(colour.xy_to_UCS_uv(D65))
        assert result.cct == pytest.approx(kelvin - white, rel=1e-3, abs=2)
        assert result.duv == pytest.approx(0.004 - duv, abs=2e-5)
        wanted = np.hypot(*(colour.xy_to_Luv_uv(xy) - colour.xy_to_Luv_uv(D65)))
        assert result.delta_uv == pytest.approx(wanted, abs=1e-9)

    def test_what_has_no_temperature_is_not_available(self):
        green = white_error([[0.1, 1.0, 0.1]] * 3)
        assert green.cct.reason == "too far from the colour of any black body"
        assert green.recovery.known
        blue = white_error([0.5, 0.8, 1.9])
        assert not blue.cct.known
        dark = white_error([[0.0, 0.1, 0.1]])
        assert dark.recovery.reason == "neutral patches hold RGB that is not positive"
        with pytest.raises(UsageError, match=r"must be \(N, 3\)"):
            white_error(np.ones((2, 4)))
