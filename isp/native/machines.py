"""The machines a profile is compiled for, in Halide's notation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from isp.errors import UsageError


@dataclass(frozen=True)
class Machine:
    """A machine to compile for.

    Attributes
    ----------
    name : as the command line says it
    halide : the target in Halide's notation, with `strict_float` (the same bits for any tile and strip) and
        `user_context` (errors reach the handle that made them)
    runtime : the target of Halide's runtime, which knows no `strict_float`
    lanes : float32 values in a vector register
    integer : True if pixels are to be computed with integers alone
    compilers : C compilers that link its programs here, the first that is found is taken; none where a foreign kit is
        needed
    """

    name: str
    halide: str
    runtime: str
    lanes: int
    compilers: tuple[str, ...]
    integer: bool = False


TARGETS: Mapping[str, tuple[str, tuple[str, ...]]] = MappingProxyType(
    {
        "arm-64-android": ("arm-64-android", ()),
        "arm-64-ios": ("arm-64-ios", ()),
        "arm-64-linux": ("arm-64-linux", ("aarch64-linux-gnu-gcc",)),
        "arm-32-linux-nofp": ("arm-32-linux-no_neon-soft_float_abi", ("arm-linux-gnueabi-gcc",)),
        "x86-64-linux": ("x86-64-linux", ("cc", "gcc", "clang")),
        "host": ("host", ("cc", "gcc", "clang")),
    }
)
"""Names of targets, and for each the name Halide gives it and the C compilers that link for it."""

WITHOUT_FLOATS = ("arm-32-linux-nofp",)
"""Targets whose processor has no floating point."""
INTEGER = "integer"
"""What `--features` adds for integers on a target that could compute with floats."""

FEATURES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "arm": ("arm_dot_prod", "arm_fp16", "sve", "sve2"),
        "x86": ("sse41", "avx", "avx2", "fma", "f16c", "avx512", "avx512_skylake", "avx512_cannonlake"),
    }
)
"""Instruction sets that `--features` may add, by architecture."""


def find_machine(target: str, features: Sequence[str] = ()) -> Machine:
    """The machine called `target`, with instruction sets beyond its least.

    Raises
    ------
    UsageError
        Unknown target or feature; the allowed ones are named.
    """
    import halide as hl

    if target not in TARGETS:
        raise UsageError(f"unknown target {target!r}; allowed: {', '.join(TARGETS)}")
    name, compilers = TARGETS[target]
    base: Any = hl.get_host_target() if name == "host" else hl.Target(name)
    family = "arm" if str(base).startswith("arm") else "x86"
    allowed: tuple[str, ...] = () if target in WITHOUT_FLOATS else FEATURES[family]
    allowed = (*allowed, INTEGER)
    for feature in features:
        if feature not in allowed:
            raise UsageError(f"unknown feature {feature!r} of target {target}; allowed: {', '.join(allowed)}")
    text = "-".join([str(base), *(f for f in features if f != INTEGER)])
    full: Any = hl.Target(text)
    for extra in (hl.TargetFeature.StrictFloat, hl.TargetFeature.UserContext):
        full = full.with_feature(extra)
    return Machine(target, str(full), text, int(full.natural_vector_size(hl.Float(32))), compilers,
                   target in WITHOUT_FLOATS or INTEGER in features)
