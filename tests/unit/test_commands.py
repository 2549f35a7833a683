"""The command as a whole: usage, exit codes, commands of other packages."""

from __future__ import annotations

import json
import signal
import sys
import types
from importlib.metadata import EntryPoint

import pytest
import typer

from isp.commands import Stopped, app, main
from isp.errors import NumericError


def test_help_lists_every_command(capsys):
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    for name in app.BUILT_IN:
        assert name in out


@pytest.mark.parametrize("words", [["-h"], ["run", "-h"], ["profile", "check", "-h"], ["profile", "--help"]])
def test_short_help_works_everywhere(words, capsys):
    assert main(words) == 0
    assert "Usage: isp" in capsys.readouterr().out


def test_bare_command_shows_help_and_fails(capsys):
    assert main([]) == 2
    assert "Usage: isp" in capsys.readouterr().out


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("isp ")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["rin"], "error: No such command 'rin'. Did you mean 'run'? (see: isp --help)"),
        (["--nope"], "error: No such option: --nope (see: isp --help)"),
        (["run"], "error: Missing argument 'PROFILE'. (see: isp run --help)"),
        (["run", "natural", "a.dng"], "error: Missing option '-o' / '--output'. (see: isp run --help)"),
        (["profile"], "error: Missing command. (see: isp profile --help)"),
        (["bench", "--megapixels", "12,x"], "error: --megapixels '12,x': write sizes in 0..400 MP separated by commas"),
    ],
)
def test_usage_errors_are_one_line_and_code_2(words, line, capsys):
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(line)
    assert err.count("\n") == 1


def test_threads_are_bounded(capsys):
    assert main(["run", "natural", "a.dng", "-o", "b.png", "--threads", "0"]) == 2
    assert "--threads" in capsys.readouterr().err


class _Points(list):
    def __call__(self, *, group):
        return [p for p in self if p.group == group]


@pytest.fixture
def plugin(monkeypatch):
    """A package `fake_room` whose functions are registered as commands."""
    module = types.ModuleType("fake_room")
    points = _Points()
    monkeypatch.setitem(sys.modules, "fake_room", module)
    monkeypatch.setattr(app, "entry_points", points)

    def register(name, target):
        setattr(module, name, target)
        points.append(EntryPoint(name, f"fake_room:{name}", "isp.commands"))

    register.points = points
    return register


def test_a_function_of_another_package_is_a_command(plugin, capsys):
    def report(count: int = 1) -> None:
        """Report."""
        print("count", count)

    plugin("report", report)
    assert main(["report", "--count", "3"]) == 0
    assert capsys.readouterr().out == "count 3\n"
    assert main(["--help"]) == 0
    assert "report" in capsys.readouterr().out


def test_a_typer_of_another_package_is_a_group(plugin, capsys):
    room = typer.Typer(help="Tune.")

    @room.command()
    def start() -> None:
        print("started")

    plugin("tune", room)
    assert main(["tune", "start"]) == 0
    assert capsys.readouterr().out == "started\n"
    assert main(["tune", "-h"]) == 0
    assert "--install-completion" not in capsys.readouterr().out


def test_a_broken_package_fails_only_when_asked_for(plugin, capsys):
    plugin.points.append(EntryPoint("tune", "no_such_module:app", "isp.commands"))
    assert main(["--help"]) == 0
    assert "not available" in capsys.readouterr().out
    assert main(["--version"]) == 0
    capsys.readouterr()
    assert main(["tune"]) == 1
    err = capsys.readouterr().err
    assert err.startswith("error: command 'tune' = no_such_module:app")
    assert "ModuleNotFoundError" in err
    assert "Traceback" not in err


def test_a_package_cannot_replace_our_commands(plugin, capsys):
    plugin("stages", lambda: print("theirs"))
    main(["stages", "-h"])
    assert "parameters of one" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("error", "code", "traceback"),
    [(NumericError("not finite"), 7, False), (ZeroDivisionError("x"), 1, True), (MemoryError(), 5, False)],
)
def test_errors_become_exit_codes(plugin, capsys, error, code, traceback):
    def fail() -> None:
        raise error

    plugin("fail", fail)
    assert main(["fail"]) == code
    err = capsys.readouterr().err
    assert ("Traceback" in err) == traceback
    assert err.splitlines()[-1].startswith("error: ")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_signals_unwind_and_become_exit_codes(plugin, capsys, number, code):
    cleaned = []

    def wait() -> None:
        try:
            signal.raise_signal(number)
        finally:
            cleaned.append(True)

    plugin("wait", wait)
    before = signal.getsignal(number)
    assert main(["wait"]) == code
    assert cleaned == [True]
    assert signal.getsignal(number) is before
    err = capsys.readouterr().err
    assert err.startswith("error: ")
    assert err.count("\n") == 1


def test_a_signal_that_compiled_code_makes_another_error_of_is_still_that_signal(plugin, capsys):
    def load() -> None:
        try:
            signal.raise_signal(signal.SIGTERM)
        except BaseException:
            raise ImportError("initialization failed") from None

    plugin("load", load)
    assert main(["load"]) == 143
    assert capsys.readouterr().err == "error: terminated\n"


def test_stopped_is_no_ordinary_exception():
    # a stage that catches Exception must not swallow Ctrl-C
    assert not issubclass(Stopped, Exception)


def test_a_signal_that_is_ignored_stays_ignored(plugin):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        plugin("wait", lambda: signal.raise_signal(signal.SIGHUP))
        assert main(["wait"]) == 0
    finally:
        signal.signal(signal.SIGHUP, before)


def test_json_of_other_commands_is_parsable(capsys):
    assert main(["profile", "schema"]) in (0, 1)
    out = capsys.readouterr().out
    if out:
        assert json.loads(out)["$schema"].startswith("https://json-schema.org")
