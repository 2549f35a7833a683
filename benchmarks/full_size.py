"""The whole of `natural` on all 200 million photosites of a quad sensor: DNG in, JPEG out, in its own process.

    python benchmarks/full_size.py [--sensor quad_200mp --profile natural --photo FILE --rounds 3]

The goals: 10 MP/s on two cores (30 hoped for), and a peak memory of at most input + output + 400 MB.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from common import median, whole_process
from simulate import a_photo

WIDTH, HEIGHT = 16384, 12288


def main() -> None:
    """Print seconds, rate and memory."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sensor", default="quad_200mp")
    parser.add_argument("--profile", default="natural")
    parser.add_argument("--photo", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    isp = str(Path(sys.executable).with_name("isp"))
    with tempfile.TemporaryDirectory(dir=".") as name:
        folder = Path(name)
        photo, raw = asked.photo or a_photo(folder), folder / "frame.dng"
        taken = [isp, "simulate", "--sensor", asked.sensor, "--scene", f"photo:{photo.resolve()}", "-o", str(raw)]
        whole_process(taken)
        develop = [isp, "run", asked.profile, str(raw), "-o", str(folder / "out.jpg"), "--overwrite"]
        whole_process(develop)  # compiles
        runs = [whole_process(develop) for _ in range(asked.rounds)]
    size = WIDTH * HEIGHT / 1e6
    room = size * (2 + 3)
    wall, peak = median([r.wall for r in runs]), median([r.peak for r in runs]) * 1.048576
    print(
        f"{asked.profile}, {size:.0f} MP of {asked.sensor}: {wall:.1f} s, {size / wall:.1f} MP/s, "
        f"cpu {median([r.cpu for r in runs]):.1f} s, peak {peak:.0f} MB = input + output + {peak - room:.0f} MB"
    )


if __name__ == "__main__":
    main()
