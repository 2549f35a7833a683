"""A matrix that is killed, resumed, refused or spread over a cluster gives the numbers of one that ran through."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

import reports.page
from isp.errors import InputError, OutputError, ProfileError
from reports.matrix import work
from reports.matrix.plan import read_plan
from reports.matrix.report import matrix_report
from reports.matrix.work import JOURNAL, RESULTS, run_matrix
from tests.cluster import cluster, until

MATRIX = """
profiles: [reference, mine.yaml]
sensors: [imx586:bin2]
scenes: [chart, uniform]
iso: [100, 800, {most}]
size: 96x64
"""
RUN = """
import sys
from reports.matrix.plan import read_plan
from reports.matrix.work import run_matrix
run_matrix(read_plan(sys.argv[1]), sys.argv[2], resume=True, jobs=int(sys.argv[3]))
"""
SPY = """
import os, time
from pathlib import Path
from reports.matrix import work

HERE = Path.cwd()
plain = getattr(work, "plain", work.simulate)  # preloaded more than once

def simulate(shot):
    with open(HERE / "runs", "a") as file:
        print(os.getpid(), shot.scene, shot.iso, file=file)
    hang = HERE / f"hang {shot.scene} {shot.iso}"
    if hang.exists():
        hang.unlink()
        time.sleep(60)
    return plain(shot)

work.simulate, work.plain = simulate, plain
"""
"""Each worker notes what it simulates; a file of that name makes it hang, once."""


@pytest.fixture(scope="module")
def matrix(tmp_path_factory) -> Path:
    """Its last ISO is one that the sensor does not have."""
    from isp.profile import read_profile

    folder = tmp_path_factory.mktemp("matrix")
    (folder / "mine.yaml").write_text(read_profile("reference").with_settings(["demosaic.method=bilinear"]).to_yaml())
    path = folder / "matrix.yaml"
    path.write_text(MATRIX.format(most=1_000_000))
    return path


@pytest.fixture(scope="module")
def through(matrix, tmp_path_factory) -> Path:
    """The folder of a run that nothing disturbed."""
    out = tmp_path_factory.mktemp("through") / "out"
    results = run_matrix(read_plan(matrix), out, jobs=1)
    assert [bool(cell.error) for cell in results.cells] == [False, False, True] * 4
    assert "1e+06" in results.cells[2].error or "1000000" in results.cells[2].error
    assert str(results.cells[2].metrics["snr"]).startswith("n.a.: ")
    return out


def _lines(folder: Path) -> list[bytes]:
    path = folder / JOURNAL
    return path.read_bytes().splitlines(keepends=True) if path.exists() else []


def test_threads_give_the_same(matrix, through, tmp_path):
    told = []
    run_matrix(read_plan(matrix), tmp_path / "out", jobs=3, progress=lambda *n: told.append(n))
    assert (tmp_path / "out" / RESULTS).read_bytes() == (through / RESULTS).read_bytes()
    assert told == [(n, 12) for n in range(13)]
    assert sorted(_lines(tmp_path / "out")) == sorted(_lines(through))


def test_a_killed_run_resumes_to_the_same(matrix, through, tmp_path):
    out = tmp_path / "out"
    with subprocess.Popen([sys.executable, "-c", RUN, str(matrix), str(out), "1"]) as process:
        until(lambda: len(_lines(out)) > 4)
        process.kill()
    before = [line for line in _lines(out) if line.endswith(b"\n")]
    assert 4 < len(before) < 13
    with (out / JOURNAL).open("ab") as file:
        file.write(b'{"sha256":"half a rec')
    results = run_matrix(read_plan(matrix), out, resume=True, jobs=1)
    assert (out / RESULTS).read_bytes() == (through / RESULTS).read_bytes()
    good = [line for line in before[1:] if b'"error":null' in line]
    assert results.kept == len(good) > 0
    # what was there has not been done again, except what had failed
    assert _lines(out)[: len(before)] == before
    assert all(_lines(out).count(line) == 1 for line in good)


def test_a_changed_matrix_keeps_the_cells_that_are_the_same(matrix, through, tmp_path, monkeypatch):
    out = tmp_path / "out"
    run_matrix(read_plan(matrix), out, jobs=1)
    simulated = []
    monkeypatch.setattr(work, "simulate", lambda shot, plain=work.simulate: simulated.append(shot.iso) or plain(shot))
    wider = matrix.with_name("wider.yaml")
    wider.write_text(MATRIX.format(most=400))
    results = run_matrix(read_plan(wider), out, resume=True, jobs=1)
    assert simulated == [400, 400]
    assert (results.kept, len(results.cells)) == (8, 12)
    assert not any(cell.error for cell in results.cells)


def test_a_run_that_is_there_is_not_overwritten(matrix, tmp_path, through):
    plan = read_plan(matrix)
    before = (through / JOURNAL).read_bytes()
    with pytest.raises(OutputError, match=r"journal\.jsonl: exists; give --resume to go on, or --overwrite"):
        run_matrix(plan, through)
    assert (through / JOURNAL).read_bytes() == before
    with pytest.raises(OutputError, match="folder cannot be made"):
        run_matrix(plan, tmp_path / "no" / "out")


def test_a_damaged_journal_is_refused(matrix, tmp_path, through):
    out = tmp_path / "out"
    out.mkdir()
    data = bytearray((through / JOURNAL).read_bytes())
    data[len(data) // 2] ^= 1
    (out / JOURNAL).write_bytes(data)
    with pytest.raises(InputError, match=r"record \d+ is damaged"):
        run_matrix(read_plan(matrix), out, resume=True)
    assert not (out / RESULTS).exists()


def test_an_internal_error_is_the_reason_of_its_cell(matrix, tmp_path, monkeypatch):
    def broken(*_: object) -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(work, "measure_cell", broken)
    results = run_matrix(read_plan(matrix), tmp_path / "out", jobs=2)
    assert {cell.error for cell in results.cells if cell.at["iso"] == 100} == {
        "internal error, please report it: ZeroDivisionError: oops"
    }


def test_a_profile_that_changes_meanwhile_is_seen(matrix, tmp_path):
    from isp.profile import read_profile

    path = tmp_path / "mine.yaml"
    path.write_text(read_profile("reference").to_yaml())
    other = tmp_path / "m.yaml"
    other.write_text("profiles: [mine.yaml]\nsensors: [imx586:bin2]\nscenes: [uniform]\nsize: 64x64\n")
    plan = read_plan(other)
    path.write_text(read_profile("natural").to_yaml())
    (cell,) = run_matrix(plan, tmp_path / "out").cells
    assert "has changed since the matrix was read" in cell.error


def test_page_and_results_lie_together(matrix, tmp_path, monkeypatch):
    monkeypatch.setattr(reports.page, "render", lambda report: f"<p>{report.verdict.sentence}</p>", raising=False)
    page = matrix_report(matrix, tmp_path / "out", jobs=2)
    assert page.read_text() == "<p>12 cells: 2 profiles, 1 sensor, 2 scenes, 3 ISO values; 8 measured.</p>"
    assert sorted(os.listdir(tmp_path / "out")) == [JOURNAL, "report.html", RESULTS]
    with pytest.raises(OutputError, match=r"report\.html: exists"):
        matrix_report(matrix, tmp_path / "out")
    assert matrix_report(matrix, tmp_path / "out", resume=True) == page
    with pytest.raises(ProfileError, match=r"gone\.yaml"):
        matrix_report(matrix.with_name("gone.yaml"), tmp_path / "out")


def test_a_cluster_gives_the_same_though_a_worker_dies(matrix, through, tmp_path):
    folder = tmp_path / "cluster"
    folder.mkdir()
    out = tmp_path / "out"
    (folder / "hang uniform 800").touch()

    def runs() -> list[list[str]]:
        path = folder / "runs"
        return [line.split() for line in path.read_text().splitlines()] if path.exists() else []

    with cluster(folder, SPY) as made:
        code = RUN.replace("jobs=int(sys.argv[3])", "scheduler=sys.argv[3]")
        words = [sys.executable, "-W", "error", "-c", code, str(matrix), str(out), made.address]
        with subprocess.Popen(words) as process:
            try:
                until(lambda: len(_lines(out)) == 1 + 10)
                (killed,) = [int(pid) for pid, *what in runs() if what == ["uniform", "800"]]
                os.kill(killed, signal.SIGKILL)
                assert process.wait(timeout=60) == 0
            finally:
                process.kill()
    assert (out / RESULTS).read_bytes() == (through / RESULTS).read_bytes()
    assert len(_lines(out)) == 13
    counts = Counter(" ".join(what) for _, *what in runs())
    assert counts["uniform 800"] == 2
    # a frame that the dead worker alone still held would be simulated again
    assert sum(counts.values()) <= 6 + 2
