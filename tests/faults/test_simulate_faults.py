"""`isp simulate` with wrong settings, broken files, full disks and signals: one line and nothing half-written."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile

from isp.commands import main
from isp.errors import OutputError

GOOD = {"--sensor": "imx586", "--scene": "chart", "--mode": "bin2", "--size": "160x120"}


def _words(folder: Path, **changes: str | None) -> list[str]:
    options = GOOD | {"-o": str(folder / "a.dng")}
    options |= {f"--{key.replace('_', '-')}" if key != "o" else "-o": value for key, value in changes.items()}
    return ["simulate", *(word for pair in options.items() if pair[1] is not None for word in pair)]


def _tree(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.fixture
def refused(tmp_path, capsys, monkeypatch):
    """Run and check: this code, one line with these words, no photosite computed and nothing written."""

    def check(code: int, words: str, *more: str, **changes: str | None) -> None:
        monkeypatch.setattr("sensors.photograph.expose", lambda *a, **k: pytest.fail("computed before it was checked"))
        before = _tree(tmp_path)
        assert main([*_words(tmp_path, **changes), *more]) == code
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("error: ")
        assert err.count("\n") == 1
        assert words in err
        assert _tree(tmp_path) == before

    return check


@pytest.mark.parametrize(
    ("words", "changes"),
    [
        ("no sensor 'imx568' in the catalogue; did you mean 'imx586'?", {"sensor": "imx568"}),
        ("leitz_phone_1 has no camera 'tele'; allowed: main", {"sensor": "leitz_phone_1/tele"}),
        ("unknown scene 'charts'; did you mean 'chart'?", {"scene": "charts"}),
        ("unknown option 'fil'; did you mean 'fill'?", {"scene": "chart?fil=1"}),
        ("fill=3.0 must be a number in 0.1..1", {"scene": "chart?fill=3"}),
        ("write photo:FILE", {"scene": "photo"}),
        ("has no mode 'bin22'; did you mean 'bin2'?", {"mode": "bin22"}),
        ("has no mode 'full-charge'", {"mode": "full-charge"}),
        ("'D66' is not known; did you mean 'D65'?", {"illuminant": "D66"}),
        ("the temperature must be 1700..25000 K", {"illuminant": "100K"}),
        ("allowed: 0..3600 s", {"exposure": "-1"}),
        ("allowed: 0..3600 s", {"exposure": "nan"}),
        ("'--exposure'", {"exposure": "1/100"}),
        ("ISO 50 is not possible on imx586; allowed: 100..6400", {"iso": "50"}),
        ("allowed: 100..6400", {"iso": "nan"}),
        ("must be a number in 0..200000", {"lux": "-1"}),
        ("seed -1 is not possible; allowed: 0..2^64 - 1", {"seed": "-1"}),
        ("unit -1 is not possible", {"unit": "-1"}),
        ("allowed: -40..125 C", {"temperature": "500"}),
        ("allowed: above 0, up to 1", {"target": "0"}),
        ("must be a number in 0.7..32", {"f_number": "0"}),
        ("hdr 'hdr10' is not known; allowed: staggered, dual_gain", {"hdr": "hdr10"}),
        ("imx586 has no staggered exposures", {"hdr": "staggered"}),
        ("allowed: 4x4..65536x65536 photosites", {"size": "0x0"}),
        ("allowed: 4x4..65536x65536 photosites", {"size": "70000x70000"}),
        ("'-4x4' is not a size; write it as 4096x3072", {"size": "-4x4"}),
        ("is not a size", {"size": "9" * 5000 + "x4"}),
        ("crop 10x10 at (-1, 0) does not fit; allowed: at least 4x4 within the 80x60", {"crop": "-1,0,10,10"}),
        ("does not fit", {"crop": "0,0,81,60"}),
        ("does not fit", {"crop": "0,0,0,0"}),
        ("is not a region; write it as X,Y,WIDTH,HEIGHT", {"crop": "1,2,3"}),
        ("allowed: camera:NAME, FILE.json", {"sensitivity": "canon"}),
        ("has no curve for G of imx586", {"sensitivity": "phone-ryyb"}),
        ("name it OUT.dng", {"o": "a.png"}),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else None,
)
def test_wrong_settings(refused, words, changes):
    refused(2, words, **changes)


def test_missing_options(capsys):
    for name in ("--sensor", "--scene", "-o"):
        words = [w for pair in (GOOD | {"-o": "a.dng"}).items() if pair[0] != name for w in pair]
        assert main(["simulate", *words]) == 2
        err = capsys.readouterr().err
        assert "Missing option" in err
        assert err.count("\n") == 1


def test_too_large_a_frame(refused):
    refused(5, "4295 megapixels; a DNG holds 2000: take a smaller size, or a crop", size="65536x65536", mode="full")


def test_scene_files(refused, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    noise = np.random.default_rng(0).integers(0, 256, (40, 60, 3)).astype(np.uint8)
    whole = imagecodecs.png_encode(noise)
    for name, data in (("cut.png", whole[:2000]), ("text.png", b"hello"), ("empty.png", b""), ("good.png", whole)):
        (tmp_path / name).write_bytes(data)
    light = np.ones((40, 60, 3), np.float32)
    light[3, 3, 1] = np.nan
    tifffile.imwrite(tmp_path / "nan.tif", light, photometric="rgb")
    np.save(tmp_path / "depth.npy", np.ones((40, 90), np.float32))
    for name, words in {
        "photo:no.png": "no.png: no such file",
        "photo:cut.png": "truncated",
        "photo:text.png": "found text",
        "photo:empty.png": "the file is empty",
        f"photo:{tmp_path}": "is a directory",
        "photo:/dev/zero": "is a device",
        "hdr:good.png": "is a photograph, not linear light",
        "hdr:nan.tif": "1 of 2400 pixels are NaN or infinite",
        "spectral:good.png": "not a spectral picture",
        "rgbd:good.png,depth.npy": "90x40 has another shape than the picture's 60x40",
    }.items():
        refused(4, words, scene=name)


def test_sensitivity_files(refused, tmp_path):
    (tmp_path / "broken.json").write_text('{"a": [')
    (tmp_path / "other.json").write_text('{"a": 1}')
    refused(4, "broken.json: not JSON", sensitivity=str(tmp_path / "broken.json"))
    refused(4, "other.json: no 'header' object", sensitivity=str(tmp_path / "other.json"))
    refused(4, "none.json: no such file", sensitivity=str(tmp_path / "none.json"))


def test_sensor_files(refused, tmp_path):
    (tmp_path / "mine.yaml").write_text("width: 12\n")
    refused(3, "mine.yaml:1: height is missing", sensor=str(tmp_path / "mine.yaml"))


def test_outputs_are_checked_first(refused, tmp_path):
    (tmp_path / "there.dng").write_bytes(b"mine")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "ideal.png").write_bytes(b"mine")
    refused(6, "there.dng: exists; give --overwrite", o=str(tmp_path / "there.dng"))
    refused(6, "folder", o=str(tmp_path / "no" / "a.dng"))
    refused(6, "there.dng: exists", o=str(tmp_path / "there.dng"), truth=str(tmp_path / "new"))
    refused(6, "ideal.png: exists; give --overwrite", truth=str(tmp_path / "full"))
    refused(6, "folder cannot be made", truth=str(tmp_path / "there.dng"))
    refused(6, "folder cannot be made", truth=str(tmp_path / "no" / "no"))
    assert (tmp_path / "there.dng").read_bytes() == b"mine"


def test_every_frame_of_an_hdr_capture_is_checked(refused, tmp_path):
    (tmp_path / "a-3.dng").write_bytes(b"mine")
    refused(6, "a-3.dng: exists", hdr="staggered", sensor="imx989")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_is_read_only(refused, tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    refused(6, "read-only", o=str(closed / "a.dng"))
    refused(6, "read-only", truth=str(closed))


def test_a_disk_with_too_little_room(refused, monkeypatch):
    import shutil

    usage = shutil.disk_usage("/")._replace(free=1000)
    monkeypatch.setattr("shutil.disk_usage", lambda place: usage)
    refused(6, "GB are needed there")


@contextmanager
def _largest_file(size: int):
    """A limit on files fails a write the way a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture(scope="module")
def compiled(tmp_path_factory) -> Path:
    """A good run, after which nothing needs compiling."""
    folder = tmp_path_factory.mktemp("good")
    assert main([*_words(folder, truth=str(folder / "t"))]) == 0
    return folder


SIZES = {"nothing fits": 100, "no frame": 9_000, "no electrons": 12_000, "no ideal picture": 40_000}


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
@pytest.mark.usefixtures("compiled")
def test_disk_full(tmp_path, capsys, size):
    words = _words(tmp_path, truth=str(tmp_path / "t"))
    with _largest_file(size):
        assert main(words) == 6
    err = capsys.readouterr().err
    assert "cannot be written: File too large; nothing was written" in err
    assert err.count("\n") == 1
    assert _tree(tmp_path) == []
    assert main(words) == 0
    capsys.readouterr()
    good = {name: (tmp_path / name).read_bytes() for name in _tree(tmp_path) if "." in name}
    with _largest_file(size):
        assert main([*words, "--overwrite", "--seed", "9"]) == 6
    assert "untouched" in capsys.readouterr().err
    assert {name: (tmp_path / name).read_bytes() for name in _tree(tmp_path) if "." in name} == good


@pytest.mark.usefixtures("compiled")
def test_a_frame_that_cannot_be_written_takes_the_truth_and_its_sisters_with_it(tmp_path, capsys, monkeypatch):
    from isp.io.dng import write

    def fail(frame, path, **options):
        if str(path).endswith("-2.dng"):
            raise OutputError(f"{path}: cannot be written: No space left on device; nothing was written")
        return write.write_dng(frame, path, **options)

    monkeypatch.setattr("isp.io.write_dng", fail, raising=False)
    words = _words(tmp_path, sensor="imx989", hdr="staggered", truth=str(tmp_path / "t"))
    assert main(words) == 6
    assert capsys.readouterr().err.count("\n") == 1
    assert _tree(tmp_path) == []


@pytest.mark.usefixtures("compiled")
def test_a_truth_that_cannot_be_completed_is_taken_away(tmp_path, capsys, monkeypatch):
    """The disk fails when the last array is put in place, after others were."""
    from isp.io import atomic

    def put(part, target, overwrite):
        if target.name == "electrons.npy":
            raise OSError(5, "Input/output error")
        real(part, target, overwrite)

    real = atomic._put
    monkeypatch.setattr(atomic, "_put", put)
    assert main(_words(tmp_path, truth=str(tmp_path / "t"))) == 6
    assert "electrons.npy: cannot be written: Input/output error" in capsys.readouterr().err
    assert _tree(tmp_path) == []


def test_an_older_truth_is_marked_as_incomplete_when_its_successor_fails(tmp_path, capsys, monkeypatch):
    from isp.io import atomic

    def put(part, target, overwrite):
        if target.name == "electrons.npy" and overwrite:
            raise OSError(5, "Input/output error")
        real(part, target, overwrite)

    real = atomic._put
    monkeypatch.setattr(atomic, "_put", put)
    words = _words(tmp_path, truth=str(tmp_path / "t"))
    assert main(words) == 0
    assert main([*words, "--overwrite", "--seed", "3"]) == 6
    assert capsys.readouterr().err.count("\n") == 1
    assert "t/truth.json" not in _tree(tmp_path)
    assert "t/electrons.npy" in _tree(tmp_path)
    assert not [name for name in _tree(tmp_path) if name.endswith(".part")]


def _slow(folder: Path) -> subprocess.Popen[str]:
    """A capture that takes seconds, in the middle of it."""
    words = _words(folder, size="8000x6000", scene="siemens", truth=str(folder / "t"))
    child = subprocess.Popen(
        [sys.executable, "-m", "isp.commands", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    for _ in range(600):
        if list(folder.glob("t/.electrons.npy.*.part")) or child.poll() is not None:
            break
        time.sleep(0.05)
    return child


@pytest.mark.parametrize(("number", "code", "word"), [(2, 130, "interrupted"), (15, 143, "terminated")])
@pytest.mark.usefixtures("compiled")
def test_a_signal_while_computing(tmp_path, number, code, word):
    child = _slow(tmp_path)
    child.send_signal(number)
    out, err = child.communicate(timeout=60)
    assert (child.returncode, out, err) == (code, "", f"error: {word}\n")
    assert _tree(tmp_path) == []


@pytest.mark.usefixtures("compiled")
def test_what_a_killed_run_leaves_is_swept(tmp_path, capsys):
    child = _slow(tmp_path)
    child.send_signal(signal.SIGKILL)
    child.communicate(timeout=60)
    left = _tree(tmp_path)
    assert left[0] == "t"
    assert all(name.endswith(".part") for name in left[1:])
    assert main(_words(tmp_path, truth=str(tmp_path / "t"))) == 0
    assert not [name for name in _tree(tmp_path) if name.endswith(".part")]
    assert json.loads((tmp_path / "t" / "truth.json").read_text())["settings"]["scene"] == "chart"


def test_a_frame_of_blocks_without_a_stage_for_it_says_what_works(tmp_path, capsys):
    assert main(_words(tmp_path, mode="full")) == 0
    capsys.readouterr()
    words = ["run", "natural", str(tmp_path / "a.dng"), "-o", str(tmp_path / "a.png")]
    assert main([*words, "--set", "remosaic.enabled=false"]) == 4
    out, err = capsys.readouterr()
    assert out == ""
    assert "CFA RRGG/RRGG/GGBB/GGBB (quad) not supported by stage 'green_equalization'; supported: bayer, ryyb" in err
    assert err.count("\n") == 1
    assert _tree(tmp_path) == ["a.dng"]


@pytest.mark.parametrize("name", ["größe 日本.dng", "new\nline.dng", "-x.dng"])
@pytest.mark.usefixtures("compiled")
def test_odd_names(tmp_path, capsys, name):
    assert main([*_words(tmp_path), "-o", str(tmp_path / name)]) == 0
    assert _tree(tmp_path) == [name]
    assert capsys.readouterr().out.count("\n") == 1
