"""The `isp` command: its subcommands, each loaded only when it is invoked or listed.

Other packages add subcommands under the entry-point group ``isp.commands``. An entry point names a function (one
command) or a `typer.Typer` (a group of commands); heavy imports belong inside the functions, as `isp --help` loads all.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from isp.errors import IspError

BUILT_IN = {
    "run": "isp.commands.run:run",
    "info": "isp.commands.info:info",
    "stages": "isp.commands.stages:stages",
    "profile": "isp.commands.profile:app",
    "demo": "isp.commands.demo:demo",
    "lens": "isp.commands.lens:app",
    "bench": "isp.commands.bench:bench",
}
"""Subcommands of this package, in the order that help shows them."""

CONTEXT = {"help_option_names": ["-h", "--help"]}


class Commands(TyperGroup):
    """A group that imports a subcommand when it is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Names: ours, then those of other packages, sorted."""
        return [*BUILT_IN, *sorted(set(_plugins()) - set(BUILT_IN))]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The subcommand, or None if there is none of that name."""
        if cmd_name in self.commands:
            return self.commands[cmd_name]
        if cmd_name in BUILT_IN:
            module, _, attribute = BUILT_IN[cmd_name].partition(":")
            command = _command(cmd_name, getattr(import_module(module), attribute))
        elif cmd_name in _plugins():
            command = _plugin(cmd_name, _plugins()[cmd_name])
        else:
            return None
        self.commands[cmd_name] = command
        return command

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """As inherited; the inherited suggestion for a misspelt name looks only at commands already loaded."""
        if args and self.get_command(ctx, args[0]) is None:
            for name in self.list_commands(ctx):
                self.get_command(ctx, name)
        return super().resolve_command(ctx, args)


def _command(name: str, target: Callable[..., Any] | typer.Typer) -> Any:
    parent = typer.Typer(add_completion=False)
    parent.callback()(lambda: None)
    if isinstance(target, typer.Typer):
        parent.add_typer(target, name=name, context_settings=CONTEXT)
    else:
        parent.command(name, context_settings=CONTEXT)(target)
    group = typer.main.get_command(parent)
    command = group.commands[name]  # type: ignore[attr-defined]
    for child in getattr(command, "commands", {}).values():
        child.context_settings = {**CONTEXT, **child.context_settings}
    return command


def _plugins() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group="isp.commands")}


def _plugin(name: str, point: EntryPoint) -> Any:
    package = point.dist.name if point.dist is not None else "unknown package"
    try:
        return _command(name, point.load())
    except Exception as error:
        # bound here: `error` is gone when the command runs
        fault = f"command {name!r} = {point.value} of {package} cannot be loaded: {type(error).__name__}: {error}"

        def broken() -> None:
            raise IspError(fault)

        broken.__doc__ = f"(not available: {type(error).__name__} in {package})"
        return _command(name, broken)


app = typer.Typer(
    cls=Commands,
    add_completion=False,
    context_settings=CONTEXT,
    help="Develop raw files with an image signal processor that one YAML profile describes.",
    epilog="Exit codes: 0 ok, 1 internal error, 2 usage, 3 profile, 4 input, 5 limit, 6 output, 7 not finite, "
    "130 interrupted, 143 terminated. Start with: isp demo",
)


def _version(wanted: bool) -> None:
    if wanted:
        from isp import __version__
        from isp.commands.console import emit

        emit(f"isp {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass
