"""`isp info`: what a raw file says about itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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
    from isp.commands.developer import reading
    from isp.io import describe, read_raw

    facts = describe(read_raw(file, **reading(raw, in_process, limit)), file)
    if as_json:
        emit_json(facts)
        return
    for line in lines(plain(facts)):
        emit(line)


def lines(facts: Mapping[str, Any], indent: str = "") -> Iterator[str]:
    """Facts as aligned lines; mappings below them are indented."""
    width = max((len(name) for name in facts), default=0)
    for key, value in facts.items():
        name = f"{indent}{key.replace('_', ' '):<{width}}"
        parts = value if isinstance(value, list) else [value]
        if parts and all(isinstance(part, Mapping) for part in parts):
            for part in parts:
                yield name.rstrip()
                yield from lines(part, indent + "  ")
        else:
            yield one_line(f"{name}  {_text(value)}")


def _text(value: Any) -> str:
    if value is None or value in ([], ""):
        return "-"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        if len(value) > 12:
            return f"{len(value)} values, {_text(value[0])} .. {_text(value[-1])}"
        if all(isinstance(v, str) for v in value):
            return "; ".join(value)
        return "[" + ", ".join(_text(v) for v in value) + "]"
    return str(value)
