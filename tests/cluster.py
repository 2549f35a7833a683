"""A real Dask cluster on loopback: a scheduler and two workers of one thread, all processes of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DASK = [sys.executable, "-W", "error", "-m", "dask"]


@dataclass
class Cluster:
    """Its scheduler's address, its folder and its processes, the scheduler first."""

    address: str
    folder: Path
    processes: list[subprocess.Popen[bytes]]


@contextmanager
def cluster(folder: Path, preload: str) -> Iterator[Cluster]:
    """Start one; `preload` is Python that each worker runs first. Nothing is left running."""
    (folder / "spy.py").write_text(preload)
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    log = (folder / "log").open("wb")
    processes: list[subprocess.Popen[bytes]] = []

    def start(*words: str) -> None:
        processes.append(
            subprocess.Popen([*DASK, *words], env=environment, cwd=folder, stdout=log, stderr=log, process_group=0)
        )

    try:
        start("scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", "s.json", "--no-dashboard")
        until(lambda: (folder / "s.json").exists() and (folder / "s.json").stat().st_size > 0)
        address = json.loads((folder / "s.json").read_text())["address"]
        for name in ("one", "two"):
            start("worker", address, "--name", name, "--nthreads", "1", "--no-nanny", "--no-dashboard",
                  "--local-directory", str(folder / name), "--preload", str(folder / "spy.py"))  # fmt: skip
        yield Cluster(address, folder, processes)
    finally:
        for process in reversed(processes):
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        log.close()


def until(happened: Callable[[], bool], seconds: float = 30) -> None:
    """Wait for something; TimeoutError if it does not come."""
    end = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.02)
