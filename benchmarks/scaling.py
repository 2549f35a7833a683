"""Cost over size: MP/s and peak memory at 12 MP and 200 MP, each in its own process.

    python benchmarks/scaling.py [--profile natural]

The goals: at least 0.9 of the 12 MP rate at 200 MP, and a peak of at most input + output + 300 MB.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys

SIZES = ((4000, 3000), (16384, 12288))

CHILD = """
import json, resource, sys, time
sys.path.insert(0, sys.argv[4])
import numpy as np
from common import big_frame
from isp import Pipeline, read_profile
width, height = int(sys.argv[1]), int(sys.argv[2])
frame = big_frame(width, height)
pipeline = Pipeline(read_profile(sys.argv[3]).with_settings(["output.bits=8"]))
best = 1e9
for _ in range(4):
    start = time.perf_counter()
    run = pipeline.run(frame)
    best = min(best, time.perf_counter() - start)
    size = run.value.pixels.nbytes
    del run
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({"rate": width * height / 1e6 / best, "over": (peak - frame.data.nbytes - size) / 1e6}))
"""


def main() -> None:
    """Print both rates, their ratio, and memory above input + output."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--profile", default="natural")
    profile = parser.parse_args().profile
    rates = []
    for width, height in SIZES:
        here = __file__.rpartition("/")[0] or "."
        command = [sys.executable, "-c", CHILD, str(width), str(height), profile, here]
        found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        rates.append(found["rate"])
        print(f"{width} x {height}: {found['rate']:.0f} MP/s, {found['over']:.0f} MB above input + output")
    print(f"200 MP / 12 MP: {rates[1] / rates[0]:.2f} (goal 0.90)")


if __name__ == "__main__":
    main()
