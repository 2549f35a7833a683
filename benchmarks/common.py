"""What the benchmarks share: a big frame, timing in turns, and whole-process figures."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from isp.demo import demo_frame
from isp.values import RawFrame


def big_frame(width: int, height: int) -> RawFrame:
    """The demo scene repeated to any size: real structure and noise, without minutes of rendering."""
    frame = demo_frame(2048, 1536, seed=1, iso=200)
    across, down = -(-width // 2048), -(-height // 1536)
    data = np.tile(frame.data, (down, across))[:height, :width]
    return RawFrame(np.ascontiguousarray(data), frame.cfa, frame.black, frame.white, frame.info, frame.origin)


def write_dng(frame: RawFrame, path: Path) -> None:
    """An uncompressed 16-bit Bayer DNG that every raw developer reads."""
    import tifffile

    height = frame.shape[0]
    info = frame.info
    matrix = [(round(float(v) * 10000), 10000) for v in info.calibrations[-1].color_matrix.ravel()]
    neutral = [(round(float(v) * 1000000), 1000000) for v in info.neutral or (1, 1, 1)]
    codes = {"R": 0, "G": 1, "B": 2}
    flat = [n for pair in matrix for n in pair]
    tags = [
        (33421, 3, 2, (2, 2), True),
        (33422, 1, 4, bytes(codes[c] for c in frame.cfa.base), True),
        (50706, 1, 4, bytes((1, 4, 0, 0)), True),
        (50707, 1, 4, bytes((1, 1, 0, 0)), True),
        (50708, 2, 0, "Generated test camera", True),
        (50714, 3, 1, int(frame.black.ravel()[0]), True),
        (50717, 4, 1, int(frame.white), True),
        (50721, 10, 9, flat, True),
        (50728, 5, 3, [n for pair in neutral for n in pair], True),
        (50778, 3, 1, 21, True),
        (274, 3, 1, 1, True),
    ]
    if info.noise is not None:
        pairs = [v for site in (0, 1, 3) for v in (info.noise.shot[site], info.noise.read[site])]
        tags.append((51041, 12, 6, pairs, True))
    tifffile.imwrite(
        path, frame.data, photometric=32803, planarconfig=1, extratags=tags, metadata=None, software=False,
        rowsperstrip=height,
    )


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
