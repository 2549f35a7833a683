"""`isp stages`: what stages there are, and what each can be told."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from isp.commands import options
from isp.commands.console import complain, emit, emit_json, short, table

if TYPE_CHECKING:
    from isp.stage import Stage


def stages(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Show the parameters of this stage.")] = None,
    as_json: options.Json = False,
) -> None:
    """List the stages, or the parameters of one."""
    from isp.errors import ProfileError
    from isp.stages import find_stage, stage_names

    if name is not None:
        _one(find_stage(name), as_json)
        return
    found, failed = [], 0
    for each in stage_names():
        try:
            found.append(find_stage(each))
        except ProfileError as error:
            # one broken plug-in does not hide the others
            complain(error)
            failed = error.exit_code
    if as_json:
        emit_json([_record(stage) for stage in found])
    else:
        table(
            ("stage", "takes", "gives", "kind", "what it does"),
            [(s.name, ", ".join(s.takes), s.gives or "the same", s.kind, _summary(s)) for s in found],
        )
    raise typer.Exit(failed)


def _one(stage: Stage, as_json: bool) -> None:
    if as_json:
        emit_json(_record(stage))
        return
    emit(f"{stage.name}: {_summary(stage)}")
    emit(f"takes {', '.join(stage.takes)}; gives {stage.gives or 'the same'}; CFA {', '.join(stage.cfas)}")
    if stage.needs:
        emit(f"needs {', '.join(stage.needs)}")
    if not stage.parameters:
        emit("no parameters")
        return
    table(
        ("parameter", "unit", "allowed", "default", "tune", "what it does"),
        [(p.name, p.unit, p.bounds, short(p.default), "compiles" if p.structural else p.tune, p.doc)
         for p in stage.parameters],
    )


def _record(stage: Stage) -> dict[str, Any]:
    return {
        "name": stage.name,
        "doc": _summary(stage),
        "kind": stage.kind,
        "takes": stage.takes,
        "gives": stage.gives,
        "cfas": stage.cfas,
        "needs": stage.needs,
        "parameters": [
            {
                "name": p.name,
                "doc": p.doc,
                "unit": p.unit,
                "default": p.default,
                "lower": p.lower,
                "upper": p.upper,
                "shape": p.shape_text,
                "choices": p.choices,
                "sources": p.sources,
                "files": p.files,
                "structural": p.structural,
                "tune": p.tune,
            }
            for p in stage.parameters
        ],
    }


def _summary(stage: Stage) -> str:
    """First line of the class's docstring, or of its module's."""
    text = type(stage).__doc__ or sys.modules[type(stage).__module__].__doc__ or ""
    return text.strip().partition("\n")[0]
