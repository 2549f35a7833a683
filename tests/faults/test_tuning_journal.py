"""Journals of fits: torn, damaged, foreign, newer, empty, and written by two at once."""

from __future__ import annotations

import os
import struct

import pytest

from isp.errors import OutputError, ProfileError
from tuning.fitting.journal import MAGIC, open_journal

FIT = {"inputs": ["a", "b"], "seed": 3}


def numbers(path, count, **how):
    """A run that asks for `count` evaluations; what they gave, how many were computed, and what was cut off."""
    computed = []
    with open_journal(path, **how) as journal:
        journal.begin(FIT)

        def compute(i):
            computed.append(i)
            return [i / 3, i]

        found = [journal.once("loss", [i, i / 7], lambda i=i: compute(i)) for i in range(count)]
        return found, computed, journal.torn


@pytest.fixture
def path(tmp_path):
    kept = tmp_path / "fit.yaml.journal"
    numbers(kept, 5)
    return kept


def places(path):
    """Where each record begins."""
    data = path.read_bytes()
    at, found = data.index(b"\n") + 1, []
    while at < len(data):
        found.append(at)
        at += 12 + struct.unpack("<I", data[at : at + 4])[0]
    return found


def test_what_was_computed_is_answered_to_the_bit(path):
    found, computed, torn = numbers(path, 7, resume=True)
    assert found == [[i / 3, i] for i in range(7)]
    assert computed == [5, 6]
    assert torn == 0


def test_a_torn_tail_is_cut_off_at_every_place(path):
    data = path.read_bytes()
    last = places(path)[-1]
    for length in range(last + 1, len(data)):
        path.write_bytes(data[:length])
        found, computed, torn = numbers(path, 5, resume=True)
        assert (found, computed, torn) == ([[i / 3, i] for i in range(5)], [4], length - last)
        assert path.read_bytes() == data


def test_a_flipped_bit_anywhere_is_refused_with_its_record_or_cut_off_at_the_end(path):
    data = path.read_bytes()
    starts = places(path)
    for place in range(starts[0], len(data)):
        spoilt = bytearray(data)
        spoilt[place] ^= 0x10
        path.write_bytes(spoilt)
        number = sum(s <= place for s in starts)
        if number == len(starts) and place >= starts[-1] + 8:
            # the text (or its checksum) of the last record: as well torn as damaged
            assert numbers(path, 5, resume=True)[1] == [4]
            continue
        with pytest.raises(ProfileError, match=rf"record {number} is damaged"):
            numbers(path, 5, resume=True)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"version: 1\nname: natural\n", "not a journal of a fit"),
        (b"\x89PNG\r\n\x1a\n", "not a journal of a fit"),
        (MAGIC + b"9\n", "written by a newer program"),
        (MAGIC + b"x\n", "not a journal of a fit"),
    ],
)
def test_other_files_are_refused_in_a_line(path, content, words):
    path.write_bytes(content)
    with pytest.raises(ProfileError, match=words) as caught:
        numbers(path, 5, resume=True)
    assert caught.value.exit_code == 3
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == content


@pytest.mark.parametrize("content", [b"", MAGIC[:9]])
def test_one_that_was_never_begun_is_begun(path, content):
    path.write_bytes(content)
    assert numbers(path, 2, resume=True)[1] == [0, 1]


def test_a_second_writer_is_refused(path):
    with (
        open_journal(path, resume=True),
        pytest.raises(OutputError, match="another fit is writing it"),
        open_journal(path, resume=True),
    ):
        pass


def test_a_fit_that_was_begun_is_not_thrown_away(path):
    with pytest.raises(OutputError, match="--resume"), open_journal(path):
        pass
    assert numbers(path, 2, overwrite=True)[1] == [0, 1]


def test_another_fit_is_not_gone_on_with(path):
    with open_journal(path, resume=True) as journal, pytest.raises(ProfileError, match="another fit: seed differs"):
        journal.begin({**FIT, "seed": 4})


def test_another_course_is_not_gone_on_with(path):
    with open_journal(path, resume=True) as journal:
        journal.begin(FIT)
        with pytest.raises(ProfileError, match="record 2 is not what this fit asks for"):
            journal.once("loss", [1, 1], lambda: 0.0)


def test_a_full_disk_ends_in_a_line(tmp_path):
    with open_journal(tmp_path / "j") as journal:
        journal.begin(FIT)
        journal._descriptor = os.open("/dev/full", os.O_WRONLY)
        with pytest.raises(OutputError, match="cannot be written: No space left"):
            journal.once("loss", [0], lambda: 1.0)
        os.close(journal._descriptor)
