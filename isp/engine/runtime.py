"""Compiled programs in memory: loaded without a linker, called through their C signature.

There is one Halide runtime, and so one thread pool, in the process. Programs are re-entrant: everything they read
or write is an argument, so one program serves several Python threads.
"""

from __future__ import annotations

import ctypes
import os
import tempfile
import threading
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isp.engine import cache
from isp.processors import cores


class _Dimension(ctypes.Structure):
    _fields_ = (
        ("min", ctypes.c_int32),
        ("extent", ctypes.c_int32),
        ("stride", ctypes.c_int32),
        ("flags", ctypes.c_uint32),
    )


class Buffer(ctypes.Structure):
    """`halide_buffer_t` of Halide 21."""

    _fields_ = (
        ("device", ctypes.c_uint64),
        ("device_interface", ctypes.c_void_p),
        ("host", ctypes.c_void_p),
        ("flags", ctypes.c_uint64),
        ("type_code", ctypes.c_uint8),
        ("type_bits", ctypes.c_uint8),
        ("type_lanes", ctypes.c_uint16),
        ("dimensions", ctypes.c_int32),
        ("dim", ctypes.POINTER(_Dimension)),
        ("padding", ctypes.c_void_p),
    )

    @property
    def region(self) -> list[tuple[int, int]]:
        """(min, extent) of each dimension."""
        return [(self.dim[i].min, self.dim[i].extent) for i in range(self.dimensions)]


_TYPE_CODES = {"i": 0, "u": 1, "f": 2}


def buffer_of(array: NDArray[Any], mins: Sequence[int] = ()) -> Buffer:
    """A Halide buffer over `array` (which must outlive it), its last axis first; `mins` in Halide's order."""
    axes = range(array.ndim - 1, -1, -1)
    mins = mins or (0,) * array.ndim
    size = array.itemsize
    dims = (_Dimension * array.ndim)(
        *(_Dimension(m, array.shape[a], array.strides[a] // size, 0) for m, a in zip(mins, axes, strict=True))
    )
    code = _TYPE_CODES[array.dtype.kind]
    return Buffer(0, None, array.ctypes.data, 0, code, size * 8, 1, array.ndim, dims, None)


def query_buffer(dtype: Any, region: Sequence[tuple[int, int]]) -> Buffer:
    """A buffer without memory: a program called with one writes the region it needs into it."""
    kind = np.dtype(dtype)
    dims = (_Dimension * len(region))(*(_Dimension(m, e, 0, 0) for m, e in region))
    return Buffer(0, None, None, 0, _TYPE_CODES[kind.kind], kind.itemsize * 8, 1, len(region), dims, None)


class Program:
    """One compiled segment."""

    def __init__(self, address: int, arguments: int, name: str) -> None:
        self._function = ctypes.CFUNCTYPE(ctypes.c_int, *[ctypes.POINTER(Buffer)] * arguments)(address)
        self.name = name

    def __call__(self, *buffers: Buffer) -> None:
        """Run (or, where a buffer has no memory, query bounds). Raises RuntimeError with Halide's message."""
        code = self._function(*(ctypes.byref(b) for b in buffers))
        if code:
            raise RuntimeError(f"segment {self.name}: {_Runtime.get().last_error()} (code {code})")


class _Runtime:
    _instance: _Runtime | None = None
    _lock = threading.RLock()

    def __init__(self) -> None:
        import llvmlite.binding as llvm

        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        machine = llvm.Target.from_default_triple().create_target_machine()
        self._llvm = llvm
        self._engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
        self._errors: dict[int, str] = {}
        self._loaded: dict[str, int] = {}
        self.add(runtime_object())
        handler_type = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_char_p)

        def on_error(_context: Any, message: bytes) -> None:
            self._errors[threading.get_ident()] = message.decode(errors="replace").strip()

        self._handler = handler_type(on_error)  # must live as long as the runtime
        install = ctypes.CFUNCTYPE(ctypes.c_void_p, handler_type)(self.address("halide_set_error_handler"))
        install(self._handler)
        self.threads = cores()
        self._set_threads = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)(self.address("halide_set_num_threads"))

    @classmethod
    def get(cls) -> _Runtime:
        with cls._lock:
            if cls._instance is None:
                cls._instance = cls()
            return cls._instance

    def add(self, code: bytes) -> None:
        with self._lock:
            self._engine.add_object_file(self._llvm.ObjectFileRef.from_data(code))
            self._engine.finalize_object()

    def address(self, symbol: str) -> int:
        return int(self._engine.get_function_address(symbol))

    def program(self, symbol: str, code: bytes) -> int:
        with self._lock:
            if symbol not in self._loaded:
                self.add(code)
                self._loaded[symbol] = self.address(symbol)
            return self._loaded[symbol]

    def loaded(self, symbol: str) -> int | None:
        return self._loaded.get(symbol)

    def last_error(self) -> str:
        # a worker thread reports the error of its task, the caller only sees the code
        return self._errors.pop(threading.get_ident(), None) or next(iter(self._errors.values()), "no message")

    def set_threads(self, count: int) -> None:
        self._set_threads(count)
        self.threads = count


def load_program(symbol: str, code: bytes, arguments: int, name: str) -> Program:
    """Load an object file's function `symbol`; loading the same symbol again is free."""
    return Program(_Runtime.get().program(symbol, code), arguments, name)


def loaded_program(symbol: str, arguments: int, name: str) -> Program | None:
    """The function `symbol` if it has been loaded before."""
    address = _Runtime.get().loaded(symbol)
    return None if address is None else Program(address, arguments, name)


def set_threads(count: int) -> None:
    """Threads of the process-wide pool, 1 or more. Results do not depend on it."""
    _Runtime.get().set_threads(count)


def threads() -> int:
    """Threads of the process-wide pool, which host code keeps to as well."""
    return _Runtime.get().threads


def runtime_object(machine: str = "host") -> bytes:
    """Object file of Halide's runtime for a machine in Halide's notation; cached like programs."""
    import halide as hl

    target = hl.get_host_target() if machine == "host" else hl.Target(machine)
    key = f"runtime-{version('halide')}-{target}"
    code = cache.load(key)
    if code is None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "runtime.o"
            hl.compile_standalone_runtime({hl.OutputFileType.object: os.fspath(path)}, target)
            code = path.read_bytes()
        cache.store(key, code)
    return code
