"""What the benchmarks share: a big frame, timing in turns, and whole-process figures."""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from isp.demo import demo_frame
from isp.values import RawFrame


def big_frame(width: int, height: int) -> RawFrame:
    """The demo scene repeated to any size: real structure and noise, without minutes of rendering."""
    frame = demo_frame(2048, 1536, seed=1, iso=200)
    across, down = -(-width // 2048), -(-height // 1536)
    data = np.tile(frame.data, (down, across))[:height, :width]
    return RawFrame(np.ascontiguousarray(data), frame.cfa, frame.black, frame.white, frame.info, frame.origin)


def in_turns(candidates: Mapping[str, Callable[[], object]], rounds: int = 5) -> dict[str, list[float]]:
    """Seconds of each candidate, run one after another in each round (after one warm-up), so drift hits all alike."""
    for run in candidates.values():
        run()
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(rounds):
        for name, run in candidates.items():
            start = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - start)
    return seconds


def costs_in_turns(candidates: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, tuple[float, float]]:
    """Median wall and processor seconds of each candidate, run as by `in_turns`."""
    spent: dict[str, list[float]] = {name: [] for name in candidates}

    def timed(name: str) -> Callable[[], object]:
        def run() -> None:
            start = time.process_time()
            candidates[name]()
            spent[name].append(time.process_time() - start)

        return run

    seconds = in_turns({name: timed(name) for name in candidates}, rounds)
    return {name: (median(seconds[name]), median(spent[name][1:])) for name in candidates}


def frame_arguments(doc: str | None, width: int, height: int) -> argparse.Namespace:
    """What a benchmark on a frame is asked: pictures, width, height, rounds; it is called as `doc` begins."""
    parser = argparse.ArgumentParser(description=(doc or "").splitlines()[0])
    parser.add_argument("--pictures", type=Path, help="folder of PNG files with full colour at every pixel")
    parser.add_argument("--width", type=int, default=width)
    parser.add_argument("--height", type=int, default=height)
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


def linear_frame(width: int, height: int) -> NDArray[np.float32]:
    """`big_frame` as a linear mosaic, white at 1 or below."""
    frame = big_frame(width, height)
    return ((frame.data - np.float32(frame.black.mean())) / np.float32(frame.white)).astype(np.float32)


def median(values: Sequence[float]) -> float:
    """The median."""
    return statistics.median(values)


@dataclass(frozen=True)
class Process:
    """Whole-process figures: wall and processor seconds, and the largest resident set [MB]."""

    wall: float
    cpu: float
    peak: float


def whole_process(command: Sequence[str], env: Mapping[str, str] | None = None) -> Process:
    """Run a command to its end, quietly; RuntimeError with its last words if it fails."""
    start = time.perf_counter()
    child = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env={**os.environ, **(env or {})}
    )
    words = child.stderr.read() if child.stderr else b""
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise RuntimeError(f"{command[0]} ended with {child.returncode}: {words.decode(errors='replace')[-500:]}")
    return Process(time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)
