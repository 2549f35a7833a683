"""`isp run --scheduler`: the same bytes as here, whatever happens to the cluster meanwhile."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from isp import cluster as clusters
from isp.commands import main
from isp.commands.batch import Job
from isp.commands.developer import Recipe, develop_there
from isp.demo import demo_frame
from isp.errors import OutputError, ProfileError
from isp.io import write_dng
from isp.profile import read_profile
from tests.cluster import Cluster, cluster, until

SPY = """
import os, time
from pathlib import Path
from isp.commands.developer import Developer

HERE = Path.cwd()
plain = getattr(Developer, "plain", Developer.develop)  # preloaded more than once

def develop(self, job, *bar):
    with open(HERE / "runs", "a") as file:
        print(os.getpid(), job.source.name, file=file)
    if (HERE / f"hang {job.source.name}").exists():
        (HERE / f"hang {job.source.name}").unlink()
        time.sleep(60)
    return plain(self, job, *bar)

Developer.develop, Developer.plain = develop, plain
"""
"""Each worker notes what it begins; a file of that name makes the next run of a frame hang, once."""


@pytest.fixture(scope="module")
def frames(tmp_path_factory) -> list[Path]:
    folder = tmp_path_factory.mktemp("frames")
    paths = [folder / f"{i}.dng" for i in range(8)]
    for i, path in enumerate(paths):
        write_dng(demo_frame(160, 120, seed=i), path)
    return paths


@pytest.fixture(scope="module")
def here(frames, tmp_path_factory) -> dict[str, bytes]:
    """What the frames become on this machine, one by one."""
    out = tmp_path_factory.mktemp("here")
    assert main(["run", "reference", *map(str, frames), "-o", f"{out}/", "--jobs", "1"]) == 0
    return {path.name: path.read_bytes() for path in out.iterdir()}


@pytest.fixture
def pair(tmp_path):
    folder = tmp_path / "cluster"
    folder.mkdir()
    with cluster(folder, SPY) as made:
        yield made


@contextmanager
def _started(made: Cluster, frames: list[Path], out: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "isp.commands", "run", "reference", *(path.name for path in frames), "-o",
         f"{out}/", "--scheduler", made.address, *words],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=frames[0].parent,
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            process.kill()


def _runs(made: Cluster) -> list[tuple[int, str]]:
    path = made.folder / "runs"
    if not path.exists():
        return []
    return [(int(line.split()[0]), line.split()[1]) for line in path.read_text().splitlines()]


def test_threads_here_give_the_same_bytes(frames, here, tmp_path, capsys):
    assert main(["run", "reference", *map(str, frames), "-o", f"{tmp_path}/out/", "--jobs", "3"]) == 0
    assert capsys.readouterr().out.splitlines() == [f"{tmp_path}/out/{i}.tiff" for i in range(8)]
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == here


def test_a_killed_worker_costs_its_own_work_only(pair, frames, here, tmp_path):
    (pair.folder / "hang 3.dng").touch()
    with _started(pair, frames, tmp_path / "out") as process:
        until(lambda: len(list((tmp_path / "out").glob("*.tiff"))) == 7)
        time.sleep(0.5)  # what is done has been reported too
        killed = next(pid for pid, name in _runs(pair) if name == "3.dng")
        os.kill(killed, signal.SIGKILL)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert out.splitlines() == [f"{tmp_path}/out/{i}.tiff" for i in range(8)]
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == here
    assert Counter(name for _, name in _runs(pair)) == {f"{i}.dng": 1 + (i == 3) for i in range(8)}
    assert [pid == killed for pid, name in _runs(pair) if name == "3.dng"] == [True, False]

    # the cluster is still of use, and its errors are those of this machine
    shutil.copy(frames[0], frames[0].with_name("again.dng"))
    bad = [frames[0].with_name(name) for name in ("missing.dng", "bad.dng", "again.dng")]
    bad[1].write_text("not a picture")
    with _started(pair, bad, tmp_path / "out", "--json") as process:
        out, err = process.communicate(timeout=60)
    assert process.returncode == 4
    there = json.loads(out)["files"]
    assert err.splitlines()[:2] == [f"error: {record['error']}" for record in there[:2]]
    assert there[2]["input"] == "again.dng"
    assert there[2]["output"] == f"{tmp_path}/out/again.tiff"
    local = subprocess.run(
        [sys.executable, "-m", "isp.commands", "run", "reference", "missing.dng", "bad.dng", "-o", f"{tmp_path}/x/"],
        stderr=subprocess.PIPE, text=True, cwd=frames[0].parent, check=False,
    )  # fmt: skip
    assert local.stderr.splitlines()[:2] == err.splitlines()[:2]


def test_an_interruption_takes_waiting_work_from_the_cluster(pair, frames, tmp_path):
    from distributed import Client

    for i in (0, 1):
        (pair.folder / f"hang {i}.dng").touch()
    with _started(pair, frames, tmp_path / "out") as process:
        until(lambda: len(_runs(pair)) == 2)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (130, "", "error: interrupted\n")
    with Client(pair.address, set_as_default=False) as client:
        until(lambda: client.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.tasks)) == 0)
    assert len(_runs(pair)) == 2
    assert not list(tmp_path.rglob("*.part"))


def test_nobody_there_is_one_line(frames, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(clusters, "CONNECT_SECONDS", 0.5)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: nobody answers
        address = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        assert main(["run", "reference", str(frames[0]), "-o", f"{tmp_path}/out/", "--scheduler", address]) == 4
    err = capsys.readouterr().err
    assert err.startswith(f"error: --scheduler {address}: no Dask scheduler answers within 0.5 s")
    assert err.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("address", ["localhost", "tcp://", "http://a:1", "tcp://a", "tcp://a:b", "tcp://a b:1"])
def test_what_is_no_address_is_usage(frames, tmp_path, capsys, address):
    assert main(["run", "reference", str(frames[0]), "-o", str(tmp_path / "a.tiff"), "--scheduler", address]) == 2
    assert "write it as tcp://HOST:PORT" in capsys.readouterr().err


def test_machines_that_differ_are_named():
    here = clusters.versions()
    assert here["mobile-isp"]
    assert clusters.differences(here, here) == ""
    assert clusters.differences({"numpy": "2.0"}, {"numpy": "2.1"}) == "numpy 2.1 (here 2.0)"
    assert clusters.differences(here, {**here, "halide": "20"}) == f"halide 20 (here {here['halide']})"
    assert clusters.differences(here, ModuleNotFoundError("isp")) == "mobile-isp cannot be imported"


def test_a_worker_refuses_another_profile(frames, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(read_profile("reference").to_yaml())
    recipe = Recipe(str(path)).for_everywhere(read_profile(path))
    path.write_text(read_profile("natural").to_yaml())
    with pytest.raises(ProfileError, match="finds another profile there"):
        develop_there(recipe, Job(frames[0], tmp_path / "a.tiff"))


def test_an_output_that_is_there_counts_if_it_is_the_same(frames, here, tmp_path):
    """Its worker may have died between writing and saying so."""
    recipe = Recipe("reference").for_everywhere(read_profile("reference"))
    target = tmp_path / "0.tiff"
    target.write_bytes(here["0.tiff"])
    assert develop_there(recipe, Job(frames[0], target))["output"] == str(target)
    target.write_bytes(b"somebody else's")
    with pytest.raises(OutputError, match="exists; give --overwrite"):
        develop_there(recipe, Job(frames[0], target))
    assert target.read_bytes() == b"somebody else's"


@pytest.mark.skipif(sys.platform != "linux", reason="of glibc")
def test_workers_keep_their_buffers():
    """Page faults of 50 buffers of 16 MB, in a process set up as Dask's nanny does."""
    code = """
import resource, sys
import numpy as np
from isp.cluster import keep_memory
if sys.argv[1] == "keep":
    keep_memory()
def work():
    for _ in range(50):
        np.empty(1 << 24, np.uint8).fill(1)
work()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
work()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""

    def faults(word: str) -> int:
        environment = {**os.environ, "MALLOC_TRIM_THRESHOLD_": "65536"}
        done = subprocess.run(
            [sys.executable, "-c", code, word], env=environment, capture_output=True, text=True, check=True
        )
        return int(done.stdout)

    assert faults("keep") < faults("plain") / 10


def test_files_of_settings_travel_with_their_whole_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    recipe = Recipe("reference", settings=("look_lut.file=@a.cube", "exposure.ev=1")).for_everywhere(
        read_profile("reference")
    )
    assert recipe.settings == (f"look_lut.file=@{tmp_path}/a.cube", "exposure.ev=1")
    assert recipe.profile == "reference"
    assert Job(Path("a"), Path("b"), (Path("c"),)).absolute().paths == tuple(tmp_path / n for n in "abc")
