"""Frames per second of a batch, by frames at once on this machine and by workers of a Dask cluster on it.

    python benchmarks/scaling_out.py [--megapixels 12] [--frames 12] [--profile natural]

Workers have one thread each, so that twice the workers is twice the processors as long as there are that many; the
efficiency is speed-up over workers. Their start is not counted; each first frame is.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from functools import partial
from pathlib import Path

from isp.commands.batch import Job, work
from isp.commands.bench import synthetic_frame
from isp.commands.developer import Recipe, develop_there
from isp.io import write_dng
from isp.spread import cores


def batch(folder: Path, source: Path, frames: int, recipe: Recipe, **where: object) -> float:
    """Frames per second of developing `frames` copies of one frame."""
    jobs = []
    for number in range(frames):
        link = folder / f"{number}.dng"
        if not link.exists():
            os.link(source, link)
        jobs.append(Job(link, folder / f"{number}.out"))
    developer = recipe.developer()
    do = developer.develop if "scheduler" not in where else partial(
        develop_there, recipe.for_everywhere(developer.profile)
    )
    start = time.perf_counter()
    outcomes = work(jobs, do, **where)
    seconds = time.perf_counter() - start
    if any(o.code for o in outcomes):
        raise RuntimeError(outcomes[0].record)
    return frames / seconds


def main() -> None:
    """Print the figures."""
    from distributed import LocalCluster

    parser = argparse.ArgumentParser()
    parser.add_argument("--megapixels", type=float, default=12)
    parser.add_argument("--frames", type=int, default=12)
    parser.add_argument("--profile", default="natural")
    given = parser.parse_args()
    print(f"{given.profile}, {given.frames} frames of {given.megapixels:g} MP, {cores()} cores")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = folder / "frame.dng"
        write_dng(synthetic_frame(given.megapixels), source)
        recipe = Recipe(given.profile, overwrite=True)
        run = partial(batch, folder, source)
        run(2, recipe)  # compiles
        counts = [n for n in (1, 2, 4, 8, 16) if n <= 2 * cores()]
        rates = {n: [0.0, 0.0] for n in counts}
        for turn in (0, 1):
            for n in counts:
                rates[n][turn] = run(given.frames, recipe, at_once=n)
        for n in counts:
            best = max(rates[n])
            print(f"threads of one process, {n} at once: {best:.2f} frames/s, {best / max(rates[1]):.2f} x")
        alone = 0.0
        for n in (n for n in counts if n <= cores()):
            with LocalCluster(n_workers=n, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
                single = Recipe(given.profile, overwrite=True, threads=1)
                rate = max(run(given.frames, single, scheduler=cluster.scheduler_address) for _ in (0, 1))
            alone = alone or rate
            print(f"workers of one thread, {n}: {rate:.2f} frames/s, efficiency {rate / alone / n:.2f}")


if __name__ == "__main__":
    main()
