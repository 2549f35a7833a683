"""Looks recovered from pictures before and after: generated ones here, photographs where they are."""

from __future__ import annotations

import json

import numpy as np
import pytest

from isp.commands import main
from isp.errors import InputError, NumericError, UsageError
from isp.io import read_picture
from isp.io.cube import Cube, read_cube, write_cube
from isp.values import Picture
from reports.metrics import delta_e_2000, psnr
from tests.unit.stage_runner import around, run_stage
from tuning import fit_look
from tuning.look.lattice import Samples, monotone, smooth_table
from tuning.look.parametric_look import ParametricLook, fitted
from tuning.look.tetrahedra import corners, identity_table, looked_up


def natural(seed: int, shape: tuple[int, int] = (96, 128)) -> np.ndarray:
    """(H, W, 3) uint8: soft fields of colour whose spectra fall as photographs' do, with greys, highlights, shadows."""
    rng = np.random.Generator(np.random.Philox(seed))
    fy, fx = np.meshgrid(np.fft.fftfreq(shape[0]), np.fft.rfftfreq(shape[1]), indexing="ij")
    slope = 1 / np.maximum(np.hypot(fy, fx), 1 / max(shape)) ** 1.5
    planes = []
    for _ in range(3):
        plane = np.fft.irfft2(slope * np.fft.rfft2(rng.standard_normal(shape)), shape)
        planes.append(plane / plane.std())
    light, red, blue = planes
    rgb = np.stack([light + 0.6 * red, light - 0.2 * red - 0.1 * blue, light + 0.6 * blue], -1)
    return np.round(255 / (1 + np.exp(-1.3 * rgb))).astype(np.uint8)


def film(rgb: np.ndarray) -> np.ndarray:
    """A look: contrast, a warm cast in the shadows, pale highlights, greens towards yellow."""
    curve = 3 * rgb**2 - 2 * rgb**3
    toned = 0.5 * rgb + 0.5 * curve + np.array([0.04, 0.02, -0.0]) * (1 - rgb) ** 2
    grey = toned.mean(-1, keepdims=True)
    green = np.clip(rgb[..., 1:2] - np.maximum(rgb[..., :1], rgb[..., 2:]), 0, 1)
    return np.clip(grey + 0.9 * (toned - grey) + green * np.array([0.15, -0.02, -0.05]), 0, 1)


TABLE = film(identity_table(33))


def taken(pictures, table=TABLE):
    return [(p, np.round(looked_up(table, p / 255.0) * 255).astype(np.uint8)) for p in pictures]


@pytest.fixture(scope="module")
def fit():
    return fit_look(taken([natural(1), natural(2)]), size=33, seed=3)


def test_weights_are_those_of_the_stage():
    cube = Cube(table=TABLE.astype(np.float32))
    rgb = np.random.Generator(np.random.Philox(5)).random((6, 8, 3)).astype(np.float32)
    found = run_stage("look_lut", rgb, around(np.zeros((6, 8))), "display", file=cube, space="rec2020",
                      transfer="linear")  # fmt: skip
    assert looked_up(cube.table, rgb.astype(float)) == pytest.approx(found, abs=2e-6)
    index, weight = corners(rgb.reshape(-1, 3).astype(float), 33)
    assert weight.sum(1) == pytest.approx(1)
    assert weight.min() >= 0
    assert index.max() < 33**3


def test_a_look_is_recovered_and_judged_on_other_pictures(fit):
    from tuning.look.held_back import _lab

    assert fit.model == "lut"
    for seed in range(10, 16):
        before = natural(seed) / 255.0
        true = looked_up(TABLE, before)
        assert psnr(fit.apply(before), true) > 45
        assert delta_e_2000(_lab(fit.apply(before)), _lab(true)).mean() < 0.7
    assert fit.scores["lut"].psnr > 45 > fit.scores["none"].psnr
    assert fit.scores["lut"].delta_e_interval[1] < fit.scores["parametric"].delta_e_interval[0]


def test_uncertainty_covers_the_error_where_seen_and_is_missing_elsewhere(fit):
    seen = fit.coverage >= 1
    assert 0.02 < fit.seen < 0.9
    assert np.isnan(fit.deviation[~seen]).all()
    error = np.sqrt(np.mean((fit.lut.table - TABLE) ** 2, axis=-1))[seen]
    within = error < 3 * fit.deviation[seen]
    assert 0.8 < within.mean() <= 1


def test_what_no_picture_touches_returns_to_nothing():
    grey = np.repeat(np.linspace(0, 0.3, 200)[:, None], 3, 1)
    table = smooth_table(Samples(grey, grey**0.9, np.full(200, 50.0)), 17, 1e-4)
    change = np.abs(table - identity_table(17)).max(axis=-1)
    assert change[2, 2, 2] == pytest.approx(np.max(np.abs(0.125**0.9 - 0.125)), rel=0.1)
    assert change[16, 16, 16] < 0.3 * change[3, 3, 3]
    assert change[0, 16, 0] < 0.3 * change[3, 3, 3]


def test_no_change_gives_the_identity_and_is_not_worth_a_table():
    picture = natural(4)
    found = fit_look([(picture, picture)], size=17)
    assert np.abs(found.lut.table - identity_table(17)).max() < 1e-3
    assert found.model == "parametric"
    assert "does not earn its place" in found.reason


def test_monotone_keeps_monotone_tables_and_mends_others():
    assert np.array_equal(monotone(TABLE), TABLE)
    bent = TABLE.copy()
    bent[3, 4, 5, 0] += 0.2
    mended = monotone(bent)
    assert (np.diff(mended[..., 0], axis=2) >= 0).all()
    assert np.array_equal(np.delete(mended, 4, 1), np.delete(bent, 4, 1))


@pytest.mark.full
def test_a_shift_is_undone():
    from scipy import ndimage

    before = ndimage.zoom(natural(6, (70, 90)).astype(float), (1.6, 1.6, 1), order=3).clip(0, 255) / 255
    after = ndimage.shift(looked_up(TABLE, before), (1.3, -0.6, 0), order=3, mode="nearest").clip(0, 1)
    found = fit_look([(before, after)], size=17, model="lut")
    assert found.shifts[0] == pytest.approx((-1.3, 0.6), abs=0.03)
    other = natural(7) / 255.0
    assert psnr(found.apply(other), looked_up(TABLE, other)) > 40


@pytest.mark.full
def test_retouched_places_and_noise_are_forgiven():
    rng = np.random.Generator(np.random.Philox(8))
    pairs = []
    for before, after in taken([natural(8), natural(9)]):
        noisy = np.clip(after + rng.normal(0, 2, after.shape), 0, 255)
        noisy[20:40, 30:60] = (250, 20, 200)
        pairs.append((before, np.round(noisy).astype(np.uint8)))
    found = fit_look(pairs, size=17, model="lut")
    other = natural(10) / 255.0
    assert psnr(found.apply(other), looked_up(TABLE, other)) > 42


def test_a_parametric_look_finds_its_own_parameters():
    bands = [5.0, -8, 0, 10, 0, 6, 0, 0]
    true = ParametricLook(
        np.array([[1.06, -0.04, -0.02], [-0.03, 1.05, -0.02], [0.0, -0.05, 1.05]]), np.linspace(0, 1, 8) ** 1.2,
        np.array(bands), np.array([1.2, 1, 1, 1.3, 1, 0.8, 1, 1]), np.ones(8),
    )  # fmt: skip
    before = natural(11).reshape(-1, 3) / 255.0
    found = fitted(Samples(before, true.apply(before), np.ones(len(before))), seed=1)
    other = natural(12) / 255.0
    assert psnr(found.apply(other), true.apply(other)) > 45
    assert found.matrix.sum(1) == pytest.approx(1)
    assert found.curve == pytest.approx(true.curve, abs=0.03)


def test_the_bands_of_a_parametric_look_are_those_of_the_stage():
    from isp.color.transfer import decoded

    neutral = ParametricLook(np.eye(3), np.linspace(0, 1, 8), np.zeros(8), np.ones(8), np.ones(8))
    turned = ParametricLook(np.eye(3), neutral.curve, np.linspace(-20, 20, 8), np.linspace(0.5, 1.5, 8),
                            np.linspace(0.9, 1.1, 8))  # fmt: skip
    code = natural(13, (16, 24)) / 255.0 * 0.6 + 0.2
    assert neutral.apply(code) == pytest.approx(code, abs=2e-3)
    from isp.color.spaces import WORKING, conversion, srgb_encoded

    light = decoded(neutral.apply(code), "srgb") @ conversion("srgb", WORKING).T
    stage = run_stage("hue_saturation", light.astype(np.float32), around(np.zeros((16, 24))), "display",
                      **turned.hue_saturation())  # fmt: skip
    expected = srgb_encoded(stage.astype(float) @ conversion(WORKING, "srgb").T)
    assert turned.apply(code) == pytest.approx(expected, abs=2e-3)


def test_the_cube_is_written_and_used_in_a_profile(fit, tmp_path):
    import colour

    fit.write(tmp_path / "film.cube")
    again = read_cube(tmp_path / "film.cube")
    assert np.array_equal(again.table, fit.cube.table)
    peer = colour.read_LUT(str(tmp_path / "film.cube"))
    code = natural(14, (8, 8)) / 255.0
    assert peer.apply(code, interpolator=colour.algebra.table_interpolation_tetrahedral) == pytest.approx(
        fit.apply(code), abs=1e-5
    )


@pytest.mark.parametrize(
    ("pairs", "kind", "words"),
    [
        ([], UsageError, "no pairs"),
        ([(natural(1), natural(2))], NumericError, "are they the same scene"),
        ([(natural(1), natural(1, (96, 96)))], UsageError, "pictures of 128x96 and 96x96 pixels"),
        ([(np.full((64, 64, 3), 90, np.uint8),) * 2], NumericError, "too few colours"),
        ([(np.full((64, 64, 3), np.nan),) * 2], InputError, "pair 1, before: holds 12288 values that are not finite"),
        ([(np.full((64, 64, 3), 7.0),) * 2], InputError, "display-encoded ones in 0..1"),
        ([(np.zeros((64, 64)),) * 2], InputError, r"\(H, W, 3\) is needed"),
        ([(np.zeros((8, 8, 3)),) * 2], InputError, "at least 16x16"),
    ],
)
def test_what_cannot_be_fitted_is_refused(pairs, kind, words):
    with pytest.raises(kind, match=words):
        fit_look(pairs, size=17)


@pytest.mark.parametrize(
    ("option", "words"),
    [({"size": 20}, "17, 33, 65"), ({"model": "spline"}, "models: auto"), ({"smoothness": -1.0}, "above 0")],
)
def test_options_that_cannot_be_are_refused(option, words):
    with pytest.raises(UsageError, match=words):
        fit_look([(natural(1), natural(1))], **option)


def test_the_command_writes_a_cube(tmp_path, capsys):
    names = []
    for i, (before, after) in enumerate(taken([natural(1)])):
        for what, pixels in (("before", before), ("after", after)):
            names.append(str(tmp_path / f"{what}{i}.png"))
            Picture.from_array(pixels).save(names[-1])
    out = tmp_path / "film.cube"
    words = ["tune", "look", *names, "-o", str(out), "--size", "17", "--json"]
    assert main(words) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["model"] == "lut"
    assert said["scores"]["lut"]["psnr"]["value"] > 40
    assert read_cube(out).table.shape == (17, 17, 17, 3)
    assert main(words) == 6
    assert "exists" in capsys.readouterr().err
    assert main(["tune", "look", names[0], "-o", str(tmp_path / "x.cube")]) == 2
    assert main(["tune", "look", *names, "-o", str(tmp_path / "x.png")]) == 2
    assert main(["tune", "look", names[0], str(tmp_path / "no.png"), "-o", str(tmp_path / "x.cube")]) == 4
    assert not (tmp_path / "x.cube").exists()


def kodak(folder, number, step=1):
    pixels = read_picture(folder / "rgb_kodak" / f"kodim{number:02d}.png").pixels
    return pixels[::step, ::step]


@pytest.mark.full
@pytest.mark.parametrize(
    ("pair", "step"),
    [((3, 5), 2), ((3, 5), 1), ((1, 13), 1)],
)
def test_a_film_look_from_two_photographs(shared_data, pair, step):
    from tuning.look.held_back import _lab

    cube = read_cube(shared_data / "looks" / "nilut_LUT01.cube")
    found = fit_look(taken([kodak(shared_data, n, step) for n in pair], cube.table), model="lut")
    levels, errors = [], []
    others = sorted(set(range(1, 25)) - set(pair))[:: 1 if step == 1 else 4]
    for number in others:
        before = kodak(shared_data, number, 4 * step) / 255.0
        true = np.clip(looked_up(cube.table, before), 0, 1)
        levels.append(float(psnr(found.apply(before), true)))
        errors.append(float(delta_e_2000(_lab(found.apply(before)), _lab(true)).mean()))
    print(f"pair {pair}, every {step}: {np.mean(levels):.1f} dB (least {min(levels):.1f}), "
          f"CIEDE2000 {np.mean(errors):.3f} (most {max(errors):.3f})")  # fmt: skip
    assert np.mean(levels) > 45
    assert np.mean(errors) < 0.7
    assert max(errors) < 0.7


def test_the_written_table_reads_back_the_same(tmp_path):
    write_cube(Cube(table=TABLE.astype(np.float32), title="film"), tmp_path / "a.cube")
    assert read_cube(tmp_path / "a.cube").title == "film"


def test_a_look_that_is_none_explains_nothing():
    with pytest.raises(NumericError, match=r"pair 2: no look explains more than .* same scene"):
        fit_look([*taken([natural(1)]), (natural(2), natural(3))], size=17, register=False)
