"""`isp run --merge`: the frames of one scene become one picture."""

from __future__ import annotations

import json

import numpy as np
import pytest

from isp.commands import main
from isp.io import write_dng
from isp.values import ColorCalibration, RawFrame


@pytest.fixture(scope="module")
def scene_set(tmp_path_factory):
    """Three exposures of one scene, and a profile that merges them."""
    folder = tmp_path_factory.mktemp("set")
    rng = np.random.default_rng(1)
    for number, time in enumerate((0.04, 0.01, 0.0025), 1):
        codes = np.minimum(rng.integers(70, 90, (40, 48)) * (time / 0.01), 1023).astype(np.uint16) + 64
        frame = RawFrame.from_array(np.minimum(codes, 1023), "RGGB", 64, 1023, exposure=time, iso=100.0,
                                    calibrations=(ColorCalibration(6504, np.eye(3)),), neutral=(0.5, 1.0, 0.6))
        write_dng(frame, folder / f"s-{number}.dng")
    (folder / "hdr.yaml").write_text(
        "version: 1\nname: hdr\nstages:\n  - black_level\n  - hdr_merge\n  - white_balance\n  - demosaic\n  - ccm\n"
        "  - encode\noutput: {format: png}\n"
    )
    return folder


def test_merge_makes_one_picture_of_all_inputs(scene_set, tmp_path, capsys):
    files = [str(scene_set / f"s-{n}.dng") for n in (1, 2, 3)]
    words = ["run", str(scene_set / "hdr.yaml"), *files, "--merge", "--json", "-o", f"{tmp_path}/out/"]
    assert main(words) == 0
    (record,) = json.loads(capsys.readouterr().out)["files"]
    assert record["output"] == f"{tmp_path}/out/s-1.png"
    assert [m["input"] for m in record["more"]] == files[1:]
    assert len({record["sha256"], *(m["sha256"] for m in record["more"])}) == 3
    values = {s["name"]: s["values"] for s in record["stages"]}["hdr_merge"]
    assert values["kind"] == "staggered"
    assert values["ratios"] == pytest.approx([4, 1, 0.25])
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["s-1.png"]


def test_merge_needs_several_frames_and_a_stage_that_merges(scene_set, tmp_path, capsys):
    profile, files = str(scene_set / "hdr.yaml"), [str(scene_set / f"s-{n}.dng") for n in (1, 2)]
    assert main(["run", profile, files[0], "--merge", "-o", str(tmp_path / "a.png")]) == 2
    assert capsys.readouterr().err == f"error: --merge: {files[0]} is alone; give all frames of the scene\n"
    assert main(["run", "reference", *files, "--merge", "-o", str(tmp_path / "a.tif")]) == 4
    assert "needs a stage that merges them; add hdr_merge behind black_level" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
