"""What the lens look refuses, from the command: one line that says what, and an exit code."""

from importlib.resources import files

import numpy as np
import pytest

from isp.commands import main
from isp.io import write_dng
from sensors import capture


@pytest.fixture(scope="module")
def frame(tmp_path_factory):
    path = tmp_path_factory.mktemp("look") / "a.dng"
    write_dng(capture("chart", sensor="imx586", mode="bin4", size=(512, 384), iso=100), path)
    return path


def depth(folder, shape=(96, 128), value=2.0):
    np.save(folder / "depth.npy", np.full(shape, value, np.float32))
    return ["--depth", str(folder / "depth.npy")]


DEEP = ["--set", "lens_look.mode=depth"]
FOCUS = ["--focus", "1.5"]


@pytest.mark.parametrize(
    ("shape", "value", "more", "code", "words"),
    [
        (None, 0, [*DEEP, *FOCUS], 4, "stage 'lens_look' needs 'depth', which was not given (--depth FILE)"),
        ((96, 128), 2.0, [], 4, "needs 'focus', the distance in focus, which was not given (--focus METRES)"),
        ((96, 96), 2.0, FOCUS, 4, "the depth plane, 96x96, has another shape than the picture, 128x96"),
        ((96, 128), -2.0, FOCUS, 4, "12288 of 12288 distances of the depth plane are not > 0 m"),
        ((96, 128), 2.0, ["--focus", "0.06"], 2, "focus 0.06 m is behind or inside the lens"),
        ((96, 128), 2.0, ["--focus", "-1"], 4, "-1"),
        ((96, 128), 2.0, [*FOCUS, "--set", "lens_look.f_number=0.8"], 2, "f/0.8 is not allowed"),
        ((96, 128), 2.0, [*FOCUS, "--set", "lens_look.lens=petzval"], 3, "petzval"),
        ((96, 128), 2.0, [*FOCUS, "--set", "lens_look.blades=2"], 3, "blades 2 is not allowed"),
        ((96, 128), 2.0, [*FOCUS, "--set", "lens_look.disparity=[1]"], 3, "disparity"),
    ],
    ids=["no depth", "no focus", "shape", "negative", "focus in lens", "focus behind", "too wide", "no such lens",
         "blades", "disparity"],
)  # fmt: skip
def test_bad_input_ends_in_one_line(frame, tmp_path, capsys, shape, value, more, code, words):
    given = [] if shape is None else depth(tmp_path, shape, value)
    out = tmp_path / "a.jpg"
    assert main(["run", "portrait_50mm", str(frame), "-o", str(out), *given, *more]) == code
    said = capsys.readouterr().err.strip()
    assert words in said
    assert "Traceback" not in said
    assert not out.exists()


def test_without_depth_the_profile_leaves_all_in_focus(frame, tmp_path):
    assert main(["run", "portrait_50mm", str(frame), "-o", str(tmp_path / "a.jpg")]) == 0


def test_depth_in_millimetres_is_the_same_picture(frame, tmp_path):
    import imagecodecs

    away = np.linspace(1000, 4000, 96 * 128).reshape(96, 128).astype(np.uint16)
    np.save(tmp_path / "depth.npy", away * np.float32(1e-3))
    (tmp_path / "depth.png").write_bytes(imagecodecs.png_encode(away))
    for name in ("npy", "png"):
        depth_file, out = str(tmp_path / f"depth.{name}"), str(tmp_path / f"{name}.jpg")
        assert main(["run", "portrait_50mm", str(frame), "-o", out, "--depth", depth_file, *FOCUS]) == 0
    assert (tmp_path / "npy.jpg").read_bytes() == (tmp_path / "png.jpg").read_bytes()


LENS_FILE = """\
lenses:
  wide:
    surfaces:
      - {id: front, R: 3.0, t: 1, n: 1.5, V: 60, D: 2, stop: true}
      - {id: back, R: -3.0, t: 4, n: 1.0, V: null, D: 2}
  dark:
    surfaces:
      - {id: front, R: 50.0, t: 1, n: 1.5, V: 60, D: 10}
      - {id: back, R: -50.0, t: 40, n: 1.0, V: null, D: 10}
      - {id: stop, R: .inf, t: 1, n: 1.0, V: null, D: 0.0001, stop: true}
"""


@pytest.mark.parametrize(
    ("value", "text", "code", "words"),
    [
        ("{file: mine.yaml, name: wide}", None, 3,
         "p.yaml:24: lens_look.lens: file 'mine.yaml' is not a file in the profile's folder"),
        ("{file: mine.yaml, name: wid}", LENS_FILE, 3,
         "p.yaml:24: lens_look.lens: no lens 'wid' in mine.yaml; did you mean 'wide'?"),
        ("{file: mine.yaml}", LENS_FILE, 3,
         "p.yaml:24: lens_look.lens: mine.yaml has several lenses; give a name: wide, dark"),
        ("{file: ../mine.yaml, name: wide}", LENS_FILE, 3, "leads out of the profile's folder"),
        ("{file: mine.txt, name: wide}", LENS_FILE, 3, "{file: NAME.yaml, name: WHICH}"),
        ("{file: mine.yaml, lens: wide}", LENS_FILE, 3,
         "a file value is {file: NAME, name: WHICH, sha256: HEX} (name and sha256 optional)"),
        ("{file: mine.yaml, name: wide, sha256: '00'}", LENS_FILE, 3, "but the profile says '00'"),
        ("{file: mine.yaml, name: wide}", LENS_FILE.replace("R: 3.0", "R: -3.5").replace("R: -3.0", "R: 3.5"), 3,
         "p.yaml:24: lens_look.lens: mine.yaml:2: wide: forms no image: focal length"),
        ("{file: mine.yaml, name: wide}", LENS_FILE.replace("n: 1.5", "n: -1.5"), 3,
         "mine.yaml:4: wide: surface front: n -1.5 is not allowed; allowed: 1..4"),
        ("{file: mine.yaml, name: wide}", "{" + LENS_FILE, 3, "mine.yaml:"),
        ("{file: mine.yaml, name: wide}", LENS_FILE + "#" * 1_000_000, 5, "at most 1000000"),
        ("{file: mine.yaml, name: wide}", LENS_FILE, 2,
         "lens_look: behind 3.176 mm a sensor 36 mm wide sees 82 degrees off the axis; allowed: 80; give a longer "
         "focal_length or a smaller sensor_width"),
    ],
    ids=["no file", "no such lens", "no name", "outside", "suffix", "unknown key", "hash", "sign", "index",
         "not a lens file", "too large", "format"],
)  # fmt: skip
def test_a_lens_file_that_will_not_do_ends_in_one_line(frame, tmp_path, capsys, value, text, code, words):
    profile = (files("isp") / "profiles" / "portrait_50mm.yaml").read_text()
    (tmp_path / "p.yaml").write_text(profile.replace("lens: 50mm_f1.2_1966, f_number: 1.4", f"lens: {value}"))
    if text is not None:
        (tmp_path / "mine.yaml").write_text(text)
    out = tmp_path / "a.jpg"
    assert main(["run", str(tmp_path / "p.yaml"), str(frame), "-o", str(out), *depth(tmp_path), *FOCUS]) == code
    said = capsys.readouterr().err.strip()
    assert words in said
    assert len(said.splitlines()) == 1
    assert "Traceback" not in said
    assert not out.exists()
