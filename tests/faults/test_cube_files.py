"""Wrong .cube files are refused in one line with file and line number, without asking for memory they do not have."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest

from isp.errors import LimitError, ProfileError
from isp.io import cube as module
from isp.io.cube import parse_cube, read_cube

ROWS = "\n".join(f"{r} {g} {b}" for b in (0, 1) for g in (0, 1) for r in (0, 1))

WRONG = {
    "too few rows": ("LUT_3D_SIZE 2\n" + ROWS[:-6], 8, "8 rows of numbers are needed, 7 are there"),
    "no rows": ("LUT_3D_SIZE 2\n", 1, "8 rows of numbers are needed, 0 are there"),
    "one row too many": ("LUT_3D_SIZE 2\n" + ROWS + "\n0 0 0\n", 10, "here is one more"),
    "text in a row": ("LUT_3D_SIZE 2\n" + ROWS.replace("1 0 1", "1 zero 1"), 7, "'zero' is not a number"),
    "not a number": ("LUT_3D_SIZE 2\n" + ROWS.replace("1 0 1", "1 nan 1"), 7, "'nan' is not a finite number"),
    "a row begins with nan": ("LUT_1D_SIZE 2\nnan 0 0\n1 1 1\n", 2, "'nan' is not a finite number"),
    "infinite": ("LUT_3D_SIZE 2\n" + ROWS.replace("1 0 1", "1 -inf 1"), 7, "'-inf' is not a finite number"),
    "overflow": ("LUT_3D_SIZE 2\n" + ROWS.replace("1 0 1", "1 1e999 1"), 7, "1e999 is out of bounds"),
    "hexadecimal": ("LUT_1D_SIZE 2\n0x1 0 0\n1 1 1\n", 2, "'0x1' is not a number"),
    "four values": ("LUT_1D_SIZE 2\n0 0 0 0\n1 1 1\n", 2, "the row has 4 values; 3 numbers are needed"),
    "two values": ("LUT_1D_SIZE 2\n0 0\n1 1 1\n", 2, "the row has 2 values; 3 numbers are needed"),
    "decimal comma": ("LUT_1D_SIZE 2\n0,5 0 0\n1 1 1\n", 2, "'0,5' is not a number"),
    "size negative": ("LUT_3D_SIZE -2\n" + ROWS, 1, "'-2' is not allowed; allowed: one whole number 2..129"),
    "size 0": ("LUT_3D_SIZE 0\n" + ROWS, 1, "LUT_3D_SIZE '0' is not allowed"),
    "size 1": ("LUT_3D_SIZE 1\n0 0 0\n", 1, "LUT_3D_SIZE '1' is not allowed"),
    "size 2.7": ("LUT_3D_SIZE 2.7\n" + ROWS, 1, "LUT_3D_SIZE '2.7' is not allowed"),
    "size 100000": ("LUT_3D_SIZE 100000\n" + ROWS, 1, "allowed: one whole number 2..129"),
    "1D size 100000": ("LUT_1D_SIZE 100000\n" + ROWS, 1, "allowed: one whole number 2..65536"),
    "size of many digits": ("LUT_1D_SIZE " + "9" * 400 + "\n" + ROWS, 1, "is not allowed"),
    "size missing": ("TITLE \"x\"\n" + ROWS, 2, "neither LUT_1D_SIZE nor LUT_3D_SIZE is given"),
    "size without a number": ("LUT_3D_SIZE\n" + ROWS, 1, "LUT_3D_SIZE '' is not allowed"),
    "wrong 1D count": ("LUT_1D_SIZE 5\n" + ROWS, 7, "5 rows of numbers are needed, here is one more"),
    "size twice": ("LUT_1D_SIZE 2\nLUT_1D_SIZE 3\n" + ROWS, 2, "LUT_1D_SIZE is already given at line 1"),
    "both tables and one domain": (
        "LUT_1D_SIZE 2\nLUT_3D_SIZE 2\nDOMAIN_MIN 0 0 0\n0 0 0\n1 1 1\n" + ROWS, 3, "DOMAIN_MIN beside two tables"),
    "domain inverted": ("LUT_3D_SIZE 2\nDOMAIN_MIN 1 1 1\nDOMAIN_MAX 0 0 0\n" + ROWS, 3, "empty or inverted"),
    "domain empty": ("LUT_3D_SIZE 2\nDOMAIN_MIN 0 1 0\n" + ROWS, 2, "empty or inverted"),
    "range inverted": ("LUT_3D_SIZE 2\nLUT_3D_INPUT_RANGE 3 -1\n" + ROWS, 2, "empty or inverted"),
    "range of nothing": ("LUT_3D_SIZE 2\nLUT_1D_INPUT_RANGE 0 1\n" + ROWS, 2, "LUT_1D_INPUT_RANGE without LUT_1D_SIZE"),
    "domain of two": ("LUT_3D_SIZE 2\nDOMAIN_MAX 1 1\n" + ROWS, 2, "DOMAIN_MAX has 2 values; 3 numbers are needed"),
    "domain nan": ("LUT_3D_SIZE 2\nDOMAIN_MAX 1 nan 1\n" + ROWS, 2, "'nan' is not a finite number"),
    "unknown keyword": ("LUT_3D_SIZE 2\nLUT_IN_VIDEO_RANGE\n" + ROWS, 2, "'LUT_IN_VIDEO_RANGE'; keywords: TITLE"),
    "keyword after rows": ("LUT_1D_SIZE 2\n0 0 0\nDOMAIN_MAX 1 1 1\n1 1 1\n", 3, "keywords come first"),
    "title without quotes": ("TITLE look\nLUT_3D_SIZE 2\n" + ROWS, 1, 'TITLE is written TITLE "text"'),
    "zero bytes": ("LUT_3D_SIZE 2\n\0\0\0", 2, "not text: a zero byte"),
    "a long line": ("LUT_3D_SIZE 2\n" + "0 " * 1000, 2, "line of more than 1000 bytes"),
    "one endless line": ("0 " * 10_000_000, 1, "line of more than 1000 bytes"),
}


@pytest.mark.parametrize("fault", WRONG)
def test_it_is_refused_with_file_and_line(fault, tmp_path):
    text, line, words = WRONG[fault]
    path = tmp_path / "look.cube"
    path.write_text(text)
    with pytest.raises(ProfileError) as caught:
        read_cube(path)
    message = str(caught.value)
    assert message.startswith(f"{path}:{line}: "), message
    assert words in message
    assert message.isprintable()
    assert caught.value.exit_code == 3


def test_binary_is_refused(tmp_path):
    path = tmp_path / "look.cube"
    path.write_bytes(bytes(range(1, 256)) * 3)
    with pytest.raises(ProfileError, match=r"look\.cube:\d+: "):
        read_cube(path)
    path.write_bytes(b"LUT_3D_SIZE 2\n\xff\xfe 0 0\n" + ROWS.encode())
    with pytest.raises(ProfileError, match=r"look\.cube:2: "):
        read_cube(path)


@pytest.mark.parametrize("kind", ["missing", "folder", "pipe", "empty"])
def test_what_is_no_file_is_refused_and_never_blocks(tmp_path, kind):
    path = tmp_path / "look.cube"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "empty":
        path.touch()
    with pytest.raises(ProfileError, match=str(path)):
        read_cube(path)


def test_a_header_gets_no_memory_that_its_file_does_not_hold():
    text = b"LUT_3D_SIZE 129\n0 0 0\n"
    tracemalloc.start()
    with pytest.raises(ProfileError, match="2146689 rows of numbers are needed"):
        parse_cube(text, "x.cube")
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()


def test_a_file_of_a_gigabyte_in_one_line_is_refused_without_reading_it(tmp_path):
    path = tmp_path / "look.cube"
    with open(path, "wb") as file:
        file.write(b"0 " * 5000)
        file.truncate(1 << 30)
    code = f"from isp.io.cube import *\ntry:\n    read_cube({str(path)!r})\nexcept Exception as e:\n    print(e)"
    limit = 700 << 20
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
    )
    assert done.stdout == f"{path}:1: line of more than 1000 bytes\n"


def test_a_file_of_too_many_lines_is_a_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MAX_BYTES", 1000)
    path = tmp_path / "look.cube"
    path.write_text("LUT_1D_SIZE 500\n" + "0 0 0\n" * 500)
    with pytest.raises(LimitError, match="at most 1000 are allowed"):
        read_cube(path)


def test_what_files_in_use_contain_is_read():
    text = f'# made by hand\nTITLE "Ein Blick, warm"\n\nLUT_3D_SIZE 2\n# here it begins\n{ROWS}\n\n# end\n'
    cube = parse_cube(text.replace("\n", "\r\n").encode(), "x.cube")
    assert cube.title == "Ein Blick, warm"
    assert cube.table is not None
    np.testing.assert_array_equal(cube.table[0, 0, 1], [1, 0, 0])
    np.testing.assert_array_equal(cube.table[1, 0, 0], [0, 0, 1])
    assert cube.table_domain is not None
    np.testing.assert_array_equal(cube.table_domain, [[0, 0, 0], [1, 1, 1]])
    spaced = parse_cube(b"LUT_1D_SIZE 2\n  .5\t+1.  -1e-3 \n1 1 1", "x.cube")
    assert spaced.curves is not None
    np.testing.assert_allclose(spaced.curves[0], [0.5, 1, -0.001])


def test_the_real_file_with_a_range_of_nothing_is_refused(shared_data):
    with pytest.raises(ProfileError, match="LUT_1D_INPUT_RANGE without LUT_1D_SIZE"):
        read_cube(shared_data / "looks" / "colour_eotf_sRGB_3D.cube")


def test_random_damage_is_an_error_or_a_table():
    """Seeded mutations of a good file: refused in one line, or read as something valid."""
    good = f'TITLE "x"\nLUT_3D_SIZE 2\nDOMAIN_MIN 0 0 0\nDOMAIN_MAX 1 1 1\n{ROWS}\n'.encode()
    rng = np.random.Generator(np.random.Philox(9))
    for _ in range(300):
        data = bytearray(good)
        for _ in range(int(rng.integers(1, 4))):
            at = int(rng.integers(len(data)))
            kind = int(rng.integers(3))
            if kind == 0:
                data[at] = int(rng.integers(256))
            elif kind == 1:
                del data[at : at + int(rng.integers(1, 6))]
            else:
                data[at:at] = bytes(rng.integers(32, 127, int(rng.integers(1, 6)), dtype=np.uint8))
        cube, message = _outcome(bytes(data))
        if cube is None:
            assert message.startswith("x.cube:")
            assert message.isprintable()
        else:
            assert all(values is None or np.isfinite(values).all() for values in (cube.curves, cube.table))


def _outcome(data):
    try:
        return parse_cube(data, "x.cube"), ""
    except ProfileError as error:
        return None, str(error)
