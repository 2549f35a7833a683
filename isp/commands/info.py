"""`isp info`: what a raw file says about itself."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from isp.commands import options
from isp.commands.console import emit, emit_json, one_line, plain


def info(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A raw file.")],
    as_json: options.Json = False,
    raw: options.Raw = None,
    in_process: options.InProcess = False,
    limit: options.Limit = None,
) -> None:
    """Print what a raw file says: CFA, levels, matrices, noise profile, opcodes, size."""
    from isp.commands.run import reading
    from isp.io import describe, read_raw

    facts = describe(read_raw(file, **reading(raw, in_process, limit)), file)
    if as_json:
        emit_json(facts)
        return
    width = max((len(name) for name in facts), default=0)
    for name, value in facts.items():
        emit(f"{name.replace('_', ' '):<{width}}  {one_line(_text(plain(value)))}")


def _text(value: Any) -> str:
    if value is None or value in ([], ""):
        return "-"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{k.replace('_', ' ')} {_text(v)}" for k, v in value.items())
    if isinstance(value, list):
        if len(value) > 12:
            return f"{len(value)} values, {_text(value[0])} .. {_text(value[-1])}"
        if all(isinstance(v, str) for v in value):
            return "; ".join(value)
        return "[" + ", ".join(_text(v) for v in value) + "]"
    return str(value)
