"""Sessions that cannot work: damaged captures, folders that cannot be written, frames that do not belong together."""

import numpy as np
import pytest
from typer.testing import CliRunner

from isp.errors import InputError, NumericError, OutputError
from isp.io import write_dng
from isp.values import RawFrame
from tuning.commands.tune import app
from tuning.session import run_session, write_results
from tuning.session.results import check_results


def _dark(path, seed, shape=(64, 64), level=64):
    random = np.random.Generator(np.random.Philox(seed))
    data = np.rint(level + 2 * random.standard_normal(shape)).astype(np.uint16)
    write_dng(RawFrame.from_array(data, black=64, white=1023, iso=100.0, exposure=0.01), path)


def _session(folder, *files, kind="dark"):
    path = folder / "SESSION.yaml"
    path.write_text(f"version: 1\nname: x\ncaptures:\n  - {{kind: {kind}, files: [{', '.join(files)}]}}\n")
    return path


def test_a_damaged_capture_stops_the_session_by_its_name(tmp_path):
    _dark(tmp_path / "a.dng", 1)
    (tmp_path / "b.dng").write_bytes((tmp_path / "a.dng").read_bytes()[:3000])
    with pytest.raises(InputError, match=r"b\.dng"):
        run_session(_session(tmp_path, "a.dng", "b.dng"))


def test_a_capture_that_is_no_raw_file(tmp_path):
    (tmp_path / "a.dng").write_text("not a picture")
    with pytest.raises(InputError, match=r"a\.dng: not a RAW file"):
        run_session(_session(tmp_path, "a.dng"))


def test_frames_of_different_size_are_no_session(tmp_path):
    _dark(tmp_path / "a.dng", 1)
    _dark(tmp_path / "b.dng", 2, (32, 64))
    with pytest.raises(NumericError, match="frame 2 is 64x32"):
        run_session(_session(tmp_path, "a.dng", "b.dng"), only=["black_level"])


def test_darks_with_the_lens_open_give_no_black_level(tmp_path):
    _dark(tmp_path / "a.dng", 1)
    _dark(tmp_path / "b.dng", 2, level=500)
    with pytest.raises(NumericError, match="have light in them"):
        run_session(_session(tmp_path, "a.dng", "b.dng"), only=["black_level"])


def test_a_saturated_flat_gives_nothing_at_all(tmp_path):
    _dark(tmp_path / "a.dng", 1, level=1023)
    with pytest.raises(NumericError, match="nothing could be calibrated"):
        run_session(_session(tmp_path, "a.dng", kind="flat"))


@pytest.mark.parametrize("trouble", ["exists", "file", "orphan"])
def test_outputs_that_cannot_be_are_refused_before_any_work(tmp_path, trouble):
    out = tmp_path / "out"
    words = {"exists": "profile.yaml: exists; give --overwrite", "file": "is not a folder", "orphan": "does not exist"}
    if trouble == "exists":
        out.mkdir()
        (out / "profile.yaml").write_text("mine")
    elif trouble == "file":
        out.write_text("mine")
    else:
        out = tmp_path / "none" / "out"
    with pytest.raises(OutputError, match=words[trouble]):
        check_results(out, False)
    result = CliRunner().invoke(app, ["calibrate", str(tmp_path / "no-session.yaml"), "-o", str(out)])
    # the output is looked at before the session
    assert isinstance(result.exception, OutputError)


def test_what_was_there_stays_when_writing_fails(tmp_path, monkeypatch):
    _dark(tmp_path / "a.dng", 1)
    _dark(tmp_path / "b.dng", 2)
    done = run_session(_session(tmp_path, "a.dng", "b.dng"), only=["black_level"])
    out = tmp_path / "out"
    out.mkdir()
    (out / "profile.yaml").write_text("mine")

    def broken(done):
        raise RuntimeError("no page today")

    monkeypatch.setattr("tuning.session.page.page", broken)
    with pytest.raises(RuntimeError):
        write_results(done, out, overwrite=True)
    assert (out / "profile.yaml").read_text() == "mine"
    assert list(out.iterdir()) == [out / "profile.yaml"]
