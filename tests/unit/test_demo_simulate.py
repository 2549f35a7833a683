"""`isp demo` photographs with the simulated 200 MP sensor and develops what it got."""

from __future__ import annotations

import inspect
import io
import json
from contextlib import redirect_stdout
from importlib.metadata import entry_points

import imagecodecs
import numpy as np
import pytest

from isp.commands import main
from isp.commands.demo import demo as command
from isp.io import read_raw
from sensors import demo
from sensors.catalog import load_camera

SMALL = ("--width", "1024", "--height", "768")


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """What the demo said in JSON, and its folder."""
    folder = tmp_path_factory.mktemp("demo") / "d"
    with io.StringIO() as out, redirect_stdout(out):
        assert main(["demo", "-o", str(folder), *SMALL, "--json"]) == 0
        return json.loads(out.getvalue()) | {"folder": folder}


def test_default_is_the_whole_sensor():
    sensor = load_camera(demo.CAMERA).sensor
    parameters = inspect.signature(command).parameters
    assert (sensor.width, sensor.height) == tuple(parameters[n].default for n in ("width", "height")) == (16384, 12288)
    assert sensor.output_cfa("full").family == "quad"


def test_writes_what_it_says(shown):
    folder = shown["folder"]
    files = [each["file"] for each in shown["shown"] if each["file"]]
    names = ("capture.dng", "ideal.png", "reference.jpg", "natural.jpg", "binned.jpg", "phone.dng", "report.html")
    assert files == [str(folder / name) for name in names]
    assert sorted(files) == sorted(str(p) for p in folder.iterdir())
    frame = read_raw(files[0])
    assert frame.shape == (768, 1024)
    assert frame.cfa.family == "quad"
    assert "simulated 0.79 million photosites of 0.64 um" in shown["shown"][0]["what"]
    sizes = [imagecodecs.imread(name).shape[:2] for name in files[1:5]]
    assert sizes == [(192, 256), (768, 1024), (768, 1024), (384, 512)]


def test_says_time_and_memory(shown):
    for each in shown["shown"]:
        assert all(seconds >= 0 for seconds in each["seconds"].values())
    peaks = [each["peak_mb"] for each in shown["shown"]]
    assert 50 < peaks[0] <= peaks[-1] < 20_000


def test_reference_is_the_ideal_picture_but_for_exposure_and_lens(shown):
    """An independent look at the whole chain: what the camera made of the scene against the scene's own colours."""
    ideal = imagecodecs.imread(shown["folder"] / "ideal.png").astype(float) / 255
    reference = imagecodecs.imread(shown["folder"] / "reference.jpg").astype(float) / 255
    reference = reference.reshape(192, 4, 256, 4, 3).mean(axis=(1, 3))

    def linear(code):
        return np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4)

    # the middle of the frame, where the lens moves little; without lamp and fine detail
    middle = np.s_[60:150, 40:150]
    a, b = linear(ideal)[middle].reshape(-1, 3), linear(reference)[middle].reshape(-1, 3)
    assert np.corrcoef(a.ravel(), b.ravel())[0, 1] > 0.9
    balance = (b.mean(0) / a.mean(0)) / (b.mean() / a.mean())
    assert np.allclose(balance, 1, atol=0.08)


@pytest.mark.parametrize(("seed", "same"), [("1", True), ("2", False)])
def test_seed_decides(shown, tmp_path, capsys, monkeypatch, seed, same):
    monkeypatch.setattr(
        "isp.demo.show.entry_points", lambda group: [p for p in entry_points(group=group) if p.name == "capture"]
    )
    assert main(["demo", "-o", str(tmp_path), *SMALL, "--seed", seed, "--threads", "1"]) == 0
    first, second = (read_raw(folder / "capture.dng").data for folder in (shown["folder"], tmp_path))
    assert np.array_equal(first, second) == same
    out = capsys.readouterr().out
    assert "Look at" in out
    assert "isp simulate --scenes" in out


def test_nothing_is_computed_where_a_picture_exists(tmp_path, capsys, monkeypatch):
    (tmp_path / "ideal.png").write_bytes(b"mine")
    monkeypatch.setattr("sensors.photograph.expose", lambda *a, **k: pytest.fail("computed before it was checked"))
    assert main(["demo", "-o", str(tmp_path), *SMALL]) == 6
    assert "ideal.png: exists; give --overwrite" in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["ideal.png"]


def test_an_iso_the_sensor_does_not_have(tmp_path, capsys):
    assert main(["demo", "-o", str(tmp_path / "d"), *SMALL, "--iso", "102400"]) == 2
    assert "ISO 102400 is not possible on quad_200mp" in capsys.readouterr().err
    assert not (tmp_path / "d").exists()
