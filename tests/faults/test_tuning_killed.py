"""Fits that are killed at any moment go on to the same result; one that is interrupted leaves the best so far."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from isp.io import read_raw
from isp.io.dng.write import write_dng
from isp.pipeline import Pipeline
from isp.profile import Profile, read_profile
from tests.tuning_frames import colourful

STAGES = (
    "linearize", "black_level", "white_balance", ("demosaic", {"method": "bilinear"}), ("ccm", {"matrix": "fallback"}),
    ("exposure", {"ev": 0.2}), ("tone_curve", {"perceptual": 0.0}), "saturation", ("encode", {"gamut": "clip"}),
)  # fmt: skip
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("killed")
    profile = replace(Profile.from_stages(STAGES, name="quick"), output=read_profile("natural").output)
    (place / "quick.yaml").write_text(profile.to_yaml())
    raw = read_raw(write_dng(colourful(1, (192, 256)), place / "a.dng"))
    hidden = profile.with_settings(["saturation.amount=1.3", "tone_curve.contrast=1.6"])
    Pipeline(hidden)(raw).save(place / "a.png", format="png")
    return place


def command(folder, out, *more):
    words = [sys.executable, "-m", "isp.commands", "tune", "fit", "quick.yaml", "a.dng:a.png", "-o", out,
             "--params", "tone_curve,saturation", "--threads", "1", "--in-process", *more]
    return subprocess.Popen(words, cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # fmt: skip


@pytest.fixture(scope="module")
def unbroken(folder):
    """The text of the profile, the journal it wrote on the way, and the seconds it took."""
    began = time.perf_counter()
    process = command(folder, "whole.yaml")
    journal = b""
    while process.poll() is None:
        if (folder / "whole.yaml.journal").exists():
            try:
                journal = (folder / "whole.yaml.journal").read_bytes()
            except FileNotFoundError:
                break
        time.sleep(0.01)
    process.communicate()
    assert process.returncode == 0
    return (folder / "whole.yaml").read_text(), journal, time.perf_counter() - began


def killed_and_resumed(folder, unbroken, name, moments):
    text, journal, _ = unbroken
    last = b""
    for moment in moments:
        process = command(folder, name, "--resume")
        try:
            process.communicate(timeout=moment)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
        kept = folder / f"{name}.journal"
        if kept.exists() and len(kept.read_bytes()) > len(last):
            last = kept.read_bytes()
    process = command(folder, name, "--resume")
    process.communicate()
    assert process.returncode == 0
    assert (folder / name).read_text() == text
    # record for record what an unbroken run wrote, but for a torn tail
    common = min(len(last), len(journal)) - 4096
    assert last[: max(common, 0)] == journal[: max(common, 0)]


def test_killed_thrice_and_resumed(folder, unbroken):
    moments = np.random.Generator(np.random.Philox(7)).uniform(0.6, 1.0, 3) * unbroken[2]
    killed_and_resumed(folder, unbroken, "thrice.yaml", moments)


@pytest.mark.full
def test_killed_at_a_hundred_moments(folder, unbroken):
    random = np.random.Generator(np.random.Philox(8))
    for run in range(20):
        killed_and_resumed(folder, unbroken, f"run{run}.yaml", random.uniform(0.3, 1.05, 5) * unbroken[2])


def test_an_interruption_leaves_the_best_so_far_and_a_way_on(folder, unbroken):
    process = command(folder, "stopped.yaml")
    kept = folder / "stopped.yaml.journal"
    while process.poll() is None and not (kept.exists() and kept.stat().st_size > 3000):
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate()
    if process.returncode == 0:
        pytest.skip("it ended before the signal came")
    assert process.returncode == 130
    assert "--resume goes on" in error
    assert "not converged: interrupted" in (folder / "stopped.yaml").read_text().splitlines()[0]
    read_profile(folder / "stopped.yaml")
    process = command(folder, "stopped.yaml", "--resume")
    process.communicate()
    assert process.returncode == 0
    assert (folder / "stopped.yaml").read_text() == unbroken[0]


def test_a_torn_tail_is_told(folder, unbroken):
    (folder / "torn.yaml.journal").write_bytes(unbroken[1][:-5])
    process = command(folder, "torn.yaml", "--resume")
    _, error = process.communicate()
    assert process.returncode == 0
    assert "bytes were cut off" in error
    assert (folder / "torn.yaml").read_text() == unbroken[0]


def test_damage_in_the_middle_exits_with_3(folder, unbroken):
    spoilt = bytearray(unbroken[1])
    spoilt[len(spoilt) // 2] ^= 1
    (folder / "spoilt.yaml.journal").write_bytes(spoilt)
    process = command(folder, "spoilt.yaml", "--resume")
    _, error = process.communicate()
    assert process.returncode == 3
    assert "record" in error
    assert error.count("\n") == 1
    assert not (folder / "spoilt.yaml").exists()
