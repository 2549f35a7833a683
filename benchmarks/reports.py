"""Time, memory and size of `isp report` beyond the development of its inputs.

    python benchmarks/reports.py [--megapixels 12] [--folder DIR]

Two pictures of the simulated still life (`natural` and `vivid`) are compared; each command is a process of its own, and
its start-up counts. `--megapixels 200` reports one picture of that size against another.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megapixels", type=float, default=12)
    parser.add_argument("--folder", type=Path, help="keep the files here")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.folder or Path(scratch)
        folder.mkdir(exist_ok=True, parents=True)
        height = round((given.megapixels * 1e6 / 12) ** 0.5 / 2) * 2 * 3
        width = height * 4 // 3
        raw = folder / "scene.dng"
        if given.megapixels > 16:
            sensor, size = ["--sensor", "quad_200mp", "--mode", "full"], f"{width}x{height}"
        else:
            sensor, size = ["--sensor", "imx586", "--mode", "bin2"], f"{2 * width}x{2 * height}"
        isp("simulate", *sensor, "--size", size, "--scene", "composed", "--lux", "500", "-o", raw, "--overwrite")
        for profile in ("natural", "vivid"):
            isp("run", profile, raw, "-o", folder / f"{profile}.jpg", "--overwrite")
        page = folder / "report.html"
        print(f"{width} x {height}, {width * height / 1e6:.1f} MP")
        natural, vivid = folder / "natural.jpg", folder / "vivid.jpg"
        for what, inputs in (
            ("two pictures", (natural, vivid)),
            ("one raw, two profiles", ("natural", "vivid", raw)),
            ("one picture", (natural,)),
        ):
            show(what, *isp("report", *inputs, "-o", page, "--overwrite"), page)


def isp(*words: object) -> tuple[float, float]:
    """Seconds and the most memory [MB] of one command."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "isp.commands", *(str(w) for w in words)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    _pid, status, usage = os.wait4(process.pid, 0)
    message = process.stderr.read().decode() if process.stderr is not None else ""
    if status:
        raise SystemExit(f"{' '.join(command[2:])}: {message}")
    return time.perf_counter() - began, usage.ru_maxrss / 1024


def show(what: str, seconds: float, peak: float, page: Path) -> None:
    print(f"{what:>24}: {seconds:6.1f} s, {peak:6.0f} MB, page {page.stat().st_size / 1e6:5.1f} MB")


if __name__ == "__main__":
    main()
