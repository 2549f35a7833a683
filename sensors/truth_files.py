"""The folder of a truth: one file for each part, whole or absent, and `truth.json` last."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from isp.io import atomic_write, check_writable
from sensors.spectrum import WAVELENGTHS

if TYPE_CHECKING:
    from sensors.truth import Truth

ARRAYS = ("electrons", "ideal", "defects", "depth", "depth_seen")
FILES = (*(f"{name}.npy" for name in ARRAYS), "ideal.png", "truth.json")
"""What the folder may hold; depths only where the scene has one."""


class TruthFiles:
    """A truth on its way into a folder; made by `truth_files`."""

    def __init__(self, folder: Path, overwrite: bool, stack: ExitStack) -> None:
        self.folder, self.overwrite = folder, overwrite
        self.written = False
        self._stack = stack
        self._arrays: dict[str, Any] = {}
        self._made: list[tuple[Path, os.stat_result]] = []
        # entered first, left last: the other files are in place when this one appears
        self._summary = self._part("truth.json")

    def allocate(self, name: str, shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
        """An array to fill: on disk for a part of the truth (`electrons` under the name `signal` too), else in memory.

        Raises
        ------
        OutputError
            The disk is too full for it.
        """
        name = "electrons" if name == "signal" else name
        if name not in ARRAYS:
            return np.empty(shape, dtype)
        file = self._part(f"{name}.npy")
        header = {"descr": np.lib.format.dtype_to_descr(np.dtype(dtype)), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        file.flush()
        start = file.tell()
        _reserve(file, start + int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize)
        self._arrays[name] = np.memmap(file, dtype, "r+", start, shape)
        return self._arrays[name]  # type: ignore[no-any-return]

    def write(self, truth: Truth) -> None:
        """Write everything but the arrays that `allocate` gave, which are complete already."""
        given = {"electrons": truth.electrons, "ideal": truth.ideal.pixels, "defects": truth.defects}
        if truth.depth is not None and truth.depth_seen is not None:
            given |= {"depth": truth.depth, "depth_seen": truth.depth_seen}
        for name, array in given.items():
            if name not in self._arrays:
                self.allocate(name, array.shape, array.dtype)[...] = array
            self._arrays[name].flush()
        if self.overwrite:
            # from here on what is left of an older truth is no longer complete
            for name in ("truth.json", *(f"{name}.npy" for name in ARRAYS if name not in given)):
                with suppress(FileNotFoundError):
                    (self.folder / name).unlink()
        picture = self.folder / "ideal.png"
        truth.srgb.save(picture, overwrite=self.overwrite)
        self._made.append((picture, picture.stat()))
        self._summary.write(json.dumps(_summary(truth), indent=2, allow_nan=False).encode() + b"\n")
        self.written = True

    def remove(self) -> None:
        """Take away what is in place already of a truth that cannot be completed."""
        for path, made in self._made:
            with suppress(OSError):
                if os.path.samestat(path.stat(), made):
                    path.unlink()

    def _part(self, name: str) -> BinaryIO:
        path = self.folder / name
        file = self._stack.enter_context(atomic_write(path, self.overwrite))
        self._made.append((path, os.fstat(file.fileno())))
        return file


@contextmanager
def truth_files(folder: Path, overwrite: bool = False) -> Iterator[TruthFiles]:
    """Write a truth whose arrays are files from the start, so that memory need not hold them.

    Use as ``with truth_files(folder) as files:``, compute with `files.allocate` and call `files.write`. The files
    appear when the block ends, `truth.json` last. If it ends with an exception, none does; with `overwrite` a folder
    that held an older truth may then lack its `truth.json`, which marks it as incomplete.

    Raises
    ------
    OutputError
        A file exists and `overwrite` is False, or cannot be written.
    """
    for name in FILES:
        check_writable(folder / name, overwrite)
    files: TruthFiles | None = None
    done = False
    try:
        with ExitStack() as stack:
            files = TruthFiles(folder, overwrite, stack)
            yield files
            if not files.written:
                raise RuntimeError("truth_files: the block ended without a write")
        done = True
    finally:
        if files is not None and not done:
            files.remove()


def save_truth(truth: Truth, folder: Path, overwrite: bool = False) -> list[Path]:
    """Write a truth into `folder`, one file for each part, `truth.json` last.

    `electrons.npy`, `ideal.npy` (linear sRGB), `defects.npy`, `depth.npy` and `depth_seen.npy` where there is one,
    `ideal.png` (sRGB, 8 bit) and `truth.json`: settings, seed, light, neutral and regions.

    Raises
    ------
    OutputError
        A file exists and `overwrite` is False, or cannot be written.
    """
    with truth_files(folder, overwrite) as files:
        files.write(truth)
    return [folder / name for name in FILES if truth.depth is not None or not name.startswith("depth")]


def _reserve(file: BinaryIO, size: int) -> None:
    """Give the file its full size now: a disk that fills up under a mapped file ends the process without a word."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, size)
    else:
        os.ftruncate(file.fileno(), size)


def _summary(truth: Truth) -> dict[str, Any]:
    return {
        "settings": truth.settings,
        "neutral": truth.neutral.tolist(),
        "light": {"wavelength_nm": WAVELENGTHS.tolist(), "irradiance_w_m2_nm": truth.spectrum.tolist()},
        "regions": truth.regions,
    }
