"""Colour fits against other software, closed forms and cameras whose matrix is known."""

import colour
import numpy as np
import pytest

from isp import Pipeline, Profile
from isp.color.spaces import D65, rgb_to_xyz, xy_to_xyz
from isp.errors import NumericError, UsageError
from isp.values import Picture
from reports.charts import reference_lab
from reports.light import lab_to_xyz, xyz_to_lab
from tests.measured_cameras import chart, light, observer, seen, white_of
from tuning.calibrate import ccm, class_weights, residual_lut

WHITE = xy_to_xyz(D65)
XYZ = lab_to_xyz(reference_lab("babel"))
MATRIX = np.array([[0.55, 0.28, 0.12045593], [0.22, 0.89, -0.11], [0.02, -0.12, 1.18905775]])
"""Of a camera that sees as an eye does; (1, 1, 1) is white."""
CAMERA = XYZ @ np.linalg.inv(MATRIX).T
POSITIONS = np.stack(np.meshgrid(np.arange(6.0), np.arange(4.0)), axis=-1).reshape(-1, 2)


def random(*key):
    return np.random.Generator(np.random.Philox(key=key))


def real_camera():
    """Balanced RGB and XYZ of the chart, seen by a camera of colour-science, and the light's white."""
    table = colour.MSDS_CAMERA_SENSITIVITIES["Nikon 5100 (NPL)"]
    at = np.arange(380, 731, 10)
    response = np.stack([np.interp(at, table.wavelengths, column) for column in table.values.T], axis=1)
    return seen(chart(), response, light()), seen(chart(), observer(), light()), white_of(light())


def off(fit, rgb=CAMERA, xyz=XYZ):
    return colour.delta_E(xyz_to_lab(fit.apply(rgb), fit.white), xyz_to_lab(xyz, fit.white), method="CIE 2000")


def test_the_camera_is_made_so_that_white_is_kept():
    np.testing.assert_allclose(MATRIX.sum(axis=1), WHITE, atol=1e-7)


@pytest.mark.parametrize(("method", "terms"), [("linear", 3), ("root_polynomial", 6)])
def test_least_squares_are_those_of_colour_science(method, terms):
    rgb, xyz, white = real_camera()
    fit = ccm(rgb, xyz, method=method, objective="least_squares", preserve_white=False, white=white, folds=0)
    how = {"degree": 2 if terms == 6 else 1, "root_polynomial_expansion": True}
    theirs = colour.characterisation.matrix_colour_correction_Finlayson2015(rgb, xyz, **how)
    assert theirs.shape == (3, terms)
    np.testing.assert_allclose(fit.matrix, theirs, atol=1e-10)
    applied = colour.characterisation.apply_matrix_colour_correction_Finlayson2015(rgb, theirs, **how)
    np.testing.assert_allclose(fit.apply(rgb), applied, atol=1e-12)


def test_a_fit_reports_the_errors_it_makes_and_keeps_white():
    rgb, xyz, white = real_camera()
    fit = ccm(rgb, xyz, neutral=(1, 1, 1), white=white, folds=0)
    np.testing.assert_allclose(fit.errors, off(fit, rgb, xyz), atol=1e-9)
    np.testing.assert_allclose(fit.apply((1, 1, 1)), white, atol=1e-12)


@pytest.mark.parametrize("method", ["linear", "root_polynomial"])
def test_neither_exposure_nor_balance_changes_the_colours(method):
    rgb, xyz, white = real_camera()
    one = ccm(rgb, xyz, method=method, white=white, folds=0)
    scale = np.array([0.11, 0.2, 0.13])
    two = ccm(rgb * scale, xyz, method=method, white=white, folds=0)
    np.testing.assert_allclose(two.apply(rgb * scale), one.apply(rgb), rtol=2e-3, atol=2e-5)
    np.testing.assert_allclose(two.neutral, one.neutral * scale, rtol=1e-9)
    np.testing.assert_allclose(two.apply(rgb * scale / 8), two.apply(rgb * scale) / 8, rtol=1e-12)


def test_a_colorimetric_cameras_matrix_is_found_exactly():
    fit = ccm(CAMERA * (0.4, 0.9, 0.5), XYZ)
    np.testing.assert_allclose(fit.matrix * (0.4, 0.9, 0.5), MATRIX, atol=1e-5)
    np.testing.assert_allclose(fit.neutral, (0.4, 0.9, 0.5), rtol=1e-5)
    assert fit.mean < 1e-3
    assert fit.cross_validated.mean < 1e-3
    assert fit.warnings == ()


def test_glare_is_told_from_the_matrix():
    veiled = (CAMERA + 0.02) * (0.4, 0.9, 0.5)
    fit = ccm(veiled, XYZ, glare=True, folds=0)
    assert fit.glare == pytest.approx(0.02, abs=1e-5)
    np.testing.assert_allclose(fit.neutral, (0.4, 0.9, 0.5), rtol=1e-4)
    assert off(fit, CAMERA * (0.4, 0.9, 0.5)).max() < 0.01, "apply is for light without veil"
    assert ccm(veiled, XYZ, folds=8).cross_validated.mean > 0.5


@pytest.mark.parametrize("neutral", [None, (0.4, 0.9, 0.5)])
def test_glare_uneven_light_and_matrix_together(neutral):
    field = 1 + 0.08 * (POSITIONS[:, :1] - 2.5) / 2.5 - 0.05 * (POSITIONS[:, 1:] - 1.5) / 2.5
    seen_so = (CAMERA * field + 0.015) * (0.4, 0.9, 0.5)
    fit = ccm(seen_so, XYZ, glare=True, positions=POSITIONS, neutral=neutral, folds=0)
    assert fit.glare == pytest.approx(0.015, abs=1e-4)
    np.testing.assert_allclose(fit.light, field[:, 0] / field.mean(), atol=1e-3)
    assert off(fit, CAMERA * fit.neutral).max() < 0.05


def test_the_interval_of_the_glare_holds_the_truth():
    """Of 10 charts with 1 % of noise, intervals of 95 % miss it in 3 or more by a chance of 1 %."""
    held = 0
    for seed in range(10):
        noisy = (CAMERA + 0.02) * (1 + 0.01 * random(seed, 7).standard_normal(CAMERA.shape))
        glare = ccm(noisy, XYZ, glare=True, objective="least_squares").glare
        held += glare.interval[0] <= 0.02 <= glare.interval[1]
    assert held >= 8


def test_no_glare_is_said_to_be_none():
    noisy = CAMERA * (1 + 0.01 * random(3, 1).standard_normal(CAMERA.shape))
    fit = ccm(noisy, XYZ, glare=True, folds=8)
    assert any("cannot be told from none" in line for line in fit.warnings)
    assert any("glare does not earn its place" in line for line in fit.warnings)


def test_cross_validation_is_what_leaving_out_by_hand_gives():
    rgb, xyz, white = real_camera()
    fit = ccm(rgb, xyz, white=white, neutral=(1, 1, 1))
    for n in (0, 13, 22):
        rest = np.arange(24) != n
        alone = ccm(rgb[rest], xyz[rest], white=white, neutral=(1, 1, 1), folds=0)
        assert fit.cross_validated.errors[n] == pytest.approx(off(alone, rgb[n : n + 1], xyz[n : n + 1])[0], abs=1e-6)
    assert fit.cross_validated.mean > fit.mean
    assert fit.cross_validated.mean_interval[0] < fit.cross_validated.mean < fit.cross_validated.mean_interval[1]


def test_a_richer_model_that_brings_nothing_is_named():
    noisy = CAMERA * (1 + 0.01 * random(5, 1).standard_normal(CAMERA.shape))
    fit = ccm(noisy, XYZ, method="root_polynomial", folds=8)
    assert any(line.startswith("method root_polynomial does not earn its place") for line in fit.warnings)
    table = residual_lut(ccm(noisy, XYZ, folds=0))
    assert any("does not earn its place" in line for line in table.warnings)


def test_the_largest_error_falls_and_the_mean_rises_when_the_largest_is_asked_for():
    rgb, xyz, white = real_camera()
    mean, worst = (ccm(rgb, xyz, objective=o, white=white, neutral=(1, 1, 1), folds=0) for o in ("mean", "max"))
    assert worst.errors.max() < 0.9 * mean.errors.max()
    assert worst.mean > mean.mean


def test_robust_forgets_a_dirty_patch_and_names_it():
    rgb, xyz, white = real_camera()
    dirty = rgb.copy()
    dirty[[3, 9]] = rgb[[3, 9]] * (1.6, 1.2, 0.7)
    clean = ccm(rgb, xyz, white=white, neutral=(1, 1, 1), folds=0)
    how = {"white": white, "neutral": (1, 1, 1), "folds": 0}
    fits = {o: ccm(dirty, xyz, objective=o, **how) for o in ("least_squares", "robust")}
    rest = np.delete(np.arange(24), [3, 9])
    assert off(fits["robust"], rgb, xyz)[rest].mean() < 1.05 * off(clean, rgb, xyz)[rest].mean()
    assert off(fits["least_squares"], rgb, xyz)[rest].mean() > 1.1 * off(clean, rgb, xyz)[rest].mean()
    assert [line.split(" is")[0] for line in fits["robust"].warnings] == ["patch 4", "patch 10"]


def test_a_patch_of_weight_0_has_no_say():
    wrong = CAMERA.copy()
    wrong[5] = (1.0, 0.1, 0.1)
    weights = np.ones(24)
    weights[5] = 0
    fit = ccm(wrong, XYZ, weights=weights)
    np.testing.assert_allclose(fit.matrix, MATRIX, atol=1e-4)
    assert fit.errors[5] > 20
    assert np.isnan(fit.cross_validated.errors[5])


def test_weights_of_classes_favour_them():
    rgb, xyz, white = real_camera()
    weights = class_weights(skin=20)
    assert weights.sum() == 22 + 2 * 20
    plain, skin = (ccm(rgb, xyz, weights=w, white=white, folds=0) for w in (None, weights))
    assert skin.errors[:2].mean() < 0.85 * plain.errors[:2].mean()
    np.testing.assert_array_equal(class_weights(["black", "cyan"], neutral=2, saturated=0.5), [2, 0.5])


def test_predicted_noise_is_what_noisy_greys_show_and_the_penalty_lowers_it():
    rgb, xyz, white = real_camera()
    covariance = np.diag([4e-6, 1e-6, 5e-6])
    plain = ccm(rgb, xyz, white=white, neutral=(1, 1, 1), noise=covariance, folds=0)
    grey = 0.18 + random(2, 9).multivariate_normal(np.zeros(3), covariance, 40000)
    lab = xyz_to_lab(plain.apply(grey), white)
    measured = np.sqrt(lab.var(axis=0).sum())
    assert plain.noise == pytest.approx(measured, rel=0.02)
    calm = ccm(rgb, xyz, white=white, neutral=(1, 1, 1), noise=covariance, noise_weight=10.0, folds=0)
    assert calm.noise < 0.9 * plain.noise
    assert calm.mean > plain.mean
    np.testing.assert_allclose(calm.apply((1, 1, 1)), white, atol=1e-12)


def developed(values, rgb, exposure):
    stages = [(name, given) for name, given in values.items()]
    picture = Picture((rgb * exposure).astype(np.float32)[None], "camera")
    done = Pipeline(Profile.from_stages(stages, start="camera")).run(picture, tap=stages[-1][0]).value
    return done.pixels[0] @ rgb_to_xyz("rec2020").T / exposure


@pytest.mark.parametrize("exposure", [1.0, 0.37, 0.08])
def test_a_profile_develops_the_fits_colours(exposure):
    rgb, xyz, white = real_camera()
    to_d65 = colour.adaptation.matrix_chromatic_adaptation_VonKries(white, WHITE, "Bradford")
    for method, limit in (("linear", 0.01), ("root_polynomial", 0.15)):
        fit = ccm(rgb, xyz, method=method, white=white, folds=0)
        out = developed(fit.stage_values(), rgb / fit.neutral, exposure)
        away = colour.delta_E(xyz_to_lab(out, WHITE), xyz_to_lab(fit.apply(rgb) @ to_d65.T, WHITE), method="CIE 2000")
        assert away.max() < limit, method
        np.testing.assert_allclose(np.sum(fit.stage_values()["ccm"]["matrix"], axis=1), 1.0, atol=1e-12)


def test_the_residual_table_improves_on_the_matrix_keeps_grey_and_develops():
    rgb, xyz, white = real_camera()
    fit = ccm(rgb, xyz, white=white, folds=0)
    table = residual_lut(fit)
    assert table.mean < 0.7 * fit.mean
    assert table.warnings == ()
    np.testing.assert_allclose(table.apply(fit.neutral * 0.3), white * 0.3, rtol=1e-5)
    np.testing.assert_allclose(table.apply(rgb * 7), 7 * table.apply(rgb), rtol=1e-9)
    to_d65 = colour.adaptation.matrix_chromatic_adaptation_VonKries(white, WHITE, "Bradford")
    wanted = xyz_to_lab(table.apply(rgb) @ to_d65.T, WHITE)
    for exposure in (1.0, 0.1):
        out = developed(table.stage_values(), rgb / fit.neutral, exposure)
        assert colour.delta_E(xyz_to_lab(out, WHITE), wanted, method="CIE 2000").max() < 0.1


def test_the_same_numbers_come_again_and_inputs_are_left_alone():
    rgb, xyz = CAMERA.copy(), XYZ.copy()
    one, two = (ccm(rgb, xyz, glare=True, folds=6) for _ in range(2))
    np.testing.assert_array_equal(one.matrix, two.matrix)
    assert one.cross_validated.mean == two.cross_validated.mean
    np.testing.assert_array_equal(rgb, CAMERA)
    np.testing.assert_array_equal(xyz, XYZ)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"camera_rgb": CAMERA[::-1]}, NumericError, "not of this reference; check the chart's order"),
        ({"camera_rgb": np.where(np.arange(72).reshape(24, 3) == 30, np.nan, CAMERA)}, NumericError, "patch 11 of 24"),
        ({"camera_rgb": CAMERA[:5]}, UsageError, r"\(5, 3\) and reference XYZ \(24, 3\)"),
        ({"camera_rgb": np.ones((24, 3))}, NumericError, "tell only 0 of 2 directions"),
        ({"weights": np.r_[np.ones(3), np.zeros(21)]}, NumericError, "3 patches for 3 unknowns per channel; 4"),
        ({"weights": -np.ones(24)}, UsageError, "0 or more"),
        ({"weights": np.r_[np.ones(18), np.zeros(6)]}, NumericError, "no grey patch"),
        ({"method": "cubic"}, UsageError, "linear, root_polynomial"),
        ({"objective": "best"}, UsageError, "mean, max, robust"),
        ({"noise_weight": 1.0}, UsageError, "needs noise="),
        ({"positions": POSITIONS[:4]}, UsageError, r"\(24, 2\) finite"),
        ({"folds": 1}, UsageError, "2..24"),
        ({"neutral": (1, 0, 1)}, UsageError, "above 0"),
        ({"names": ["one"]}, UsageError, "1 names for 24"),
    ],
)
def test_what_cannot_work_is_refused_in_one_line(change, error, words):
    given = {"camera_rgb": CAMERA, "reference_xyz": XYZ, **change}
    with pytest.raises(error, match=words) as caught:
        ccm(given.pop("camera_rgb"), given.pop("reference_xyz"), **given)
    assert "\n" not in str(caught.value)


def test_classes_and_patches_that_are_not_known_are_refused():
    with pytest.raises(UsageError, match="neutral, skin, foliage, sky, saturated, other"):
        class_weights(water=1)
    with pytest.raises(UsageError, match="'tree' is not of the 24-patch chart"):
        class_weights(["tree"])
    with pytest.raises(UsageError, match="skin=-1"):
        class_weights(skin=-1)


def test_a_table_needs_white_and_patches():
    with pytest.raises(UsageError, match="preserve_white=True"):
        residual_lut(ccm(*real_camera()[:2], preserve_white=False, folds=0))
    with pytest.raises(NumericError, match="at least 10"):
        residual_lut(ccm(CAMERA[15:], XYZ[15:], folds=0))
