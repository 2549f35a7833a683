"""Many pieces of work at once on this machine: what arrives, in which order, and what an interruption leaves."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from isp import spread as spreading
from isp.commands.batch import Job, work
from isp.errors import InputError
from isp.spread import Piece, Stopping, at_once, checkpoint, reported, spread


def _groups() -> list[list[Piece]]:
    return [
        [Piece("a", int, ("2",)), Piece("a1", pow, (3,), after=("a",)), Piece("a2", pow, (4,), after=("a",))],
        [Piece("b", int, ("7",))],
    ]


@pytest.mark.parametrize("jobs", [None, 1, 2, 5])
def test_results_of_pieces_that_nobody_waits_for(jobs):
    found: dict[str, object] = {}
    spread(_groups(), found.__setitem__, jobs=jobs)
    assert found == {"a1": 8, "a2": 16, "b": 7}
    assert reported(_groups()[0]) == ["a1", "a2"]


def test_a_shared_piece_runs_once_and_many_run_at_once():
    runs: list[str] = []
    meet = threading.Barrier(3, timeout=10)

    def shared() -> int:
        runs.append("shared")
        return 5

    def meets(value: int, number: int) -> int:
        meet.wait()  # passes only if three run together
        return value * number

    group = [Piece("s", shared), *(Piece(f"{n}", meets, (n,), after=("s",)) for n in range(3))]
    found: dict[str, object] = {}
    spread([group], found.__setitem__, jobs=3)
    assert found == {"0": 0, "1": 5, "2": 10}
    assert runs == ["shared"]


def test_work_begins_in_the_given_order_and_ends_a_group_before_the_next():
    """So that names are printed early, and two threads hold two or three shared results, not all of them."""
    begun: list[str] = []

    def note(*words: object) -> str:
        begun.append(str(words[-1]))
        time.sleep(0.002)
        return str(words[-1])

    singles = [[Piece(f"p{n}", note, (n,))] for n in range(30)]
    spread(singles, lambda *_: None, jobs=2)
    assert max(abs(n - int(found)) for n, found in enumerate(begun)) <= 2
    begun.clear()
    groups = [
        [Piece(f"s{n}", note, (f"s{n}",)), *(Piece(f"{n}.{m}", note, (f"{n}.{m}",), (f"s{n}",)) for m in range(4))]
        for n in range(9)
    ]
    spread(groups, lambda *_: None, jobs=2)
    for n in range(7):
        assert max(begun.index(f"{n}.{m}") for m in range(4)) < begun.index(f"s{n + 2}") + 2


def test_done_is_called_in_the_thread_of_the_caller():
    threads = []
    spread([[Piece(str(n), int)] for n in range(4)], lambda *_: threads.append(threading.current_thread()), jobs=2)
    assert set(threads) == {threading.current_thread()}


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_exception_of_a_piece_ends_everything(jobs):
    def fails() -> None:
        raise ZeroDivisionError("on purpose")

    with pytest.raises(ZeroDivisionError, match="on purpose"):
        spread([[Piece("a", fails)], [Piece("b", int)]], lambda *_: None, jobs=jobs)


def test_an_interruption_unwinds_what_is_running():
    unwound, started = [], threading.Event()

    def long() -> None:
        started.set()
        try:
            for _ in range(1000):
                time.sleep(0.01)
                checkpoint()
        except Stopping:
            unwound.append("long")
            raise

    def interrupt(key: str, _: object) -> None:
        started.wait(10)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        spread([[Piece("quick", int)], [Piece("long", long)], [Piece("next", long)]], interrupt, jobs=2)
    assert set(unwound) == {"long"}
    checkpoint()  # this thread is none of the batch


def test_frames_at_once_are_bounded_by_files_cores_and_memory(tmp_path, monkeypatch):
    files = [tmp_path / f"{n}.dng" for n in range(20)]
    for path in files:
        path.write_bytes(b"x" * 1000)
    monkeypatch.setattr(spreading, "cores", lambda: 8)
    monkeypatch.setattr(spreading, "memory", lambda: 10**12)
    assert at_once(files) == 8
    assert at_once(files[:3]) == 3
    monkeypatch.setattr(spreading, "memory", lambda: 4 * 10**9)
    assert at_once(files) == 4  # half of 4 GB holds four frames of 400 MB
    monkeypatch.setattr(spreading, "memory", lambda: 10**6)
    assert at_once(files) == 1
    assert at_once([tmp_path / "missing"]) == 1


def test_memory_is_that_of_the_machine_or_less():
    assert 10**8 < spreading.memory() <= 10**14
    assert spreading.cores() >= 1


def test_a_batch_speaks_in_the_order_of_its_jobs(capsys):
    def do(job: Job) -> dict[str, object]:
        number = int(job.source.name)
        time.sleep(0.05 * (4 - number))  # the last is done first
        if number == 2:
            raise InputError("2: no")
        return {"input": job.source, "warnings": [f"w{number}"]}

    told, counted = [], []
    jobs = [Job(Path(str(n)), Path(f"{n}.png")) for n in range(5)]
    outcomes = work(
        jobs, do, show=lambda r: told.append(str(r["input"])), count=lambda *n: counted.append(n), at_once=5
    )
    assert told == ["0", "1", "3", "4"]
    assert [o.code for o in outcomes] == [0, 0, 4, 0, 0]
    assert capsys.readouterr().err.splitlines() == [
        "warning: 0: w0", "warning: 1: w1", "error: 2: no", "warning: 3: w3", "warning: 4: w4",
    ]
    assert counted == [(n, 5) for n in range(1, 6)]


@pytest.mark.parametrize("module", ["isp.spread", "isp.cluster", "isp.commands.run", "isp.commands.developer"])
def test_dask_is_imported_only_for_work(module):
    code = f"import sys, {module}; print(sorted({{'dask', 'distributed'}} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
