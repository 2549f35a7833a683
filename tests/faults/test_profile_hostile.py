"""Profiles made to hurt: deep, large, self-referring, and naming files that are not theirs."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from isp.errors import LimitError, ProfileError
from isp.parameters import FileRef
from isp.profile import read_profile
from isp.profile.files import load_file, parse_npy
from isp.profile.loader import MAX_BYTES, MAX_DEPTH, MAX_NODES, parse_document
from tests.profile_fakes import GOOD, fakes  # noqa: F401

pytestmark = pytest.mark.usefixtures("fakes")

MESH = "  - lens_shading: {gains: {file: FILE}}\n"


def with_mesh(name: str, extra: str = "") -> str:
    line = MESH.replace("FILE", f"{name}{extra}")
    return GOOD.replace("  - white_balance", f"{line}  - white_balance")


@pytest.mark.parametrize("count", [20_000, 200_000])
@pytest.mark.parametrize("bracket", ["[", "{", "- ", "? ", "a: [", "{a: "])
def test_deep_nesting_is_refused_without_recursion(bracket: str, count: int) -> None:
    with pytest.raises((LimitError, ProfileError)) as caught:
        parse_document(bracket * count, "deep.yaml")
    assert caught.value.exit_code in (3, 5)
    assert str(caught.value).startswith("deep.yaml")


def test_the_deepest_allowed_nesting_is_allowed() -> None:
    depth = MAX_DEPTH - 1
    document = parse_document(f"a: {'[' * depth}{']' * depth}", "p")
    assert isinstance(document.value["a"], list)
    with pytest.raises(LimitError, match=f"nested deeper than {MAX_DEPTH}"):
        parse_document(f"a: {'[' * MAX_DEPTH}{']' * MAX_DEPTH}", "p")


def test_a_large_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "large.yaml"
    with path.open("wb") as file:
        file.truncate(50_000_000)
    with pytest.raises(LimitError, match=f"large.yaml: profile has 50000000 bytes; at most {MAX_BYTES}"):
        read_profile(path)


def test_too_many_values_are_refused() -> None:
    with pytest.raises(LimitError, match=f"more than {MAX_NODES} values"):
        parse_document("a: [" + "1," * (MAX_NODES + 1) + "]", "p")


def test_what_is_not_a_file_is_refused_without_blocking(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    for path, words in (
        (tmp_path / "pipe.yaml", "it is not a regular file"),
        (Path("/dev/zero"), "it is not a regular file"),
        (tmp_path, "it is a folder"),
        (
            tmp_path / "absent.yaml",
            "neither a file nor a shipped one; shipped profiles: authentic, blue, cinema_classic, cinema_contemporary",
        ),
    ):
        with pytest.raises(ProfileError) as caught:
            read_profile(path)
        assert words in str(caught.value)


def test_odd_file_names_stay_on_one_line(tmp_path: Path) -> None:
    path = tmp_path / "a\nb\x1b[31m.yaml"
    path.write_text("version: 2\n")
    with pytest.raises(ProfileError) as caught:
        read_profile(path)
    assert str(caught.value).isprintable()
    assert r"a\nb" in str(caught.value)


OPENED: list[str] = []
WATCH: list[bool] = []


def _watch(event: str, args: tuple[object, ...]) -> None:
    if WATCH and event == "open":
        OPENED.append(str(args[0]))


@pytest.fixture
def opened() -> object:
    """Paths opened during the test, seen by the interpreter itself."""
    if not getattr(sys, "_profile_watch", False):
        sys.addaudithook(_watch)
        sys._profile_watch = True  # type: ignore[attr-defined]
    OPENED.clear()
    WATCH.append(True)
    yield OPENED
    WATCH.clear()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("SECRET", "is an absolute path"),
        ("../secret.npy", "leads out of the profile's folder"),
        ("sub/../../secret.npy", "leads out of the profile's folder"),
        ("link.npy", "is a link out of the profile's folder"),
        ("away/secret.npy", "is a link out of the profile's folder"),
        ("file:///secret.npy", "is a URL"),
        ("~/secret.npy", "is an absolute path"),
        ("loop.npy", "is not a file in the profile's folder"),
        ('"a\\0.npy"', "is not a plain file name"),
    ],
)
def test_a_file_outside_the_folder_is_refused_and_not_opened(
    tmp_path: Path, opened: list[str], name: str, words: str
) -> None:
    folder = tmp_path / "profiles"
    folder.mkdir()
    np.save(tmp_path / "secret.npy", np.ones((2, 2, 4)))
    (folder / "link.npy").symlink_to(tmp_path / "secret.npy")
    (folder / "away").symlink_to(tmp_path)
    (folder / "loop.npy").symlink_to("loop.npy")
    path = folder / "p.yaml"
    path.write_text(with_mesh(name.replace("SECRET", str(tmp_path / "secret.npy"))))
    opened.clear()
    with pytest.raises(ProfileError) as caught:
        read_profile(path)
    assert words in str(caught.value)
    assert str(caught.value).startswith(f"{path}:7: lens_shading.gains: ")
    assert str(path) in opened
    assert not [p for p in opened if "secret" in p or p.endswith(".npy")]


def test_a_file_inside_the_folder_is_read_and_its_hash_checked(tmp_path: Path) -> None:
    import hashlib

    (tmp_path / "p.data").mkdir()
    np.save(tmp_path / "p.data" / "mesh.npy", np.full((2, 3, 4), 1.5, np.float32))
    good = hashlib.sha256((tmp_path / "p.data" / "mesh.npy").read_bytes()).hexdigest()
    ref = FileRef("p.data/mesh.npy", good)
    assert load_file(ref, tmp_path).shape == (2, 3, 4)
    with pytest.raises(ProfileError, match=f"has SHA-256 {good}, but the profile says '000"):
        load_file(FileRef("p.data/mesh.npy", "0" * 64), tmp_path)


def _npy(array: np.ndarray) -> bytes:
    import io

    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=array.dtype == object)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is not a .npy array"),
        (b"PK\x03\x04 zip", "is not a .npy array"),
        (_npy(np.ones(4))[:40], "is not a .npy array"),
        (_npy(np.ones(4))[:-1], "its header asks for 32 bytes, 31 are there"),
        (_npy(np.ones(4)) + b"x", "bytes left over"),
        (_npy(np.array([{}], object)), "holds object"),
        (_npy(np.ones(4, np.float16)), "holds float16; allowed: 8 to 64-bit integers, float32 and float64"),
        (_npy(np.ones(4, np.complex64)), "holds complex64"),
        (_npy(np.ones(4, bool)), "holds bool"),
        (_npy(np.array([1, np.nan])), "holds values that are not finite"),
        (_npy(np.ones((0, 4))), "none of them empty"),
        (_npy(np.ones((1, 1, 1, 1, 1))), "up to 4 axes"),
        (_npy(np.ones(4)).replace(b"(4,)", b"-4, "), "is not a .npy array"),
        (_npy(np.ones(4)).replace(b"NUMPY\x01", b"NUMPY\x03"), "format 3.0; allowed: 1.0 and 2.0"),
    ],
)
def test_a_damaged_array_is_refused_in_one_line(data: bytes, words: str) -> None:
    with pytest.raises(ProfileError) as caught:
        parse_npy(data, "m.npy")
    assert words in str(caught.value)
    assert str(caught.value).isprintable()


def test_an_array_that_claims_terabytes_is_refused_before_it_is_made() -> None:
    data = _npy(np.ones(4)).replace(b"(4,), }        ", b"(999999999999,)")
    assert b"999999999999" in data
    with pytest.raises(LimitError, match="declares 999999999999 numbers"):
        parse_npy(data.replace(b"(999999999999,)", b"(999999999999,)}")[: len(data)], "m.npy")


def test_fortran_order_is_read_as_the_same_array() -> None:
    array = np.arange(12.0).reshape(3, 4)
    np.testing.assert_array_equal(parse_npy(_npy(np.asfortranarray(array)), "m.npy"), array)
