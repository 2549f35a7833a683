"""`tuning.fit` and `isp tune fit`: hidden values come back, and what cannot work says so."""

from __future__ import annotations

import json
import signal
from dataclasses import replace

import numpy as np
import pytest

import tuning
from isp.commands import Stopped, main
from isp.errors import NumericError, UsageError
from isp.io import read_raw
from isp.pipeline import Pipeline
from isp.profile import Profile, read_profile
from isp.values import Picture
from tests.tuning_frames import colourful

QUICK = (
    "linearize", "black_level", ("white_balance", {"mode": "as_shot"}), ("demosaic", {"method": "bilinear"}),
    ("ccm", {"matrix": "fallback"}), ("exposure", {"ev": 0.2}), ("tone_curve", {"perceptual": 0.0}), "saturation",
    ("encode", {"gamut": "clip"}),
)  # fmt: skip
"""A whole profile whose derivatives compile in a second."""
HIDDEN = ("saturation.amount=1.3", "tone_curve.contrast=1.6", "tone_curve.grey=0.21", "exposure.ev=-0.1")
FREE = "saturation.amount,tone_curve.contrast,tone_curve.grey"


def quick():
    return replace(Profile.from_stages(QUICK, name="quick"), output=read_profile("natural").output)


def pairs(count=1, changes=HIDDEN, shape=(96, 128)):
    pipeline = Pipeline(quick().with_settings(changes))
    frames = [colourful(seed, shape) for seed in range(count)]
    return [(frame, pipeline(frame)) for frame in frames]


@pytest.fixture(scope="module")
def found():
    return tuning.fit(quick(), pairs(2), params=FREE + ",exposure", validate=pairs(3)[2:])


def test_hidden_values_come_back(found):
    assert found.converged, found.reason
    values = {p.label: float(p.value) for p in found.parameters}
    for setting in HIDDEN:
        label, _, value = setting.partition("=")
        assert values[label] == pytest.approx(float(value), rel=0.02, abs=0.01), label
    # the references are of 8 bits, whose rounding alone is 58.9 dB
    assert all(p.after > 55 and p.after > p.before + 10 for p in found.pictures)
    assert [p.held_back for p in found.pictures] == [False, False, True]


def test_the_result_says_how_sure_it_is_and_where_it_came_from(found):
    assert found.covariance.shape == (4, 4)
    assert np.all(np.linalg.eigvalsh(found.covariance) > 0)
    told = [p for p in found.parameters if p.identified]
    assert {"saturation.amount", "tone_curve.contrast"} <= {p.label for p in told}
    hidden = {s.partition("=")[0]: float(s.partition("=")[2]) for s in HIDDEN}
    for each in told:
        assert each.value.interval[0] < hidden[each.label] < each.value.interval[1]
    assert found.loss < 1e-2 * found.loss_before
    assert found.history[0].loss == found.loss_before
    assert any(len(word) == 64 for word in found.provenance["input 1"].split())


def test_the_profile_reads_back_equal_and_carries_its_provenance(found, tmp_path):
    path = tmp_path / "fitted.yaml"
    path.write_text(found.to_yaml())
    assert read_profile(path).stages == found.profile.stages
    assert "# input 2: " in path.read_text()


def test_what_the_pictures_do_not_tell_is_said():
    # the matrix's scale and the exposure do the same
    result = tuning.fit(quick(), pairs(1, ("exposure.ev=0",)), params="ccm,exposure")
    assert "exposure.ev" in result.unidentified
    assert result.pictures[0].after > 55


def test_a_picture_gets_an_exposure_of_its_own():
    (one, reference), (two, _) = pairs(2)
    brighter = Pipeline(quick().with_settings([*HIDDEN, "exposure.ev=0.4"]))(two)
    result = tuning.fit(quick(), [(one, reference), (two, brighter)], params=FREE)
    assert [p.exposure for p in result.pictures] == pytest.approx([-0.3, 0.2], abs=0.02)
    assert {p.label: float(p.value) for p in result.parameters}["saturation.amount"] == pytest.approx(1.3, rel=0.02)


def test_frozen_parameters_stay():
    result = tuning.fit(quick(), pairs(1), params="tone_curve,saturation", freeze="tone_curve.toe,tone_curve.hue",
                        evaluations=4)
    assert not {"tone_curve.toe", "tone_curve.hue"} & {p.label for p in result.parameters}
    assert "toe" not in result.profile.entry("tone_curve").values


def test_many_parameters_go_by_l_bfgs():
    result = tuning.fit(quick(), pairs(1), params=FREE, optimiser="l_bfgs", own_exposure=True)
    assert {p.label: float(p.value) for p in result.parameters}["saturation.amount"] == pytest.approx(1.3, rel=0.05)


def test_choices_are_searched_around_the_gradient():
    given = pairs(1, (*HIDDEN[:3], "demosaic.method=malvar2004"))
    result = tuning.fit(quick(), given, params="saturation.amount,demosaic.method", trials=5, own_exposure=False)
    assert result.settings == {"demosaic.method": "malvar2004"}
    assert result.profile.entry("demosaic").values["method"] == "malvar2004"


def test_oklab_finds_the_same():
    result = tuning.fit(quick(), pairs(1), params=FREE, space="oklab")
    assert {p.label: float(p.value) for p in result.parameters}["saturation.amount"] == pytest.approx(1.3, rel=0.02)


def test_evaluations_end_it_with_the_best_so_far():
    result = tuning.fit(quick(), pairs(1), params=FREE, evaluations=4)
    assert not result.converged
    assert "4 evaluations" in result.reason
    assert result.loss == min(t.loss for t in result.history) < result.loss_before


def test_an_interruption_leaves_the_best_so_far():
    def stop(now):
        if now.evaluations == 5:
            raise Stopped(signal.SIGINT)

    result = tuning.fit(quick(), pairs(1), params=FREE, tell=stop)
    assert isinstance(result.interruption, Stopped)
    assert not result.converged
    assert result.loss < result.loss_before


def test_the_same_twice_to_the_bit():
    one, two = (tuning.fit(quick(), pairs(1), params=FREE, threads=n) for n in (1, 2))
    assert one.history == two.history
    assert one.to_yaml() == two.to_yaml()


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ("white_balance.gains", "changes nothing with the profile's other values"),
        ("tone_curve.points", "changes nothing"),
        ("linearize", "changes|no free parameter"),
    ],
)
def test_parameters_that_do_nothing_are_refused(params, words):
    with pytest.raises(UsageError, match=words):
        tuning.fit(quick(), pairs(1), params=params)


def test_a_reference_of_another_scene_is_refused():
    (frame, _), (_, other) = pairs(2, shape=(192, 256))
    with pytest.raises(NumericError, match="another scene"):
        tuning.fit(quick(), [(frame, other)], params=FREE)


def test_a_reference_that_is_all_clipped_is_refused():
    frame, reference = pairs(1)[0]
    white = Picture.from_array(np.full(reference.pixels.shape, 255, np.uint8))
    with pytest.raises(NumericError, match=r"another scene|nothing to fit to"):
        tuning.fit(quick(), [(frame, white)], params=FREE, register=False)


def test_a_flat_objective_is_refused():
    frame, reference = pairs(1, ())[0]
    grey = quick().with_settings(["saturation.amount=0"])
    with pytest.raises(NumericError, match="does not change"):
        # of a monochrome picture, vibrance changes nothing
        tuning.fit(grey, [(frame, reference)], params="saturation.vibrance", own_exposure=False)


# the command ---------------------------------------------------------------------------------------------------


@pytest.fixture
def files(tmp_path, monkeypatch):
    from isp.io.dng.write import write_dng

    (tmp_path / "quick.yaml").write_text(quick().to_yaml())
    for seed, name in enumerate("ab"):
        raw = read_raw(write_dng(colourful(seed, (192, 256)), tmp_path / f"{name}.dng"))
        Pipeline(quick().with_settings(HIDDEN))(raw).save(tmp_path / f"{name}.png", format="png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def tune(*words):
    return main(["tune", "fit", "quick.yaml", *words, "-o", "fitted.yaml", "--params", FREE])


def test_the_command_writes_a_profile_that_develops_alike(files, capsys):
    assert tune("a.dng:a.png", "--no-own-exposure", "--set", "exposure.ev=-0.1", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["converged"]
    assert told["pictures"][0]["after"] > 50
    assert read_profile("fitted.yaml").entry("saturation").values["amount"] == pytest.approx(1.3, rel=0.02)
    text = (files / "fitted.yaml").read_text()
    assert text.startswith("# fitted by mobile-isp: loss")
    assert "a.dng" in text
    assert str(files) not in text
    assert not (files / "fitted.yaml.journal").exists()


def test_what_exists_is_not_replaced(files, capsys):
    (files / "fitted.yaml").write_text("mine")
    assert tune("a.dng:a.png") == 6
    assert "--overwrite" in capsys.readouterr().err
    assert (files / "fitted.yaml").read_text() == "mine"


def test_a_fit_that_cannot_work_writes_nothing_and_exits_with_7(files, capsys):
    assert tune("b.dng:a.png") == 7
    error = capsys.readouterr().err
    assert "another scene" in error
    assert error.strip().count("\n") == 0
    assert not list(files.glob("fitted*"))


def test_one_that_stopped_early_keeps_the_best_and_exits_with_7(files, capsys):
    assert tune("a.dng:a.png", "--evaluations", "3") == 7
    assert "not converged" in capsys.readouterr().err
    assert "not converged" in (files / "fitted.yaml").read_text().splitlines()[0]


@pytest.mark.parametrize("words", [("a.dng:",), ("a.dng",), ("a.dng:a.png", "--optimiser", "adam"),
                                   ("a.dng:a.png", "--objective", "be nice"), ("a.dng:a.png", "--space", "xyz")])
def test_wrong_words_exit_with_2(files, words):
    assert tune(*words) == 2
    assert not (files / "fitted.yaml").exists()


def test_missing_and_damaged_files_exit_with_4(files):
    assert tune("nothing.dng:a.png") == 4
    (files / "c.png").write_bytes(b"\x89PNG\r\n\x1a\n....")
    assert tune("a.dng:c.png") == 4


def test_a_report_shows_before_and_after(files):
    assert tune("a.dng:a.png", "-r", "report.html", "--validate", "b.dng:b.png") == 0
    page = (files / "report.html").read_text()
    assert "The fit" in page
    assert "saturation.amount" in page


def test_a_goal_is_searched(files):
    words = [f"--set={s}" for s in HIDDEN[1:]]
    words += ["--params", "saturation.amount", "--objective", "maximise psnr", "--trials", "10", "--seed", "2"]
    assert main(["tune", "fit", "quick.yaml", "a.dng:a.png", "-o", "goal.yaml", *words]) == 0
    assert read_profile("goal.yaml").entry("saturation").values["amount"] == pytest.approx(1.3, abs=0.2)


def test_a_goal_that_no_picture_can_have_exits_with_7(files, capsys):
    assert tune("a.dng", "--objective", "maximise mtf50", "--trials", "2") == 7
    assert "sharpness.mtf50 is n.a." in capsys.readouterr().err
    assert not (files / "fitted.yaml").exists()


def test_a_picture_that_is_not_finite_keeps_what_was_reached(files, monkeypatch, capsys):
    from tuning.fitting.chain import Chain

    render, count = Chain.render, [0]

    def spoilt(self, vector):
        made = render(self, vector)
        count[0] += 1
        if count[0] == 5:
            picture = made.picture.copy()
            picture[:, 40:50, 60:70] = np.nan
            return replace(made, picture=picture)
        return made

    monkeypatch.setattr(Chain, "render", spoilt)
    assert tune("a.dng:a.png") == 7
    error = capsys.readouterr().err
    assert "100 pixels that are not finite, the first at row 40, column 60" in error
    assert "not converged" in (files / "fitted.yaml").read_text().splitlines()[0]


def test_the_reference_of_a_raw_that_matches_nothing_of_it(files):
    assert tune("a.dng:b.png") == 7
    assert not (files / "fitted.yaml").exists()
