"""Time to the same loss: down the gradient against CMA-ES, TPE and random search, compiling included.

    .venv/bin/python benchmarks/tuning_search.py [--seeds 10] [--renders 2000]

The problem: matrix, tone curve and saturation of `natural` (18 numbers), three simulated pictures, hidden values. The
goal is the loss of about 42 dB. All begin at `natural`; searches know the bounds (3 scales to either side) and render
only what lies behind the first free stage, as the gradient does.

How many evaluations a search needs is counted on one small picture; its seconds are that number times those of
an evaluation of three pictures of a megapixel, measured. The gradient is run on those as it is, with an empty cache of
programs and again with a full one. A search that has not arrived after all its renders counts as failed.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

GOAL = 3e-5
SMALL, LARGE = (160, 120), (1216, 832)
HIDDEN = (
    "ccm.matrix=[[1.75,-0.55,-0.2],[-0.3,1.55,-0.25],[0.02,-0.5,1.48]]",
    "tone_curve.contrast=1.55", "tone_curve.toe=2.5", "tone_curve.black=0.003", "tone_curve.white=2.4",
    "tone_curve.shoulder=1.8", "tone_curve.grey=0.2", "tone_curve.hue=0.3",
    "saturation.amount=1.25", "saturation.vibrance=0.1",
)  # fmt: skip
FREE = "ccm,tone_curve,saturation"


class Arrived(Exception):
    """The goal is reached."""


def pairs(size: tuple[int, int]):
    """Simulated raws and their pictures with the hidden values."""
    from isp.pipeline import Pipeline
    from isp.profile import read_profile
    from sensors import capture

    hidden = Pipeline(read_profile("natural").with_settings(HIDDEN))
    scenes = ("composed", "chart", "dead-leaves")
    raws = [capture(s, "one_inch_20mp", size=size, seed=1, lux=1000) for s in scenes]
    return [(raw, hidden(raw)) for raw in raws]


def run(given, goal: float = GOAL, **how) -> tuple[bool, int, float, float]:
    """Whether the goal was reached; evaluations, seconds, and the best loss."""
    import tuning

    began, seen = time.perf_counter(), {"loss": float("inf"), "count": 0}

    def tell(now) -> None:
        seen.update(loss=now.loss, count=now.evaluations)
        if now.loss < goal:
            raise Arrived

    try:
        tuning.fit("natural", given, params=FREE, own_exposure=False, register=False, tell=tell, **how)
        arrived = False
    except Arrived:
        arrived = True
    return arrived, seen["count"], time.perf_counter() - began, seen["loss"]


def main() -> None:
    """Run all and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--renders", type=int, default=2000)
    given = parser.parse_args()
    # the package called reports, not the benchmark beside this file
    sys.path[:] = [p for p in sys.path if Path(p).resolve() != Path(__file__).resolve().parent]
    os.environ["MOBILE_ISP_CACHE"] = tempfile.mkdtemp(prefix="isp-cache-")
    large = pairs(LARGE)  # which compiles what renders; what only the gradient needs is compiled in its time
    cold, warm = run(large), run(large)
    for name, each in (("with an empty cache", cold), ("with a full one", warm)):
        print(f"gradient {name}: {each[2]:.1f} s, {each[1]} evaluations, loss {each[3]:.1e}", flush=True)
    count = 12
    some = run(large, goal=0.0, optimiser="random", trials=count)
    few = run(large, goal=0.0, optimiser="random", trials=2)
    pace = (some[2] - few[2]) / (count - 2)
    print(f"an evaluation of three pictures of a megapixel: {pace:.3f} s", flush=True)
    small = pairs(SMALL)[:1]
    print(f"gradient on the small picture: {run(small)[1]} evaluations", flush=True)
    for sampler in ("cmaes", "tpe", "random"):
        rows = []
        for seed in range(given.seeds):
            rows.append(run(small, optimiser=sampler, seed=seed, trials=given.renders))
            print(f"  {sampler} {seed}: {'arrived' if rows[-1][0] else 'failed'}, {rows[-1][1]} evaluations, "
                  f"loss {rows[-1][3]:.1e}", flush=True)
        needed = statistics.median(r[1] for r in rows)
        spent = needed * pace
        arrived = sum(r[0] for r in rows)
        print(f"{sampler}: {arrived} of {len(rows)} arrived, median {needed:g} evaluations, {spent:.0f} s: "
              f"{spent / cold[2]:.1f} x the gradient with compiling, {spent / warm[2]:.1f} x without", flush=True)


if __name__ == "__main__":
    main()
