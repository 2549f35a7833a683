"""Compiled profiles in tests: linked with the C compilers that are here, called through ctypes or run under qemu."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from isp import RawFrame
from isp.native.library import Library, compile_profile

QEMU = next((p for p in map(shutil.which, ("qemu-aarch64-static", "qemu-aarch64")) if p), None)
CROSS = shutil.which("aarch64-linux-gnu-gcc")
QEMU_32 = next((p for p in map(shutil.which, ("qemu-arm-static", "qemu-arm")) if p), None)
CROSS_32 = shutil.which("arm-linux-gnueabi-gcc")
WITHOUT_FLOATS = [str(QEMU_32), "-cpu", "cortex-a15,vfp=off,neon=off", "-L", "/usr/arm-linux-gnueabi"]
"""Runs a program on a processor on which every floating-point instruction is illegal."""
ROOT_OF_CROSS = "/usr/aarch64-linux-gnu"

needs_cc = pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler here")
needs_arm = pytest.mark.skipif(
    not (CROSS and QEMU), reason="aarch64-linux-gnu-gcc and qemu-user are not both here"
)
needs_arm_32 = pytest.mark.skipif(
    not (CROSS_32 and QEMU_32), reason="arm-linux-gnueabi-gcc and qemu-user are not both here"
)

HOST_STAGE = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.POINTER(ctypes.c_float), ctypes.c_int,
    ctypes.POINTER(ctypes.c_float), ctypes.c_int, ctypes.c_int, ctypes.c_int,
)
READER = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t
)
ERRORS = ("ok", "argument", "name", "count", "range", "fixed", "size", "memory", "order", "read", "host", "program")


class Refused(Exception):
    """A code that is not 0, as its word, and the message."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{ERRORS[code]}: {message}")
        self.word = ERRORS[code]


class Shared:
    """A compiled profile as a shared library."""

    def __init__(self, library: Library) -> None:
        folder = library.folder
        path = folder / "shared.so"
        objects = sorted(map(str, (folder / "objects").glob("*.o")))
        sources = [str(folder / "isp.c"), str(folder / f"{library.name}.c")]
        options = ["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-O1", "-fPIC", "-shared"]
        subprocess.run(["cc", *options, *sources, *objects, "-lpthread", "-ldl", "-lm", "-o", str(path)], check=True)
        self.code = ctypes.CDLL(str(path))
        self.code.isp_message.restype = ctypes.c_char_p
        self.code.isp_error.restype = ctypes.c_char_p
        self.profile = ctypes.c_char.in_dll(self.code, f"isp_{library.name}")
        self.depth = self.code.isp_rgb_bytes(ctypes.byref(self.profile))

    def open(self, width: int, height: int) -> Handle:
        return Handle(self, width, height)


class Handle:
    """An open profile."""

    def __init__(self, shared: Shared, width: int, height: int) -> None:
        self.shared, self.code = shared, shared.code
        self.at = ctypes.c_void_p()
        self._kept: list[object] = []
        self.check(self.code.isp_open(ctypes.byref(shared.profile), width, height, ctypes.byref(self.at)))

    def check(self, code: int) -> None:
        if code:
            raise Refused(code, (self.code.isp_message(self.at) or b"").decode())

    def set(self, name: str, *values: float) -> None:
        array = (ctypes.c_double * len(values))(*values)
        self.check(self.code.isp_set(self.at, name.encode(), array, len(values)))

    def get(self, name: str, count: int = 1) -> list[float]:
        array = (ctypes.c_double * count)()
        self.check(self.code.isp_get(self.at, name.encode(), array, count))
        return list(array)

    def set_array(self, name: str, array: np.ndarray) -> None:
        array = np.ascontiguousarray(array, np.float32)
        extents = (ctypes.c_int * array.ndim)(*array.shape)
        pointer = array.ctypes.data_as(ctypes.c_void_p)
        self.check(self.code.isp_set_array(self.at, name.encode(), pointer, extents, array.ndim))

    def set_host(self, stage: str, function) -> None:
        """`function` maps (planes, H, W) float32 to the planes it gives."""

        def call(_user, _name, given, given_planes, out, out_planes, width, height):
            planes = np.ctypeslib.as_array(given, (given_planes, height, width))
            np.ctypeslib.as_array(out, (out_planes, height, width))[...] = function(planes)
            return 0

        kept = HOST_STAGE(call)
        self._kept.append(kept)
        self.check(self.code.isp_set_host(self.at, stage.encode(), kept, None))

    def size(self) -> tuple[int, int]:
        width, height = ctypes.c_int(), ctypes.c_int()
        self.check(self.code.isp_size(self.at, ctypes.byref(width), ctypes.byref(height)))
        return width.value, height.value

    def empty(self) -> np.ndarray:
        width, height = self.size()
        return np.empty((height, width, 3), f"u{self.shared.depth}")

    def process(self, raw: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        out = self.empty() if out is None else out
        self.check(
            self.code.isp_process(
                self.at, ctypes.c_void_p(raw.ctypes.data), ctypes.c_size_t(raw.strides[0]),
                ctypes.c_void_p(out.ctypes.data), ctypes.c_size_t(out.strides[0]),
            )
        )
        return out

    def begin(self, raw: np.ndarray, asked: list[tuple[int, int]] | None = None, fail_at: int = -1) -> None:
        def read(_user, first, count, target, stride):
            if asked is not None:
                asked.append((first, count))
            if first <= fail_at < first + count:
                return 1
            for i in range(count):
                ctypes.memmove(target + i * stride, raw[first + i].ctypes.data, raw[first + i].nbytes)
            return 0

        kept = READER(read)
        self._kept.append(kept)
        self.check(self.code.isp_begin(self.at, kept, None))

    def rows(self, first: int, last: int, out: np.ndarray) -> None:
        self.check(
            self.code.isp_rows(
                self.at, first, last, ctypes.c_void_p(out.ctypes.data), ctypes.c_size_t(out.strides[0])
            )
        )

    def close(self) -> None:
        self.code.isp_close(self.at)


def shared_library(profile, folder: Path, frame: RawFrame, **options) -> Shared:
    """A profile compiled for this machine and loaded."""
    return Shared(compile_profile(profile, "host", folder, frame=frame, **options))


def picture_raw(height: int, width: int, cfa: str = "RGGB", seed: int = 5, top: int = 1023, **info) -> RawFrame:
    """A frame of smooth tones, edges, noise and some saturated sites."""
    rng = np.random.Generator(np.random.Philox(seed))
    y, x = np.mgrid[:height, :width]
    light = 0.35 + 0.3 * np.sin(x / 19.0) * np.cos(y / 13.0) + 0.3 * ((x // 40 + y // 30) % 2)
    codes = 64 + (top - 64) * (light * rng.uniform(0.6, 1.2, (2, 2))[y % 2, x % 2]) + rng.normal(0, 9, (height, width))
    return RawFrame.from_array(codes.clip(0, top).astype(np.uint16), cfa, 64, top, **info)


def develop(
    program: Path, raw: np.ndarray, folder: Path, *settings: str, arm: bool = False, emulator: Sequence[str] = ()
) -> np.ndarray:
    """The picture of the example program, read from the PPM it writes."""
    source, target = folder / "in.raw", folder / "out.ppm"
    raw.tofile(source)
    emulated = [QEMU, "-L", ROOT_OF_CROSS] if arm else emulator
    size = f"{raw.shape[1]}x{raw.shape[0]}"
    command = [*emulated, str(program), size, str(source), str(target), *settings]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    blob = target.read_bytes()
    magic, shape, top, _ = blob.split(b"\n", 3)
    width, height = map(int, shape.split())
    depth = 2 if int(top) > 255 else 1
    pixels = np.frombuffer(blob, f">u{depth}", offset=len(blob) - 3 * depth * width * height)
    if magic != b"P6":
        raise RuntimeError(f"not a PPM: {magic!r}")
    return pixels.reshape(height, width, 3)
