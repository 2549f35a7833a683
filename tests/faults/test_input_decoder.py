"""The decoder process crashes, hangs or eats memory: one line about that file, in time, and the next file is read.

A stand-in for rawpy on the module path does the harm: the child finds it the way it finds the real one.
"""

from __future__ import annotations

import textwrap
import time

import numpy as np
import pytest

from isp.errors import InputError, LimitError
from isp.io import Limits, read_raw
from tests.dng import mosaic, write_dng

MRW = b"\0MRM" + bytes(range(256)) * 4
"""The magic of a camera format, so that the file reaches the decoder."""


@pytest.fixture
def broken(tmp_path, monkeypatch):
    """A function that makes the decoder run `code` in place of opening a file."""

    def install(code):
        folder = tmp_path / "modules"
        folder.mkdir(exist_ok=True)
        body = textwrap.indent(textwrap.dedent(code), "    ")
        (folder / "rawpy.py").write_text(f"import os, signal, time\n\ndef imread(file):\n{body}\n")
        monkeypatch.syspath_prepend(folder)
        path = tmp_path / "a.mrw"
        path.write_bytes(MRW)
        return path

    return install


def refused(path, kind=InputError, **limits) -> str:
    start = time.monotonic()
    with pytest.raises(kind) as caught:
        read_raw(path, limits=Limits(**limits))
    assert time.monotonic() - start < 20
    message = str(caught.value)
    assert "\n" not in message
    assert path.name in message
    return message


def good_file_still_reads(tmp_path):
    np.testing.assert_array_equal(read_raw(write_dng(tmp_path / "good.dng", mosaic())).data, mosaic())


@pytest.mark.parametrize("signal", ["SIGSEGV", "SIGABRT", "SIGBUS", "SIGKILL"])
def test_crash(broken, tmp_path, signal):
    message = refused(broken(f"os.kill(os.getpid(), signal.{signal})"))
    assert message.startswith(f"decoder died with {signal} on ")
    good_file_still_reads(tmp_path)


def test_hang(broken, tmp_path):
    message = refused(broken("time.sleep(1000)"), LimitError, decoder_seconds=1)
    assert "decoder_seconds=1" in message
    good_file_still_reads(tmp_path)


def test_busy_loop(broken):
    message = refused(broken("while True: pass"), LimitError, decoder_cpu_seconds=1)
    assert "decoder_cpu_seconds=1" in message


def test_memory(broken):
    path = broken("keep = bytearray(3_000_000_000)")
    assert "decoder_megabytes=500" in refused(path, LimitError, decoder_megabytes=500)


def test_silent_exit(broken):
    assert "decoder failed with exit code 3 and no answer" in refused(broken("os._exit(3)"))


def test_answer_that_is_not_ours(broken):
    assert "decoder failed" in refused(broken("os.write(1, b'[1, 2]'); os._exit(0)"))


def test_one_bad_file_does_not_leave_a_process_behind(broken):
    import psutil

    refused(broken("time.sleep(1000)"), LimitError, decoder_seconds=0.5)
    assert [p for p in psutil.Process().children() if "decoder_child" in " ".join(p.cmdline())] == []


def test_a_camera_file_reads_the_same_in_either_process(shared_data):
    rawpy = pytest.importorskip("rawpy")
    path = shared_data / "raw" / "canon_eos_d30.crw"
    if not path.exists():
        pytest.skip("file not here")
    apart, here = read_raw(path), read_raw(path, in_process=True)
    with rawpy.imread(str(path)) as raw:
        np.testing.assert_array_equal(apart.data, raw.raw_image_visible)
        seen = "".join("RGBG"[i] for i in raw.raw_colors_visible[:2, :2].ravel())
    np.testing.assert_array_equal(here.data, apart.data)
    assert (str(apart.cfa), apart.white, apart.info.iso) == (seen, 4095, 100)
    assert apart.info.calibrations[0].illuminant == "D65"
    assert apart.info.self_describing
    assert "white balance" in apart.info.warnings[0]


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_a_cut_camera_file(tmp_path, shared_data, share):
    source = shared_data / "raw" / "canon_eos_d30.crw"
    if not source.exists():
        pytest.skip("file not here")
    data = source.read_bytes()
    path = tmp_path / "a.crw"
    path.write_bytes(data[: int(len(data) * share)])
    assert "truncated" in refused(path)
