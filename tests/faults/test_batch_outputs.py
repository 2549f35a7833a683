"""Where outputs go: refused before rendering, nothing touched, odd names welcome; and a batch with bad files in it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from isp.commands import main
from isp.demo import demo_frame
from isp.io import write_dng


@pytest.fixture(scope="module")
def dng(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("raw") / "good.dng"
    write_dng(demo_frame(64, 48), path)
    return path


def _run(*words: object) -> int:
    return main(["run", "reference", *map(str, words)])


@pytest.fixture
def refused(capsys, monkeypatch):
    """Run and check: code 6, one line with these words, and no pixel read."""

    def check(words: str, *arguments: object) -> None:
        monkeypatch.setattr("isp.io.read.read_raw", lambda *a, **k: pytest.fail("read before the output was checked"))
        assert _run(*arguments) == 6
        out, err = capsys.readouterr()
        assert out == ""
        assert words in err
        assert err.startswith("error: ")
        assert err.count("\n") == 1

    return check


def test_folder_missing(refused, dng, tmp_path):
    refused("does not exist", dng, "-o", tmp_path / "no" / "a.png")
    refused("folder cannot be made", dng, "-o", f"{tmp_path}/no/no/")
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_folder_read_only(refused, dng, tmp_path):
    tmp_path.chmod(0o500)
    refused("a.png", dng, "-o", tmp_path / "a.png")


def test_target_exists(refused, dng, tmp_path):
    target = tmp_path / "a.png"
    target.write_bytes(b"mine")
    refused("--overwrite", dng, "-o", target)
    assert target.read_bytes() == b"mine"


def test_target_is_replaced_when_asked(dng, tmp_path, capsys):
    target = tmp_path / "a.png"
    target.write_bytes(b"mine")
    assert _run(dng, "-o", target, "--overwrite") == 0
    assert target.read_bytes().startswith(b"\x89PNG")
    assert capsys.readouterr().out == f"{target}\n"


@pytest.mark.parametrize("name", ["größe 日本.png", "new\nline.png", "- .png", "a'b\"c.png"])
def test_odd_names(dng, tmp_path, capsys, name):
    assert _run(dng, "-o", tmp_path / name) == 0
    assert os.listdir(tmp_path) == [name]
    assert capsys.readouterr().out.count("\n") == 1


def test_a_suffix_nobody_knows(dng, tmp_path, capsys):
    assert _run(dng, "-o", tmp_path / "a.gif") == 2
    assert "known here: .png, .tif, .tiff, .jpg, .jpeg" in capsys.readouterr().err
    assert _run(dng, "-o", tmp_path / "a.png", "--tap", "ccm") == 2
    assert "known here: .tif, .tiff" in capsys.readouterr().err
    assert os.listdir(tmp_path) == []


def test_the_name_decides_the_format(dng, tmp_path):
    import tifffile

    for name, magic in (("a.png", b"\x89PNG"), ("a.jpg", b"\xff\xd8"), ("a.tif", b"II*\0"), ("plain", b"II*\0")):
        assert _run(dng, "-o", tmp_path / name) == 0
        assert (tmp_path / name).read_bytes().startswith(magic)
    assert tifffile.imread(tmp_path / "plain").dtype == np.uint16


def test_tap_is_float_tiff(dng, tmp_path):
    import tifffile

    assert _run(dng, "-o", tmp_path / "a.tiff", "--tap", "black_level") == 0
    mosaic = tifffile.imread(tmp_path / "a.tiff")
    assert mosaic.dtype == np.float32
    assert mosaic.shape == (48, 64)
    assert _run(dng, "-o", tmp_path / "b.tiff", "--tap", "balck_level") == 2


def test_bad_files_do_not_stop_a_batch(dng, tmp_path, capsys):
    empty, text, again = tmp_path / "empty.dng", tmp_path / "text.dng", tmp_path / "again.dng"
    empty.write_bytes(b"")
    text.write_text("not a picture")
    again.write_bytes(dng.read_bytes())
    assert _run(empty, dng, tmp_path / "missing.dng", text, again, "-o", f"{tmp_path}/out/") == 4
    out, err = capsys.readouterr()
    assert out.splitlines() == [f"{tmp_path}/out/good.tiff", f"{tmp_path}/out/again.tiff"]
    assert [line[:6] for line in err.splitlines()] == ["error:"] * 3 + ["3 of 5"]
    for name in ("empty.dng", "missing.dng", "text.dng"):
        assert err.count(name) == 2
    assert sorted(os.listdir(tmp_path / "out")) == ["again.tiff", "good.tiff"]


def test_json_says_everything(dng, tmp_path, capsys):
    bad = tmp_path / "bad.dng"
    bad.write_text("x")
    assert _run(dng, bad, "-o", f"{tmp_path}/out/", "--json", "--set", "white_balance.mode=as_shot") == 4
    out, _ = capsys.readouterr()
    result = json.loads(out)
    assert result["exit_code"] == 4
    good, failed = result["files"]
    assert good["size"] == [64, 48]
    assert len(good["sha256"]) == 64
    assert {"read", "render", "write", "total"} <= set(good["seconds"])
    names = [stage["name"] for stage in good["stages"]]
    assert names[-1] == "encode"
    assert good["stages"][names.index("white_balance")]["origins"]["mode"] == "--set"
    assert failed["exit_code"] == 4
    assert "bad.dng" in failed["error"]


def test_a_profile_is_checked_before_anything_is_read(dng, tmp_path, capsys):
    assert main(["run", "refrence", str(dng), "-o", str(tmp_path / "a.png")]) == 3
    assert "did you mean 'reference'?" in capsys.readouterr().err
    assert _run(dng, "-o", tmp_path / "a.png", "--set", "ccm.nonsense=1") == 3
    assert _run(dng, "-o", tmp_path / "a.png", "--set", "nonsense") == 2
    assert os.listdir(tmp_path) == []


def test_limits_are_raised_as_the_error_says(dng, tmp_path, capsys):
    assert _run(dng, "-o", tmp_path / "a.png", "--limit", "megapixels=0.001") == 5
    assert "--limit megapixels=" in capsys.readouterr().err
    assert _run(dng, "-o", tmp_path / "a.png", "--limit", "megapixel=1") == 2
    assert "did you mean 'megapixels'?" in capsys.readouterr().err


@pytest.mark.parametrize(("option", "shape"), [("--depth", (60, 80)), ("--defects", (48, 64))])
def test_limits_hold_for_what_is_given_beside_a_frame(dng, tmp_path, capsys, option, shape):
    plane = tmp_path / "plane.npy"
    np.save(plane, np.zeros(shape, np.uint8) if option == "--defects" else np.ones(shape, np.float32))
    given = ["-o", tmp_path / "a.png", option, plane, "--limit"]
    assert _run(dng, *given, f"file_megabytes={plane.stat().st_size / 2e6}") == 5
    assert f"{plane}: " in capsys.readouterr().err
    assert _run(dng, *given, "megapixels=0.003") == 5
    assert f"{plane}: megapixels of a" in (said := capsys.readouterr().err)
    assert _run(dng, *given, said.split("--limit ")[1].split()[0]) == 0


def test_limits_hold_for_the_depth_of_a_fit(dng, tmp_path, capsys):
    depth = tmp_path / "depth.npy"
    np.save(depth, np.ones((60, 80), np.float32))
    words = ["tune", "fit", "portrait_50mm", f"{dng}:b.png", "--params", "exposure.ev", "-o", f"{tmp_path}/a.yaml"]
    assert main([*words, "--depth", str(depth), "--limit", "megapixels=0.004"]) == 5
    assert f"{depth}: megapixels of a 80x60 frame" in capsys.readouterr().err


def test_depth_plane_is_an_input(dng, tmp_path, capsys):
    depth = tmp_path / "depth.npy"
    np.save(depth, np.ones((6, 8), np.float32))
    assert _run(dng, "-o", tmp_path / "a.png", "--depth", depth, "--focus", "1.5") == 0
    capsys.readouterr()
    depth.write_bytes(b"nonsense")
    assert _run(dng, "-o", tmp_path / "b.png", "--depth", depth) == 4
    assert _run(dng, "-o", tmp_path / "b.png", "--focus", "-1") == 4
    assert capsys.readouterr().err.count("\n") == 2
    assert not (tmp_path / "b.png").exists()
