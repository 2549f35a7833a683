"""`isp demo --look` photographs the scenes with depth and develops them through other lenses."""

import json

import imagecodecs
import numpy as np
import pytest

from isp.commands import main
from isp.commands.demo import _tell
from isp.demo.show import Shown
from sensors.look_demo import LENSES, SUBJECTS

SMALL = ("--width", "640", "--height", "480")


@pytest.mark.parametrize("scenes", [["portrait"], pytest.param([s.scene for s in SUBJECTS], marks=pytest.mark.full)])
def test_every_scene_through_every_lens(tmp_path, capsys, monkeypatch, scenes):
    monkeypatch.setattr("sensors.look_demo.SUBJECTS", tuple(s for s in SUBJECTS if s.scene in scenes))
    assert main(["demo", "--look", "-o", str(tmp_path / "d"), *SMALL, "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)["shown"]
    files = {path.name for path in (tmp_path / "d").iterdir()}
    assert files == {f"{scene}-{name}.jpg" for scene in scenes for name in ("sharp", *LENSES)}
    assert {each["file"].rsplit("/", 1)[1] for each in shown if each["file"]} == files
    sharp, blurred = (
        imagecodecs.imread(tmp_path / "d" / f"portrait-{name}.jpg").astype(float) for name in ("sharp", LENSES[0])
    )
    assert sharp.shape == blurred.shape == (120, 160, 3)
    # the leaves lose their detail, the eyes do not
    leaves, face = np.s_[5:60, 5:40], np.s_[40:80, 70:90]
    assert np.abs(np.diff(blurred[leaves], axis=1)).mean() < 0.5 * np.abs(np.diff(sharp[leaves], axis=1)).mean()
    assert np.ptp(blurred[face]) > 0.6 * np.ptp(sharp[face])


def test_nothing_is_computed_where_a_picture_exists(tmp_path, capsys):
    (tmp_path / "fence-sharp.jpg").write_bytes(b"mine")
    assert main(["demo", "--look", "-o", str(tmp_path), *SMALL]) == 6
    assert "fence-sharp.jpg: exists; give --overwrite" in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["fence-sharp.jpg"]


def test_what_to_try_next_is_said_once(capsys):
    _tell([Shown("one", next=("isp run a", "isp run b")), Shown("two", next=("isp run a", "isp run c"))], 1.0)
    said = capsys.readouterr().out.splitlines()
    assert said[said.index("Try next") + 1 :] == ["  isp run a", "  isp run b", "  isp run c"]
