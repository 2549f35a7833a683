"""How derivatives are computed inside a tile: the schedule of `isp.engine.adjoint`."""

from __future__ import annotations

import contextlib
from typing import Any

import halide as hl

from isp.engine.build import host_target


def schedule(pipeline: Any, many: tuple[str, ...]) -> None:
    """Everything at root, vectorised along x; sums over the tile into a parameter are taken lane by lane first.

    Channels are unrolled but for the Funcs named in `many` and their derivatives, which may have any number of them.
    Only loops along x are split into a middle and its ends: derivatives read what they need of the values through
    clamped coordinates, which cost a gather where the loop is not split (measured: 2 x), and loops along other axes
    would only add to the time to compile.
    """
    lanes = host_target().natural_vector_size(hl.Float(32))
    funcs: list[Any] = []
    while True:
        try:
            funcs.append(pipeline.get_func(len(funcs)))
        except hl.HalideError:
            break
    for func in funcs:
        if func.name().endswith("_im"):
            continue
        names = [a.name() for a in func.args()]
        few = not func.name().startswith(many)
        func.compute_root()
        if names[:2] == ["x", "y"]:
            if len(names) == 3:
                func.reorder(func.args()[2], func.args()[0], func.args()[1])
                if few:
                    func.unroll(func.args()[2])
            func.vectorize(func.args()[0], lanes)
            func.never_partition(func.args()[1:])
        for number in range(func.num_update_definitions()):
            _schedule_update(func, number, names, lanes, few)


def _schedule_update(func: Any, number: int, names: list[str], lanes: int, few: bool) -> None:
    update = func.update(number)
    places = [str(p) for p in func.update_args(number)]
    loops = func.rvars(number)
    if names[:2] == ["x", "y"] and places[0].endswith(": x>"):
        down = [hl.Var("y")] if places[1].endswith(": y>") else []
        if few and down and len(loops) == 1:
            # a sum over channels, in which most terms are zero for all but one
            update.unroll(loops[0])
        update.vectorize(hl.Var("x"), lanes).never_partition([*down, *loops])
        return
    update.unscheduled()
    across = [r for r in loops if r.name().endswith("$x")]
    if across and all(p.split(": ")[-1].rstrip(">").lstrip("-").isdigit() for p in places):
        outer, inner, lane = hl.RVar("outer"), hl.RVar("inner"), hl.Var("lane")
        update.split(across[0], outer, inner, lanes)
        # it stays serial where Halide cannot show that the order of the sum does not matter
        with contextlib.suppress(hl.HalideError):
            parts = update.rfactor(inner, lane)
            parts.compute_root().reorder_storage(lane, *parts.args()[:-1]).vectorize(lane)
            parts.update().vectorize(lane)
            for loop in (r for r in loops if few and r.name().endswith("$z")):
                parts.update().unroll(loop)
