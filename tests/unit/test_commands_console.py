"""What is printed where."""

from __future__ import annotations

import io
import json
import math
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from isp.commands import console


def test_results_go_to_stdout_and_messages_to_stderr(capsys):
    console.emit("result")
    console.say("message")
    console.complain(ValueError("wrong"))
    out, err = capsys.readouterr()
    assert out == "result\n"
    assert err == "message\nerror: wrong\n"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nb", "a\\nb"),
        ("a\x1b[31mb", "a\\x1b[31mb"),
        ("a\u2028b", "a\\u2028b"),
        ("größe 日本", "größe 日本"),
        ("bad \udcff", "bad \udcff"),
    ],
)
def test_one_line_keeps_letters_and_nothing_that_steers(text, shown):
    assert console.one_line(text) == shown


def test_a_closed_pipe_is_one_exception_and_no_message():
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as stream:
        saved, sys.stdout = sys.stdout, stream
        try:
            with pytest.raises(console.OutputClosed):
                console.emit("x")
        finally:
            sys.stdout = saved


def test_names_that_are_not_text_come_out_as_their_bytes(monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="utf-8"))
    console.emit(os.fsdecode(b"\xff.png"))
    assert raw.getvalue() == b"\xff.png\n"


def test_a_terminal_without_letters_gets_escapes(monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    console.emit("größe")
    assert raw.getvalue() == b"gr\\xf6\\xdfe\n"


@dataclass
class Point:
    x: float
    where: Path


def test_json_holds_everything_and_is_strict(capsys):
    console.emit_json(
        {"a": np.float32(0.5), "b": np.arange(3), "c": math.nan, "d": Point(math.inf, Path("p")), "e": (1, True, None)}
    )
    assert json.loads(capsys.readouterr().out) == {
        "a": 0.5, "b": [0, 1, 2], "c": None, "d": {"x": None, "where": "p"}, "e": [1, True, None],
    }


def test_table_in_a_pipe_is_aligned_plain_text(capsys):
    console.table(("name", "s"), [("a", "1.0"), ("long", "10.0")], right=(1,))
    assert capsys.readouterr().out == "name     s\na      1.0\nlong  10.0\n"


def test_table_on_a_terminal_is_drawn_and_takes_brackets_as_they_are(capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    console.table(("name",), [("[red]x[/red]",)])
    out = capsys.readouterr().out
    assert "─" in out
    assert "[red]x[/red]" in out


def test_no_progress_in_a_pipe(capsys):
    with console.progress() as bar:
        bar.start("work")
        bar(1, 2)
    assert capsys.readouterr() == ("", "")


def test_progress_on_a_terminal_goes_to_stderr_only(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with console.progress() as bar:
        bar.start("[odd] name")
        bar(1, 2)
    out, err = capsys.readouterr()
    assert out == ""
    assert "[odd] name" in err


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, "1"),
        ((1.0, 0.25), "[1, 0.25]"),
        (None, ""),
        ("auto", "auto"),
        (tuple(range(40)), "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9..."),
    ],
)
def test_short_values(value, text):
    assert console.short(value) == text
