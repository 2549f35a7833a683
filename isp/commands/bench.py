"""`isp bench`: how fast a profile runs on this machine."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from isp.commands import options
from isp.commands.console import emit_json, progress, table
from isp.errors import UsageError

if TYPE_CHECKING:
    from isp.values import RawFrame


def bench(
    profile: Annotated[str, typer.Argument(metavar="PROFILE", help="A YAML file or a shipped profile.")] = "natural",
    megapixels: Annotated[str, typer.Option(help="Sizes, separated by commas [MP].")] = "12,48",
    repeat: Annotated[int, typer.Option(min=1, max=1000, help="Runs of each size; the median counts.")] = 3,
    settings: options.Settings = None,
    threads: options.Threads = None,
    against: Annotated[
        Literal["libraw"] | None, typer.Option(help="Also time LibRaw's postprocess (AHD, 8 bit) on the same frame.")
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Time a profile in this process, on generated frames, from raw values in memory to a picture in memory."""
    from isp.pipeline import Pipeline
    from isp.profile import read_profile

    sizes = _sizes(megapixels)
    pipeline = Pipeline(read_profile(profile).with_settings(settings or []), threads=threads)
    records: list[dict[str, Any]] = []
    with progress() as bar:
        for size in sizes:
            bar.start(f"{size:g} MP")
            frame = synthetic_frame(size)
            # the first run compiles or loads, and touches fresh memory
            first = _seconds(partial(pipeline.run, frame))
            times = [_seconds(partial(pipeline.run, frame)) for _ in range(repeat)]
            true_size = frame.data.size / 1e6
            record: dict[str, Any] = {
                "profile": profile,
                "megapixels": true_size,
                "first_seconds": first,
                "seconds": statistics.median(times),
                "mp_per_second": true_size / statistics.median(times),
            }
            if against == "libraw":
                theirs = statistics.median(_libraw(frame, repeat))
                record["libraw_seconds"] = theirs
                record["times_libraw"] = theirs / record["seconds"]
            records.append(record)
    if as_json:
        emit_json(records)
        return
    columns = ["MP", "first s", "s", "MP/s"] + (["LibRaw s", "times LibRaw"] if against else [])
    rows = [
        [f"{r['megapixels']:.1f}", f"{r['first_seconds']:.3f}", f"{r['seconds']:.3f}", f"{r['mp_per_second']:.1f}"]
        + ([f"{r['libraw_seconds']:.3f}", f"{r['times_libraw']:.1f}"] if against else [])
        for r in records
    ]
    table(columns, rows, right=range(len(columns)))


def synthetic_frame(megapixels: float) -> RawFrame:
    """A 4:3 frame of about that size [10^6 px]: the generated scene, repeated."""
    import numpy as np

    from isp.demo import demo_frame

    width = max(2 * round(math.sqrt(megapixels * 1e6 * 4 / 3) / 2), 4)
    height = max(2 * round(megapixels * 1e6 / width / 2), 4)
    tile = demo_frame(min(width, 2048), min(height, 1536))
    down, across = -(-height // tile.shape[0]), -(-width // tile.shape[1])
    return replace(tile, data=np.ascontiguousarray(np.tile(tile.data, (down, across))[:height, :width]))


def _sizes(text: str) -> list[float]:
    try:
        sizes = [float(word) for word in text.split(",")]
    except ValueError:
        sizes = []
    if not sizes or not all(0 < size <= 400 for size in sizes):
        raise UsageError(f"--megapixels {text!r}: write sizes in 0..400 MP separated by commas, as 12,48")
    return sizes


def _seconds(do: Callable[[], object]) -> float:
    began = time.perf_counter()
    do()
    return time.perf_counter() - began


def _libraw(frame: RawFrame, repeat: int) -> list[float]:
    """Seconds of LibRaw's postprocess on the same pixels, from a DNG in a temporary folder (unpacking not counted)."""
    import tempfile
    from pathlib import Path

    import rawpy

    from isp.io import write_dng

    with tempfile.TemporaryDirectory(prefix="isp-bench-") as folder:
        path = Path(folder) / "frame.dng"
        write_dng(frame, path)
        times = []
        for _ in range(repeat):
            with rawpy.imread(str(path)) as raw:
                raw.raw_image  # noqa: B018  (unpacks)
                times.append(_seconds(partial(raw.postprocess, use_camera_wb=True, no_auto_bright=True)))
    return times
