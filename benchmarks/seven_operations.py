"""The engine's price: seven stages composed by the engine against the same seven operations fused by hand.

    python benchmarks/seven_operations.py [--width 8000 --height 6000]

Both in one process, in turns, warm, each giving a new picture; the hand-fused one gets its frame already padded. The
goal is at least 0.8 of the hand-fused rate.
"""

from __future__ import annotations

import argparse

import numpy as np
from common import in_turns, median
from hand_fused import compile_chain

from isp import Pipeline
from isp.profile.model import Profile
from isp.values import NoiseModel, RawFrame

STAGES = [
    "black_level",
    ("white_balance", {"mode": "manual", "gains": [2.0, 1.0, 1.6]}),
    ("demosaic", {"method": "malvar2004"}),
    "noise_reduction",
    ("ccm", {"matrix": [[1.6, -0.4, -0.2], [-0.3, 1.6, -0.3], [0.0, -0.5, 1.5]]}),
    "tone_curve",
    "sharpen",
    ("encode", {"transfer": "linear", "gamut": "clip"}),
]


def main() -> None:
    """Print MP/s of both and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--width", type=int, default=8000)
    parser.add_argument("--height", type=int, default=6000)
    size = parser.parse_args()
    width, height = size.width, size.height
    rng = np.random.default_rng(1)
    padded = rng.integers(64, 1023, (height + 80, width + 272), dtype=np.uint16)
    frame = RawFrame.from_array(padded[8 : 8 + height, 8 : 8 + width].copy(), "RGGB", 64, 1023,
                                noise=NoiseModel((4e-4,) * 4, (4e-6,) * 4))
    chain = compile_chain(width, height)
    pipeline = Pipeline(Profile.from_stages(STAGES))

    def by_hand() -> np.ndarray:
        result = np.empty((height, width, 3), np.uint8)  # a new picture each time, as the pipeline gives
        chain(padded, result)
        return result

    seconds = in_turns({"by hand": by_hand, "composed": lambda: pipeline.run(frame)})
    rate = {name: width * height / 1e6 / median(values) for name, values in seconds.items()}
    for name, value in rate.items():
        print(f"{name:10s} {value:6.0f} MP/s")
    ratios = [a / b for a, b in zip(seconds["by hand"], seconds["composed"], strict=True)]
    print(f"composed / by hand: {median(ratios):.2f} (goal 0.80)")


if __name__ == "__main__":
    main()
