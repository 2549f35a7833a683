"""Definitions read back from Halide: exact constants, several values, running sums, arrays that stand in them."""

from __future__ import annotations

import halide as hl
import numpy as np

from isp.engine.definitions import read_definitions


def numbers(term):
    found = [term.value] if term.what == "number" else []
    for each in term.arguments:
        found += numbers(each)
    return found


def test_constants_are_exact():
    """Halide prints 0.000123f for the first."""
    x = hl.Var("x")
    f = hl.Func("exact")
    f[x] = hl.f32(x) * hl.f32(0.000123456789) + hl.f32(1 / 3)
    found = read_definitions(f).funcs[f.name()]
    assert found.arguments == ("x",)
    assert numbers(found.values[0]) == [float(np.float32(0.000123456789)), float(np.float32(1 / 3))]
    plus, = found.values
    assert (plus.what, plus.arguments[0].what) == ("+", "*")
    assert plus.arguments[0].arguments[0].type == "float32"


def test_funcs_with_several_values_and_what_they_call():
    x, c = hl.Var("x"), hl.Var("c")
    image = hl.ImageParam(hl.UInt(16), 1, "pixels")
    pair, user = hl.Func("pair"), hl.Func("user")
    pair[x] = (hl.i32(image[x]), hl.select(x > 3, hl.f32(1), hl.f32(2)))
    user[x, c] = pair[x + 1][1] * hl.f32(c)
    found = read_definitions(user).funcs
    assert [v.what for v in found[pair.name()].values] == ["cast", "select"]
    call = found[user.name()].values[0].arguments[0]
    assert (call.what, call.name, call.element, call.type) == ("call", pair.name(), 1, "float32")
    assert call.arguments[0].what == "+"


def test_updates_and_arrays():
    x = hl.Var("x")
    table = hl.Buffer(np.arange(6, dtype=np.float32).reshape(2, 3)).copy()
    window = hl.RDom([(0, 3)], "window")
    total = hl.Func("total")
    total[x] = hl.f32(0)
    total[x] += table[window.x, x]
    found = read_definitions(total)
    update, = found.funcs[total.name()].updates
    assert update[0].what == "+"
    assert np.array_equal(found.buffers[table.name()], np.arange(6).reshape(2, 3))
