"""What all gradients of a chain cost, in renders of the same chain.

    python benchmarks/tuning_gradient.py

Black level per site, gains, a 5x5 range-weighted filter, Malvar's demosaic, colour matrix, tone curve, saturation and
sharpening on a frame of 1 MP; every parameter marked `gradient` of these stages is free. A render begins at the raw
frame; loss and gradients begin there too. Compiling is not counted.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from pathlib import Path

# the package called reports, not the benchmark beside this file
sys.path = [p for p in sys.path if Path(p).resolve() != Path(__file__).resolve().parent]

STAGES = (
    "black_level", ("white_balance", {"mode": "manual", "gains": [2.0, 1.0, 1.6]}),
    ("noise_reduction", {"method": "bisquare"}), ("demosaic", {"method": "malvar2004"}),
    ("ccm", {"matrix": "fallback"}), ("tone_curve", {"perceptual": 0.0}), "saturation", "sharpen",
    ("encode", {"gamut": "clip"}),
)  # fmt: skip
FREE = ["black_level", "white_balance", "noise_reduction", "ccm", "tone_curve", "saturation", "sharpen"]
TIMES = 7


def main() -> None:
    import numpy as np

    from isp.engine.runtime import set_threads
    from isp.pipeline import Pipeline
    from isp.profile import Profile
    from sensors import capture
    from tuning.fitting.chain import Chain
    from tuning.fitting.parameters import asked, parameters_at
    from tuning.fitting.walk import Walk

    threads = os.cpu_count() or 1
    set_threads(threads)
    profile = Profile.from_stages(STAGES)
    frame = capture("composed", "imx586", mode="bin2", size=(2432, 1664), seed=1)
    wanted = asked(profile, FREE)
    walk = Walk(profile, frame, wanted.stages)
    parameters = parameters_at(profile, wanted.gradient, walk.stops({})[-1])
    chain = Chain(walk, parameters, parameters.start, threads)
    pipeline = Pipeline(profile, threads=threads)
    rendered = chain.render(parameters.start)
    goal = rendered.picture + np.float32(0.01)

    def both() -> None:
        shown = chain.render(parameters.start)
        gap = shown.picture - goal
        float((gap.astype(np.float64) ** 2).sum())
        chain.gradient(shown, 2 * gap)

    for what in (lambda: pipeline.run(frame, tap="encode"), both):
        what()
    render, whole = (
        statistics.median(timed(what) for _ in range(TIMES))
        for what in (lambda: pipeline.run(frame, tap="encode"), both)
    )
    print(f"{frame.shape[0] * frame.shape[1] / 1e6:.2f} MP, {len(parameters.labels)} parameters, {threads} threads")
    print(f"fused render {1000 * render:.1f} ms; loss and all gradients {1000 * whole:.1f} ms: {whole / render:.1f} x")


def timed(what) -> float:  # type: ignore[no-untyped-def]
    began = time.perf_counter()
    what()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
