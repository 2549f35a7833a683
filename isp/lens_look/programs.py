"""The compiled loops of the lens look, by name."""

from __future__ import annotations

import hashlib
from functools import cache, partial
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from isp.engine.programs import obtain
from isp.engine.runtime import Program, buffer_of
from isp.lens_look import layer_loops, ray_loops, table_loops

Array = NDArray[Any]


def run(name: str, *arrays: Array) -> None:
    """Run one of `_BUILDERS` on its arrays, the output last."""
    _program(name)(*(buffer_of(a) for a in arrays))


@cache
def _program(name: str) -> Program:
    digest = hashlib.sha256()
    for file in ("layer_loops.py", "ray_loops.py", "table_loops.py"):
        digest.update(Path(__file__).with_name(file).read_bytes())
    source = digest.hexdigest()
    build, arguments = _BUILDERS[name]
    return obtain(f"lens look {name} {source}", arguments, f"lens look {name}", build)


_BUILDERS: dict[str, tuple[Any, int]] = {
    "cells": (table_loops.cells, 4),
    "presence": (table_loops.presence, 5),
    "hidden at": (table_loops.hidden_at, 10),
    "behind at": (table_loops.behind_at, 6),
    "cell colour": (table_loops.cell_colour, 6),
    "come out": (ray_loops.come_out, 6),
    "soften": (table_loops.soften, 5),
    "splat": (table_loops.splat, 6),
    "split": (lambda: layer_loops.split_layer(False), 8),
    "split sheets": (lambda: layer_loops.split_layer(True), 11),
    "kernels": (lambda: layer_loops.make_kernels(False), 4),
    "kernels turning": (lambda: layer_loops.make_kernels(True), 4),
    "compose": (lambda: layer_loops.compose(False), 7),
    "compose parts": (lambda: layer_loops.compose(True), 7),
    "lay": (layer_loops.lay, 4),
    "close": (layer_loops.close, 4),
    "bend": (layer_loops.bend, 4),
    "show": (lambda: layer_loops.show(False), 3),
    "show coarse": (lambda: layer_loops.show(True), 3),
    **{
        f"gather {lanes}{' alone' * alone}": (partial(layer_loops.gather, lanes, alone), 5)
        for lanes in (8, 16) for alone in (False, True)
    },
}
