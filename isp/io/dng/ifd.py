"""The directories (IFDs) of a TIFF container, walked safely, their tags read with tifffile.

tifffile is pure Python but promises nothing about hostile files, so the chain of directories and the sizes of the
tags are checked first, in a few reads, before it sees the file.
"""

from __future__ import annotations

import logging
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from isp.errors import InputError, LimitError
from isp.io.limits import Limits
from isp.io.source import Source

SUB_IFDS, EXIF_IFD, GPS_IFD = 330, 34665, 34853
_POINTERS = (SUB_IFDS, EXIF_IFD, GPS_IFD)
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
"""Bytes of one value of each TIFF field type."""
_NEVER_READ = (50740, 50828, 37500)
"""DNGPrivateData, OriginalRawFileData, MakerNote: may be as large as they like, nobody loads them."""
_RATIONAL = (5, 10)
_OWN = frozenset((254, 256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 284, 317, 322, 323, 324, 325, 339))
"""Tags that describe the stored pixels: never taken from another directory."""
_DNG = range(50706, 52600)
"""Codes of DNG's own tags, known and to come."""
_MOST_TAGS = 4096
"""More tags than this in one IFD is a damaged count (tifffile draws the line at the same place)."""


def check_ifds(source: Source, limits: Limits) -> list[str]:
    """Walk every IFD of a TIFF file and check that the walk ends, and that its tags can be what they say.

    tifffile leaves out a tag it cannot read; a black level left out is a black level of 0. So such tags are refused.

    Returns
    -------
    list of str
        Warnings.

    Raises
    ------
    InputError
        The chain is cyclic, or leads beyond the end of the file, or a tag that matters is damaged.
    LimitError
        More IFDs than `limits.ifds` or a tag above `limits.tag_megabytes`.
    """
    order = "<" if source.read_at(0, 2, "TIFF header") == b"II" else ">"
    version = struct.unpack(order + "H", source.read_at(2, 2, "TIFF header"))[0]
    big = version == 43
    word, pointer, entry = ("Q", 8, 20) if big else ("I", 4, 12)
    count_format = order + ("Q" if big else "H")
    seen: set[int] = set()
    start = struct.unpack(order + word, source.read_at(8 if big else 4, pointer, "TIFF header"))[0]
    from tifffile import TIFF

    known = TIFF.TAGS
    queue = [start]
    warnings = []
    while queue:
        offset = queue.pop()
        if offset == 0:
            continue
        if offset in seen:
            raise InputError(f"{source.name}: damaged: cyclic IFD chain, the IFD at byte {offset} is linked twice")
        seen.add(offset)
        limits.check("ifds", len(seen), f"{source.name}: number of IFDs")
        raw = source.read_at(offset, struct.calcsize(count_format), f"the IFD at byte {offset}")
        tags = struct.unpack(count_format, raw)[0]
        if tags > _MOST_TAGS:
            raise InputError(f"{source.name}: damaged: the IFD at byte {offset} claims {tags} tags")
        table = source.read_at(offset + len(raw), tags * entry + pointer, f"the IFD at byte {offset}")
        queue.append(struct.unpack(order + word, table[-pointer:])[0])
        before = -1
        for i in range(tags):
            code, kind, count = struct.unpack_from(order + "HH" + word, table, i * entry)
            if code <= before:
                # TIFF 6.0 asks for ascending codes; a changed code usually breaks their order
                warnings.append(f"tag {code} stands behind tag {before}: a careless writer or a damaged header")
            if code in _DNG and code not in known:
                warnings.append(f"tag {code} is unknown and not read")
            before = code
            size = count * _SIZES.get(kind, 1)
            if code not in _NEVER_READ:
                limits.check("tag_megabytes", size, f"{source.name}: size of tag {code} [MB]", 1e6)
            value = struct.unpack_from(order + word, table, i * entry + entry - pointer)[0]
            if _matters(code):
                if kind not in _SIZES:
                    raise InputError(f"{source.name}: damaged: tag {code} has the unknown field type {kind}")
                if size > pointer:
                    source.need(value, size, f"tag {code}")
            if code in _POINTERS:
                if size <= pointer:
                    queue.append(value)
                else:
                    limits.check("ifds", len(seen) + count, f"{source.name}: number of IFDs")
                    block = source.read_at(value, size, f"tag {code}")
                    queue.extend(struct.unpack(f"{order}{count}{'Q' if _SIZES.get(kind) == 8 else 'I'}", block))
    return warnings


def _matters(code: int) -> bool:
    # baseline TIFF, the CFA, EXIF, and all of DNG
    return (code < 400 or code in (33421, 33422, EXIF_IFD) or code in _DNG) and code not in _NEVER_READ


class Ifd:
    """One directory: typed access to its tags, with the directory it falls back to."""

    def __init__(self, page: Any, name: str, parent: Ifd | None = None, warnings: tuple[str, ...] = ()) -> None:
        self.page = page
        self.name = name
        self.parent = parent
        self.warnings = warnings

    def tag(self, code: int) -> Any:
        """The tifffile tag, from here or the first directory; None if there is none."""
        tag = self.page.tags.get(code)
        if tag is None and self.parent is not None and code not in _OWN:
            return self.parent.tag(code)
        return tag

    def _value(self, code: int) -> Any:
        """What tifffile read for a tag; None without the tag, InputError where its values are cut off."""
        tag = self.tag(code)
        if tag is not None and tag.value is None:
            raise InputError(f"{self.name}: truncated: the values of tag {code} lie beyond the end of the file")
        return None if tag is None else tag.value

    def numbers(self, code: int) -> list[float] | None:
        """The values of a numeric tag, rationals divided (x/0 is inf or NaN); None without the tag."""
        value = self._value(code)
        if value is None:
            return None
        if isinstance(value, bytes):
            value = tuple(value)
        flat = np.atleast_1d(np.asarray(value, np.float64)).ravel()
        if self.tag(code).dtype in _RATIONAL:
            with np.errstate(divide="ignore", invalid="ignore"):
                flat = flat[0::2] / flat[1::2]
        return [float(v) for v in flat]

    def integers(self, code: int, default: list[int] | None = None) -> list[int]:
        """The values of a tag as integers (rationals rounded); `default` without the tag.

        Raises
        ------
        InputError
            The tag is missing and there is no default, or holds something that is not a number.
        """
        values = self.numbers(code)
        if values is None:
            if default is None:
                raise InputError(f"{self.name}: damaged: the raw image has no tag {code}")
            return default
        if not np.isfinite(values).all():
            raise InputError(f"{self.name}: tag {code} holds {values}, which are not all finite")
        return [round(v) for v in values]

    def integer(self, code: int, default: int | None = None) -> int:
        """The first value of a tag as an integer."""
        values = self.integers(code, None if default is None else [default])
        if not values:
            raise InputError(f"{self.name}: damaged: tag {code} is empty")
        return values[0]

    def bytes(self, code: int) -> bytes | None:
        """The bytes of a tag; None without it."""
        value = self._value(code)
        if value is None:
            return None
        if isinstance(value, str):
            return value.encode("latin-1", "replace")
        return value if isinstance(value, bytes) else bytes(v & 0xFF for v in np.atleast_1d(value).astype(int).tolist())

    def text(self, code: int) -> str:
        """A text tag, printable and on one line; empty without it."""
        tag = self.tag(code)
        value = tag.value if tag is not None else ""
        if isinstance(value, bytes):
            value = value.split(b"\0")[0].decode("utf-8", "replace")
        return "".join(c if c.isprintable() else " " for c in str(value or "")).strip()[:200]

    def exif(self) -> dict[str, Any]:
        """The EXIF directory by tag name (empty without one)."""
        tag = self.tag(EXIF_IFD)
        return dict(tag.value) if tag is not None and isinstance(tag.value, dict) else {}


@contextmanager
def open_ifds(source: Source, limits: Limits) -> Iterator[list[Ifd]]:
    """The image directories of a TIFF file: the main chain and their SubIFDs, main first."""
    import tifffile

    # its complaints about what it skips become our own errors where they matter
    logging.getLogger("tifffile").addHandler(logging.NullHandler())
    warnings = tuple(check_ifds(source, limits))
    # the very file that was checked and is being hashed, whatever its name points to by now
    with open(os.dup(source.file.fileno()), "rb") as file:
        try:
            with tifffile.TiffFile(
                file, name="frame.dng", is_lsm=False, is_scanimage=False, is_ndpi=False, _useframes=False
            ) as tiff:
                first: Ifd | None = None
                found: list[Ifd] = []
                for page in tiff.pages:
                    main = Ifd(page, source.name, first, warnings)
                    first = first or main
                    found.append(main)
                    found.extend(Ifd(sub, source.name, first) for sub in (page.pages or ()))
                yield found
        except (InputError, LimitError):
            raise
        except (OSError, ArithmeticError, LookupError, TypeError, ValueError, struct.error, RuntimeError) as error:
            # a parser that meets a hostile file may raise nearly anything; all of it means one thing
            raise InputError(f"{source.name}: damaged TIFF structure: {type(error).__name__}: {error}") from error
