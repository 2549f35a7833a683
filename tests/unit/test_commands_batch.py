"""Pairing inputs with outputs, and going through the lot."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from isp.commands.batch import Job, folder, plan, summarise, work
from isp.errors import InputError, LimitError, OutputError, UsageError


def test_one_input_to_a_file(tmp_path):
    assert plan([tmp_path / "a.dng"], str(tmp_path / "b.png"), ".jpg") == [Job(tmp_path / "a.dng", tmp_path / "b.png")]


def test_a_folder_takes_names_from_inputs(tmp_path):
    jobs = plan([Path("x/a.dng"), Path("y/b.raw")], str(tmp_path), ".jpg")
    assert [job.target for job in jobs] == [tmp_path / "a.jpg", tmp_path / "b.jpg"]


def test_a_name_with_a_slash_is_a_folder_even_if_missing(tmp_path):
    assert plan([Path("a.dng")], f"{tmp_path}/new/", ".png")[0].target == tmp_path / "new" / "a.png"


def test_several_inputs_need_a_folder(tmp_path):
    with pytest.raises(UsageError, match="2 inputs need a folder; end its name with '/'"):
        plan([Path("a"), Path("b")], str(tmp_path / "c.png"), ".png")


def test_two_inputs_of_one_name_are_refused(tmp_path):
    with pytest.raises(UsageError, match="would both be written to"):
        plan([Path("x/a.dng"), Path("y/a.dng")], f"{tmp_path}/", ".png")


@pytest.mark.parametrize("link", [False, True])
def test_an_input_is_never_its_own_output(tmp_path, link):
    source = tmp_path / "a.tiff"
    source.write_bytes(b"x")
    target = source
    if link:
        target = tmp_path / "b.tiff"
        target.symlink_to(source)
    with pytest.raises(UsageError, match="written over itself"):
        plan([source], str(target), ".tiff")


def test_folder_is_made_and_taken_away_if_it_stays_empty(tmp_path):
    with folder(f"{tmp_path}/new/"):
        assert (tmp_path / "new").is_dir()
    assert not (tmp_path / "new").exists()
    with folder(f"{tmp_path}/kept/"):
        (tmp_path / "kept" / "a").write_text("a")
    assert (tmp_path / "kept" / "a").read_text() == "a"


def test_folder_that_was_there_stays(tmp_path):
    with folder(str(tmp_path)):
        pass
    assert tmp_path.is_dir()


def test_folder_that_cannot_be_made_is_an_output_error(tmp_path):
    with pytest.raises(OutputError, match="folder cannot be made: No such file"), folder(f"{tmp_path}/a/b/"):
        pass
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="folder cannot be made"), folder(f"{tmp_path}/file/"):
        pass
    assert stat.S_ISREG((tmp_path / "file").stat().st_mode)


def _jobs(*names: str) -> list[Job]:
    return [Job(Path(name), Path(f"{name}.png")) for name in names]


def test_a_failure_does_not_stop_the_others_and_the_highest_code_counts(capsys):
    def do(job: Job) -> dict[str, object]:
        if job.source.name == "bad":
            raise InputError("truncated")
        if job.source.name == "huge":
            raise LimitError("huge: too large")
        return {"input": job.source}

    outcomes = work(_jobs("a", "bad", "huge", "b"), do)
    assert [o.code for o in outcomes] == [0, 4, 5, 0]
    assert summarise(outcomes) == 5
    err = capsys.readouterr().err.splitlines()
    assert err == ["error: bad: truncated", "error: huge: too large", "2 of 4 failed: bad, huge"]


def test_one_failure_of_one_is_one_line(capsys):
    def do(job: Job) -> dict[str, object]:
        raise InputError("name with\nnewline: no")

    assert summarise(work(_jobs("one.dng"), do)) == 4
    assert capsys.readouterr().err == "error: one.dng: name with\\nnewline: no\n"


def test_an_internal_error_shows_its_traceback_and_the_batch_goes_on(capsys):
    def do(job: Job) -> dict[str, object]:
        if job.source.name == "a":
            raise ZeroDivisionError("oops")
        return {}

    outcomes = work(_jobs("a", "b"), do)
    assert [o.code for o in outcomes] == [1, 0]
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert "error: internal error, please report it with the lines above: ZeroDivisionError: oops" in err


def test_no_memory_is_a_limit(capsys):
    def do(job: Job) -> dict[str, object]:
        raise MemoryError

    assert summarise(work(_jobs("a"), do)) == 5
    assert capsys.readouterr().err == "error: a: not enough memory for this picture\n"


@pytest.mark.parametrize("debug", [False, True])
def test_debug_shows_the_traceback_of_a_refusal(capsys, debug):
    def do(job: Job) -> dict[str, object]:
        raise InputError("no")

    work(_jobs("a"), do, debug=debug)
    assert ("Traceback" in capsys.readouterr().err) == debug
