"""Whole processes on one 48 MP Bayer DNG: `isp run natural` against rawtherapee-cli and darktable-cli, to JPEG.

    python benchmarks/whole_process.py [--width 8000 --height 6000 --rounds 3]

Each with its defaults, warm caches, in turns. The goals: at least 6 times as fast (10 hoped for), and a peak memory of
at most input + output + 300 MB. Both rivals are Debian packages; one that is missing is left out, and it says so.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from common import Process, big_frame, median, whole_process

from isp.io import write_dng


def main() -> None:
    """Print wall and processor seconds, peak memory and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--width", type=int, default=8000)
    parser.add_argument("--height", type=int, default=6000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--profile", default="natural")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        raw = folder / "frame.dng"
        frame = big_frame(wanted.width, wanted.height)
        write_dng(frame, raw)
        isp = str(Path(sys.executable).parent / "isp")
        commands = {f"isp run {wanted.profile}": [isp, "run", wanted.profile, str(raw), "-o", str(folder / "ours.jpg"),
                                                  "--overwrite"]}
        if shutil.which("rawtherapee-cli"):
            commands["rawtherapee-cli"] = ["rawtherapee-cli", "-o", str(folder / "rt.jpg"), "-Y", "-d", "-c", str(raw)]
        if shutil.which("darktable-cli"):
            commands["darktable-cli"] = ["darktable-cli", str(raw), str(folder / "dt.jpg"), "--core", "--configdir",
                                         str(folder / "dt"), "--library", ":memory:"]
        figures: dict[str, list[Process]] = {key: [] for key in commands}
        for number in range(wanted.rounds + 1):
            for key, command in commands.items():
                for old in folder.glob("dt*.jpg"):
                    old.unlink()
                result = whole_process(command, {"HOME": str(folder), "MOBILE_ISP_CACHE": str(folder / "cache")})
                if number:  # the first warms caches
                    figures[key].append(result)
        ours = figures[f"isp run {wanted.profile}"]
        size = wanted.width * wanted.height / 1e6
        for key, rows in figures.items():
            wall = median([r.wall for r in rows])
            ratio = median([r.wall / o.wall for r, o in zip(rows, ours, strict=True)])
            print(
                f"{key:18s} wall {wall:6.2f} s ({size / wall:5.1f} MP/s)  cpu {median([r.cpu for r in rows]):6.2f} s  "
                f"peak {median([r.peak for r in rows]):6.0f} MB  {ratio:5.1f} x our time"
            )
        room = (frame.data.nbytes + 3 * frame.data.size) / 1e6
        above = median([r.peak for r in ours]) * 1.048576 - room
        print(f"input + output = {room:.0f} MB; ours above it: {above:.0f} MB")
        for rival in {"rawtherapee-cli", "darktable-cli"} - set(commands):
            print(f"{rival} is not installed: left out")


if __name__ == "__main__":
    main()
