"""Compiled profiles: time to compile, size, and speed on this machine against `Pipeline`.

    python benchmarks/native.py [--width 8000 --height 6000 --rounds 5] [--integer natural]

The goals: `natural` compiles for arm-64-android in under 2 minutes; the host library is at least as fast as `isp run`
without its file handling. Under emulation no speed is claimed.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from common import big_frame, in_turns, median

from isp import Pipeline, read_profile
from isp.native.library import Library, compile_profile
from isp.native.link import link_shared
from isp.values import RawFrame

FED = ("white_balance.mode=manual", "white_balance.gains=[2,1,1.5]", "exposure.ev=0.5", "highlights.knee=0.87")
"""What the C side is told and `isp run` would find in the picture: without its pre-pass both do the same work."""


def compiling(profile: str) -> None:
    """Time of the whole command with an empty cache, and what it wrote."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "isp.commands", "compile", profile, "--target", "arm-64-android", "-o",
                   f"{folder}/out"]
        start = os.times().elapsed
        cold = {**os.environ, "MOBILE_ISP_CACHE": f"{folder}/cache"}
        subprocess.run(command, check=True, capture_output=True, env=cold)
        seconds = os.times().elapsed - start
        objects = sum(p.stat().st_size for p in Path(folder, "out/objects").iterdir())
        table = Path(folder, "out", f"{profile}.c").stat().st_size
        print(f"{profile} for arm-64-android, nothing cached, whole command: {seconds:.1f} s; "
              f"{objects / 1e6:.2f} MB of objects, {table / 1e6:.2f} MB of C tables")


class Loaded:
    """A library of this machine, open for one frame size."""

    def __init__(self, library: Library, frame: RawFrame) -> None:
        self.code = ctypes.CDLL(str(link_shared(library)))
        self.handle = ctypes.c_void_p()
        self.frame = frame
        profile = ctypes.byref(ctypes.c_char.in_dll(self.code, f"isp_{library.name}"))
        height, width = frame.shape
        if self.code.isp_open(profile, width, height, ctypes.byref(self.handle)):
            raise RuntimeError("the library cannot be opened")

    def __call__(self) -> np.ndarray:
        picture = np.empty((*self.frame.shape, 3), np.uint8)
        raw, zero = ctypes.c_void_p(self.frame.data.ctypes.data), ctypes.c_size_t(0)
        if self.code.isp_process(self.handle, raw, zero, ctypes.c_void_p(picture.ctypes.data), zero):
            raise RuntimeError("the library failed")
        return picture


def speed(name: str, width: int, height: int, rounds: int) -> None:
    """Seconds of both in turns, for the same picture."""
    frame = big_frame(width, height)
    shipped = read_profile(name)
    profile = shipped.with_settings(FED if name != "reference" else [*FED[:2], "output.bits=8", "output.format=png"])
    with tempfile.TemporaryDirectory() as folder:
        library = Loaded(compile_profile(profile, "host", Path(folder), frame=frame), frame)
        pipeline, looking = Pipeline(profile), Pipeline(shipped)
        if not np.array_equal(library(), pipeline(frame).pixels):
            raise RuntimeError("the pictures differ")
        seconds = in_turns(
            {"library": library, "pipeline": lambda: pipeline(frame), "shipped": lambda: looking(frame)}, rounds
        )
    megapixels = width * height / 1e6
    mid = {name: median(times) for name, times in seconds.items()}
    print(f"{name}, {megapixels:.0f} MP, the same bits: library {megapixels / mid['library']:.0f} MP/s")
    for what, key in (("told the same", "pipeline"), ("as shipped, with its pre-pass", "shipped")):
        print(f"  isp run without files, {what}: {megapixels / mid[key]:.0f} MP/s, the library "
              f"{mid[key] / mid['library']:.2f} x as fast")


def integers(name: str, width: int, height: int, rounds: int) -> None:
    """What an integer build takes beside the float32 imitation of the same datapath, and how far apart they are."""
    frame = big_frame(width, height)
    path = ("datapath.bits=14", "datapath.headroom=2", "output.bits=8", "output.format=png")
    profile = read_profile(name).with_settings([*FED, *path])
    spent: dict[str, list[float]] = {}
    pictures = []
    with tempfile.TemporaryDirectory() as folder:
        for kind, features in (("float32", ()), ("integers", ("integer",))):
            library = compile_profile(profile, "host", Path(folder, kind), features=features, frame=frame)
            loaded = Loaded(library, frame)
            spent[kind] = []
            for _ in range(rounds):
                start = time.process_time()
                picture = loaded()
                spent[kind].append(time.process_time() - start)
            pictures.append(picture.astype(np.int16))
            print(f"{name} in {kind}: compiled in {library.seconds['compile']:.1f} s (0 if cached), "
                  f"{library.object_bytes / 1e6:.2f} MB of objects")
    apart = np.abs(pictures[0] - pictures[1])
    print(f"  {np.mean(apart > 0):.3%} of the samples differ, {np.mean(apart > 1):.4%} by more than 1 code, at most "
          f"{apart.max()}; integers take {median(spent['integers']) / median(spent['float32']):.1f} x the CPU time")


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--width", type=int, default=8000)
    parser.add_argument("--height", type=int, default=6000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--integer", metavar="PROFILE", help="only this profile's integer build, 14 bits")
    asked = parser.parse_args()
    if asked.integer:
        integers(asked.integer, asked.width, asked.height, asked.rounds)
        return
    compiling("natural")
    for name in ("reference", "natural"):
        speed(name, asked.width, asked.height, asked.rounds)


if __name__ == "__main__":
    main()
