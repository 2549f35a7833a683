"""One parameter: what it accepts, in which words it refuses, and how its tables interpolate."""

from __future__ import annotations

import math

import numpy as np
import pytest

from isp.parameters import FileRef, Param, Table

NUMBER = Param("x", 1.0, "A number", unit="EV", lower=-2, upper=2)
SITES = Param("level", 0.0, "Level", unit="DN", lower=0, shapes=((), (4,)), sources=("from_file",))
MATRIX = Param("m", 0.0, "Matrix", shapes=((3, 3), (None, 2)))
METHOD = Param("method", "a", "Method", choices=("a", "b"), sources=("auto",), structural=True)
WHOLE = Param("n", 1, "Count", lower=0, upper=9, integer=True, structural=True)
MESH = Param("mesh", "from_file", "Mesh", shapes=((None, None, 4),), files=(".npy",), sources=("from_file",))


@pytest.mark.parametrize(
    ("param", "value", "normal"),
    [
        (NUMBER, 1, 1.0),
        (NUMBER, -2, -2.0),
        (NUMBER, np.float32(0.5), 0.5),
        (SITES, [1, 2, 3, 4], (1.0, 2.0, 3.0, 4.0)),
        (SITES, np.arange(4), (0.0, 1.0, 2.0, 3.0)),
        (SITES, "from_file", "from_file"),
        (MATRIX, [[0, 1], [1, 0], [2, 3]], ((0.0, 1.0), (1.0, 0.0), (2.0, 3.0))),
        (METHOD, "b", "b"),
        (METHOD, "auto", "auto"),
        (WHOLE, 3.0, 3.0),
        (MESH, {"file": "a.NPY"}, FileRef("a.NPY")),
        (MESH, FileRef("a.npy", "ff"), FileRef("a.npy", "ff")),
        (NUMBER, {"iso": {800: 1, 100: 0}}, Table("iso", ((100.0, 0.0), (800.0, 1.0)))),
    ],
)
def test_check_normalises(param: Param, value: object, normal: object) -> None:
    assert param.check(value) == normal
    assert param.check(param.check(value)) == normal


@pytest.mark.parametrize(
    ("param", "value", "words"),
    [
        (NUMBER, 2.5, "2.5 is out of bounds; allowed: -2..2 EV"),
        (NUMBER, math.nan, "nan is not finite"),
        (NUMBER, math.inf, "inf is not finite"),
        (NUMBER, True, "True is not a number; allowed: -2..2 EV"),
        (NUMBER, "auto", "'auto' is not allowed; allowed: -2..2 EV"),
        (NUMBER, None, "None is not a number"),
        (NUMBER, [1], "allowed: a number"),
        (SITES, [1, 2, 3], "has shape 3 numbers; allowed: a number or 4 numbers"),
        (SITES, -1, "allowed: from_file | 0..∞ DN"),
        (MATRIX, [[1, 2], [3]], "a ragged list; allowed: 3 x 3 numbers or any x 2 numbers"),
        (METHOD, "c", "'c' is not allowed; allowed: auto | a | b"),
        (METHOD, 1, "1 is not allowed; allowed: auto | a | b"),
        (METHOD, {"iso": {100: "a"}}, "is not allowed"),
        (WHOLE, 1.5, "1.5 must be a whole number; allowed: 0..9"),
        (WHOLE, {"iso": {100: 1}}, "is not allowed"),
        (MESH, {"file": "a.csv"}, "'a.csv' is not allowed; allowed: from_file"),
        (MESH, {"file": "a.npy", "md5": "x"}, "a file value is {file: NAME, sha256: HEX}"),
        (MESH, {"file": 3}, "a file value is {file: NAME, sha256: HEX}"),
        (NUMBER, {"file": "a.npy"}, "is not allowed; allowed: -2..2 EV"),
        (NUMBER, {"iso": {}}, "a table over iso is {iso: {100: VALUE, 800: VALUE}}"),
        (NUMBER, {"iso": [1, 2]}, "a table over iso is"),
        (NUMBER, {"iso": {-1: 1}}, "-1 is not a positive number on the iso axis"),
        (NUMBER, {"iso": {"a": 1}}, "'a' is not a positive number on the iso axis"),
        (NUMBER, {"iso": {100: 1, 200: 9}}, "9 is out of bounds; allowed: -2..2 EV"),
        (NUMBER, {"iso": {100: 1}, "cct": {100: 1}}, "is not allowed"),
        (NUMBER, {"iso": {100: {"iso": {100: 1}}}}, "holds plain values only"),
        (SITES, {"iso": {100: 1, 200: [1, 2, 3, 4]}}, "must all have the same shape"),
        (SITES, {"iso": {100: "from_file"}}, "holds plain values only"),
    ],
)
def test_check_refuses_in_words(param: Param, value: object, words: str) -> None:
    with pytest.raises(ValueError, match=r"\w") as caught:
        param.check(value)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_table_is_linear_in_log2_of_iso_and_constant_beyond_its_ends() -> None:
    table = NUMBER.check({"iso": {100: 0, 400: 1, 6400: 2}})
    assert [NUMBER.interpolate(table, iso) for iso in (25, 100, 200, 400, 1600, 6400, 99999)] == pytest.approx(
        [0, 0, 0.5, 1, 1.5, 2, 2]
    )


def test_a_table_is_linear_in_mired_and_mixes_lists() -> None:
    table = SITES.check({"cct": {2500: [0, 0, 0, 0], 5000: [4, 8, 12, 16]}})
    assert SITES.interpolate(table, 1e6 / 300) == pytest.approx((2, 4, 6, 8))


def test_a_table_of_one_point_is_that_point() -> None:
    assert NUMBER.interpolate(NUMBER.check({"iso": {100: 1}}), 12345) == 1.0


def test_bounds_in_words() -> None:
    assert MESH.bounds == "from_file | -∞..∞ | {file: NAME.npy}"
    assert METHOD.bounds == "auto | a | b"
