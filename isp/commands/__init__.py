"""The command `isp`: turns whatever happens into an exit code and at most one line of error."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Sequence
from types import FrameType
from typing import Any

_SIGNALS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated", signal.SIGHUP: "hung up"}


class Stopped(BaseException):
    """A signal asks us to end: unwinds the stack, so that temporary files and child processes are cleaned up."""

    def __init__(self, number: int) -> None:
        super().__init__(_SIGNALS[signal.Signals(number)])
        self.exit_code = 128 + number


def main(args: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    args : sequence of str, optional
        The words behind `isp`; those of this process by default.

    Returns
    -------
    int
        0 ok, 1 internal error (the only one with a traceback), 2 usage, 3 bad profile or look-up table, 4 bad input,
        5 limit exceeded, 6 cannot write, 7 not finite or not converged, 129 hung up, 130 interrupted,
        141 stdout closed, 143 terminated.
    """
    before, caught = _catch_signals()
    try:
        return _run(args, caught)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _run(args: Sequence[str] | None, caught: Sequence[Stopped]) -> int:
    from isp.commands.console import BROKEN_PIPE, OutputClosed, complain, exit_code
    from isp.errors import IspError

    try:
        import typer

        from isp.commands.app import app

        words = list(sys.argv[1:] if args is None else args)
        command = typer.main.get_command(app)
        try:
            code = command.main(args=words or ["--help"], prog_name="isp", standalone_mode=False)
        except Exception as error:
            if not hasattr(error, "format_message"):
                raise
            # a usage error that Typer found
            complain(f"{error.format_message()} {_hint(error)}".strip())
            return 2
        if not words:
            return 2
        return code if isinstance(code, int) else 0
    except OutputClosed:
        return BROKEN_PIPE
    except Stopped as stopped:
        complain(stopped)
        return stopped.exit_code
    except IspError as error:
        complain(error)
        return exit_code(error)
    except MemoryError as error:
        complain("not enough memory for this picture")
        return exit_code(error)
    except Exception as error:
        if caught:
            # compiled code that a signal unwinds, such as a module being imported, may make another error of it
            complain(caught[0])
            return caught[0].exit_code
        import traceback

        traceback.print_exc()
        complain(f"internal error, please report it with the lines above: {type(error).__name__}: {error}")
        return 1


def _hint(error: Exception) -> str:
    context = getattr(error, "ctx", None)
    return f"(see: {context.command_path} --help)" if context is not None else ""


def _catch_signals() -> tuple[dict[signal.Signals, Any], list[Stopped]]:
    """Let the first signal unwind the stack; a second one of any kind ends the process at once.

    Returns the handlers there were, and a list that will hold what the first signal raised.
    """
    before: dict[signal.Signals, Any] = {}
    caught: list[Stopped] = []
    if threading.current_thread() is not threading.main_thread():
        return before, caught

    def stop(number: int, frame: FrameType | None) -> None:
        for other in before:
            signal.signal(other, signal.SIG_DFL)
        caught.append(Stopped(number))
        raise caught[0]

    for number in _SIGNALS:
        # nohup and background jobs ask for a signal to be ignored
        if signal.getsignal(number) is not signal.SIG_IGN:
            before[number] = signal.getsignal(number)
            signal.signal(number, stop)
    return before, caught


def script() -> None:
    """`python -m isp.commands`."""
    sys.exit(main())
