"""Signals and closed pipes in a batch: an exit code, one line, and every file whole or absent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from isp.demo import demo_frame
from isp.io import write_dng

SLOW = """
import sys, time
from pathlib import Path
from isp.commands import main
from isp.commands.developer import Developer

def develop(self, job, bar):
    if job.source.name != "a.dng":
        time.sleep(60)
    job.target.write_text("whole")
    return {"output": job.target, "size": [1, 1], "seconds": {"total": 1.0}}

Developer.develop = develop
sys.exit(main(sys.argv[1:]))
"""
"""The command with a first file that is quick and a second that takes a minute."""


def _start(code: str | None, *words: str, **options: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", code] if code else [sys.executable, "-m", "isp.commands"]
    return subprocess.Popen(
        [*command, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )


@pytest.mark.parametrize(
    ("number", "code", "word"),
    [
        (signal.SIGINT, 130, "interrupted"),
        (signal.SIGTERM, 143, "terminated"),
        (signal.SIGHUP, 129, "hung up"),
    ],
)
def test_a_signal_in_a_batch(tmp_path, number, code, word):
    process = _start(SLOW, "run", "reference", "a.dng", "b.dng", "-o", f"{tmp_path}/out/")
    first = process.stdout.readline()
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == code
    assert first.strip() == f"{tmp_path}/out/a.tiff"
    assert out == ""
    assert err == f"error: {word}\n"
    assert os.listdir(tmp_path / "out") == ["a.tiff"]


def test_nohup_is_respected(tmp_path):
    process = _start(
        SLOW, "run", "reference", "a.dng", "b.dng", "-o", f"{tmp_path}/",
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    )
    process.stdout.readline()
    process.send_signal(signal.SIGHUP)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(timeout=0.3)
    process.terminate()
    process.communicate(timeout=30)
    assert process.returncode == 143


@pytest.mark.parametrize("words", [("stages",), ("stages", "--json"), ("--help",), ("profile", "schema")])
def test_a_closed_stdout_is_no_traceback(words):
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "isp.commands", *words], stdout=write, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(write)
    assert done.stderr == ""
    assert done.returncode in (1, 141)


@pytest.fixture(scope="module")
def frames(tmp_path_factory) -> list[Path]:
    folder = tmp_path_factory.mktemp("frames")
    paths = [folder / f"{i}.dng" for i in range(6)]
    for i, path in enumerate(paths):
        write_dng(demo_frame(320, 240, seed=i), path)
    return paths


def test_stdout_closed_in_the_middle_of_a_batch(frames, tmp_path):
    process = _start(None, "run", "reference", *map(str, frames), "-o", f"{tmp_path}/out/")
    process.stdout.readline()
    process.stdout.close()
    err = process.stderr.read()
    process.wait(timeout=60)
    process.stderr.close()
    assert process.returncode in (0, 141)
    assert "Traceback" not in err
    assert not list(tmp_path.rglob("*.part"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_rendering_leaves_whole_files_only(frames, tmp_path, number):
    import tifffile

    process = _start(None, "run", "reference", *map(str, frames), "-o", f"{tmp_path}/out/")
    process.stdout.readline()
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode in (128 + number, 0)
    assert "Traceback" not in err
    assert not list(tmp_path.rglob("*.part"))
    for path in (tmp_path / "out").iterdir():
        assert tifffile.imread(path).shape == (240, 320, 3)
