"""A reference-like chain with Malvar's demosaic against LibRaw's AHD postprocess, on the same 48 MP file, in turns.

    python benchmarks/in_process.py [--width 8000 --height 6000]

Both start from pixels already decoded. The goal is at least 5 times LibRaw's rate.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import rawpy
from common import big_frame, in_turns, median

from isp import Pipeline, read_profile
from isp.io import write_dng


def main() -> None:
    """Print MP/s of both and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--width", type=int, default=8000)
    parser.add_argument("--height", type=int, default=6000)
    size = parser.parse_args()
    frame = big_frame(size.width, size.height)
    pipeline = Pipeline(read_profile("reference").with_settings(["output.bits=8", "demosaic.method=malvar2004"]))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "frame.dng"
        write_dng(frame, path)

        with rawpy.imread(str(path)) as raw:

            def libraw() -> object:
                return raw.postprocess(demosaic_algorithm=rawpy.DemosaicAlgorithm.AHD, use_camera_wb=True)

            seconds = in_turns({"LibRaw AHD": libraw, "reference": lambda: pipeline.run(frame)}, rounds=3)
    for name, values in seconds.items():
        print(f"{name:12s} {size.width * size.height / 1e6 / median(values):6.0f} MP/s")
    ratios = [a / b for a, b in zip(seconds["LibRaw AHD"], seconds["reference"], strict=True)]
    print(f"reference is {median(ratios):.1f} x LibRaw's AHD (goal 5)")


if __name__ == "__main__":
    main()
