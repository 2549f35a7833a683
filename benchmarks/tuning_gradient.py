"""Loss and all gradients together, against the fused forward render: the chain of eight stages, 1 megapixel.

    .venv/bin/python benchmarks/tuning_gradient.py [--rounds 7]

Black level per site, white-balance gains, Malvar's demosaic, the 5 x 5 bisquare filter on camera RGB, matrix, tone
curve of 17 points, saturation, sharpening: 40 parameters. Wall time and, as other work on the machine moves that,
processor time; the smallest of all rounds, in turns. The gradient is what a fit computes at each point: render, loss
on three scales, its derivative through all stages and their `prepare`, down to the parameters.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np

from isp.engine.execute import Plan
from isp.engine.runtime import set_threads
from isp.profile import Profile
from isp.values import NoiseModel, RawFrame
from tuning.fitting.chain import Chain
from tuning.fitting.loss import Loss, Target
from tuning.fitting.parameters import asked, parameters_at
from tuning.fitting.walk import Walk

SIDE = 1024
THREADS = 2
POINTS = [[float(2 * a**2), float(a**1.6)] for a in np.linspace(0, 1, 17)]
STAGES = (
    ("black_level", {"level": [64, 64, 64, 64]}), ("white_balance", {"mode": "manual", "gains": [1.9, 1.0, 1.6]}),
    ("demosaic", {"method": "malvar2004"}), ("noise_reduction", {"method": "bisquare"}), "ccm",
    ("tone_curve", {"points": POINTS, "perceptual": 0.0}), ("saturation", {"amount": 1.1, "vibrance": 0.1}), "sharpen",
)  # fmt: skip
FREE = ("black_level.level", "white_balance.gains", "noise_reduction.strength", "ccm.matrix", "tone_curve.points",
        "saturation", "sharpen")


def frame() -> RawFrame:
    """Structure, edges and noise."""
    rng = np.random.Generator(np.random.Philox(1))
    y, x = np.mgrid[:SIDE, :SIDE] / 80.0
    base = 0.3 + 0.2 * np.sin(x) * np.cos(y * 1.3) + 0.15 * (np.sin(2 * x + y) > 0.5)
    data = np.clip(base * 900 + 64 + rng.normal(0, 5, (SIDE, SIDE)), 0, 1023).astype(np.uint16)
    return RawFrame.from_array(data, "RGGB", 64, 1023, iso=100, noise=NoiseModel((4e-4,) * 4, (1e-6,) * 4))


def main() -> None:
    """Print the times and their ratios."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    set_threads(THREADS)
    raw, profile = frame(), Profile.from_stages(STAGES)
    names = asked(profile, FREE)
    walk = Walk(profile, raw, names.stages)
    stop = walk.stops({})[-1]
    parameters = parameters_at(profile, names.gradient, stop)
    began = time.perf_counter()
    chain = Chain(walk, parameters, parameters.start, THREADS)
    plan = Plan(stop.steps, "uint16", "raw", "float32")
    picture = plan.run(raw.data, stop.steps[0].before)
    print(f"{len(parameters.start)} parameters of {len(names.stages)} stages; forward compiled in "
          f"{time.perf_counter() - began:.1f} s")
    planes = np.ascontiguousarray(picture.transpose(2, 0, 1))
    loss = Loss(Target(planes + np.float32(0.01), np.ones((SIDE, SIDE), np.float32)), THREADS)

    def forward() -> np.ndarray:
        return plan.run(raw.data, stop.steps[0].before)

    def gradient() -> None:
        rendered = chain.render(parameters.start)
        _, slopes = loss.derivative(rendered.picture)
        chain.gradient(rendered, slopes)

    best: dict[str, list[float]] = {}
    candidates: dict[str, Callable[[], object]] = {"forward": forward, "gradient": gradient}
    for name, run in candidates.items():
        began = time.perf_counter()
        run()
        print(f"{name}: first call, with what had to be compiled, {time.perf_counter() - began:.1f} s")
    for _ in range(rounds):
        for name, run in candidates.items():
            wall, busy = time.perf_counter(), time.process_time()
            run()
            spent = [time.perf_counter() - wall, time.process_time() - busy]
            best[name] = [min(a, b) for a, b in zip(best.get(name, spent), spent, strict=True)]
    for name, (wall, busy) in best.items():
        base = best["forward"]
        print(f"{name:12s} {1e3 * wall:7.1f} ms wall ({wall / base[0]:4.1f} x), {1e3 * busy:7.1f} ms of processor time "
              f"({busy / base[1]:4.1f} x)")


if __name__ == "__main__":
    main()
