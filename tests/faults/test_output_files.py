"""Outputs that cannot be written, and writers that are stopped: what was there stays, byte for byte."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

from isp.errors import OutputError
from isp.io import atomic_write, check_writable, write_picture, write_value
from isp.io.atomic import sweep
from isp.values import Picture

ROOT = Path(__file__).resolve().parents[2]
PIXELS = np.random.default_rng(0).integers(0, 256, (64, 96, 3)).astype(np.uint8)
PICTURE = Picture(PIXELS, "srgb", "srgb", "display")


def refused(path, overwrite=False) -> str:
    """The line with which both the early check and the writer refuse a path."""
    with pytest.raises(OutputError) as early:
        check_writable(path, overwrite)
    with pytest.raises(OutputError) as late:
        write_picture(PICTURE, path, format="png", overwrite=overwrite)
    assert str(early.value) == str(late.value)
    assert "\n" not in str(late.value)
    return str(late.value)


def names(folder):
    return sorted(os.listdir(folder))


def test_folder_missing(tmp_path):
    assert "folder" in refused(tmp_path / "no" / "a.png")
    assert "does not exist" in refused(tmp_path / "no" / "a.png")


def test_folder_is_a_file(tmp_path):
    (tmp_path / "file").write_bytes(b"x")
    assert "is not a folder" in refused(tmp_path / "file" / "a.png")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_folder_read_only(tmp_path):
    tmp_path.chmod(0o555)
    assert "is read-only" in refused(tmp_path / "a.png")
    tmp_path.chmod(0o755)


def test_path_is_a_directory(tmp_path):
    (tmp_path / "a.png").mkdir()
    assert "is a directory" in refused(tmp_path / "a.png", overwrite=True)


def test_device_is_not_replaced():
    assert "is not a regular file" in refused("/dev/null", overwrite=True)


def test_existing_file_is_kept(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"precious")
    assert "exists; give --overwrite" in refused(path)
    assert path.read_bytes() == b"precious"
    assert names(tmp_path) == ["a.png"]


def test_overwrite_replaces(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"old")
    write_picture(PICTURE, path, overwrite=True)
    assert path.read_bytes().startswith(b"\x89PNG")
    assert names(tmp_path) == ["a.png"]


def test_dangling_link_counts_as_existing(tmp_path):
    (tmp_path / "a.png").symlink_to(tmp_path / "nowhere")
    assert "exists" in refused(tmp_path / "a.png")


@pytest.mark.parametrize("name", ["a\nb.png", "ä ö 日本.png", "-rf.png", "x" * 251 + ".png", "b'\"$(x).png"])
def test_odd_names(tmp_path, name):
    path = write_picture(PICTURE, tmp_path / name)
    assert path.stat().st_size > 1000
    assert names(tmp_path) == [name]


def test_name_of_undecodable_bytes(tmp_path):
    path = tmp_path / os.fsdecode(b"\xff\xfe.png")
    write_picture(PICTURE, path)
    assert os.listdir(os.fsencode(tmp_path)) == [b"\xff\xfe.png"]
    assert "exists" in refused(path)


def test_name_too_long(tmp_path):
    assert "longer than 255 bytes" in refused(tmp_path / ("x" * 252 + ".png"))


def test_mode_follows_the_umask(tmp_path):
    before = os.umask(0o027)
    try:
        path = write_picture(PICTURE, tmp_path / "a.png")
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o640


def test_nobody_may_read_a_file_being_written(tmp_path):
    with atomic_write(tmp_path / "a.bin") as file:
        (part,) = tmp_path.iterdir()
        assert part.name.startswith(".a.bin.")
        assert part.name.endswith(".part")
        assert part.stat().st_mode & 0o777 == 0o600
        file.write(b"x")
    assert names(tmp_path) == ["a.bin"]


def test_an_error_in_the_block_leaves_nothing(tmp_path):
    (tmp_path / "a.bin").write_bytes(b"old")

    def fail():
        with atomic_write(tmp_path / "a.bin", overwrite=True) as file:
            file.write(b"new")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert (tmp_path / "a.bin").read_bytes() == b"old"
    assert names(tmp_path) == ["a.bin"]


def test_two_writers_without_overwrite(tmp_path):
    def race():
        with atomic_write(tmp_path / "a.bin") as file:
            file.write(b"second")
            (tmp_path / "a.bin").write_bytes(b"first")

    with pytest.raises(OutputError, match="somebody else wrote"):
        race()
    assert (tmp_path / "a.bin").read_bytes() == b"first"
    assert names(tmp_path) == ["a.bin"]


def write(kind, path):
    if kind == "tap":
        return write_value(PICTURE, path, overwrite=True)
    return write_picture(PICTURE, path, format=kind, overwrite=True)


@pytest.mark.parametrize("kind", ["png", "tiff", "jpeg", "tap"])
@pytest.mark.parametrize("share", [0.0, 0.5, 0.99, 0.9999])
def test_disk_full(tmp_path, kind, share):
    """A file-size limit fails a write the way a full disk does."""
    path = tmp_path / "a.tif"
    size = write(kind, tmp_path / "whole.tif").stat().st_size
    path.write_bytes(b"old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(size * share), hard))
    try:
        with pytest.raises(OutputError) as caught:
            write(kind, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "cannot be written" in str(caught.value)
    assert "untouched" in str(caught.value)
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["a.tif", "whole.tif"]
    assert write(kind, path).stat().st_size == size


LOOP = """
    import sys
    import numpy as np
    from isp.io import write_picture
    from isp.values import Picture

    i = 0
    print("ready", flush=True)
    while True:
        i = (i + 1) % 200
        pixels = np.full((300, 400, 3), i, np.uint8)
        write_picture(Picture(pixels, "srgb", "srgb", "display"), sys.argv[1], overwrite=True)
"""


def kill_while_writing(folder, suffix, kills, seed):
    """Kill a process that rewrites one file again and again; every time the file must be one whole picture."""
    import imagecodecs
    import tifffile

    rng = np.random.default_rng(seed)
    target = folder / f"a.{suffix}"
    stale = 0
    for _ in range(kills):
        command = [sys.executable, "-c", textwrap.dedent(LOOP), str(target)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as child:
            child.stdout.readline()
            while not target.exists():
                time.sleep(0.001)
            time.sleep(float(rng.uniform(0, 0.03)))
            child.send_signal(signal.SIGKILL)
        pixels = tifffile.imread(target) if suffix == "tif" else imagecodecs.imread(str(target))
        assert pixels.shape == (300, 400, 3)
        assert np.ptp(pixels) <= 2  # one picture, not two
        stale += len(names(folder)) - 1
    return stale


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_kill_while_writing(tmp_path, suffix):
    kill_while_writing(tmp_path, suffix, 10, 3)
    # the next run sweeps what the last dead process left
    write_picture(PICTURE, tmp_path / f"a.{suffix}", overwrite=True)
    assert names(tmp_path) == [f"a.{suffix}"]


@pytest.mark.full
@pytest.mark.parametrize("suffix", ["png", "tif", "jpg"])
def test_kill_while_writing_often(tmp_path, suffix):
    assert kill_while_writing(tmp_path, suffix, 100, 4) > 0
    sweep(tmp_path)
    assert names(tmp_path) == [f"a.{suffix}"]


def dead_process():
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        child.wait()
    return child.pid


def test_sweep_takes_only_what_dead_processes_left(tmp_path):
    import fcntl

    dead = dead_process()
    stale = tmp_path / f".a.png.{dead}-0123456789ab.part"
    other = tmp_path / f".a.png.{dead}-ba9876543210.part"  # as of another container: its process is not one of ours
    living = tmp_path / f".a.png.{os.getpid()}-0123456789ab.part"
    foreign = tmp_path / f".a.png.{dead}.part"
    for path in (stale, other, living, foreign):
        path.write_bytes(b"x")
    with open(other, "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert sweep(tmp_path) == 1
    assert names(tmp_path) == sorted(p.name for p in (other, living, foreign))
