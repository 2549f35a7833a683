"""What runs in the decoder process: LibRaw on one open file. Started by path, so it imports nothing of ours.

Arguments: input file descriptor, output file descriptor, limits as JSON. The pixels go to the output descriptor,
one line of JSON about them (or about what went wrong) to standard output.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any, BinaryIO


def decode(file: BinaryIO) -> tuple[dict[str, Any], Any]:
    """What LibRaw says about a raw file and its whole sensor array (H, W), masked borders included."""
    import numpy as np
    import rawpy

    with rawpy.imread(file) as raw:
        if raw.raw_type != rawpy.RawType.Flat or raw.raw_pattern is None:
            return {"error": "not a mosaic", "kind": "cfa"}, None
        sizes, other = raw.sizes, raw.other
        head = {
            "margins": [sizes.top_margin, sizes.left_margin],
            "visible": [sizes.height, sizes.width],
            "flip": sizes.flip,
            "pattern": np.asarray(raw.raw_pattern).tolist(),
            "colours": raw.color_desc.decode("ascii", "replace"),
            "black": [float(v) for v in raw.black_level_per_channel],
            "white": float(raw.white_level),
            "balance": [float(v) for v in raw.camera_whitebalance],
            "matrix": np.asarray(raw.rgb_xyz_matrix, float)[:3].tolist(),
            "iso": float(other.iso_speed),
            "exposure": float(other.shutter_speed),
            "f_number": float(other.aperture),
        }
        return head, np.array(raw.raw_image)


def explain(error: Exception) -> dict[str, str]:
    """An exception of the decoder as a reply: kind (`memory` or `raw`) and words."""
    name = type(error).__name__
    if isinstance(error, MemoryError) or "Memory" in name or "TooBig" in name or "bad_alloc" in str(error):
        return {"kind": "memory", "error": name}
    words = error.args[0] if error.args else ""
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else str(words)
    return {"kind": "raw", "error": text or name}


def confine(megabytes: float, cpu_seconds: float) -> None:
    """Limit this process, and end with the parent rather than live on as an orphan."""
    import resource

    used = 0
    if os.path.exists("/proc/self/statm"):
        with open("/proc/self/statm", encoding="ascii") as statm:
            used = int(statm.read().split()[0]) * resource.getpagesize()
        import ctypes

        ctypes.CDLL(None).prctl(1, 9)  # PR_SET_PDEATHSIG, SIGKILL
    size = used + int(megabytes * 1e6)
    cpu = max(1, round(cpu_seconds))
    for limit, soft, hard in (
        (resource.RLIMIT_CORE, 0, 0),
        (resource.RLIMIT_CPU, cpu, cpu + 1),
        (resource.RLIMIT_AS, size, size),
    ):
        _, ceiling = resource.getrlimit(limit)
        if ceiling != resource.RLIM_INFINITY:
            soft, hard = min(soft, ceiling), min(hard, ceiling)
        resource.setrlimit(limit, (soft, hard))


def main() -> None:
    """Decode one file as the arguments say."""
    source, result, limits = int(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3])
    # imported first: their libraries and thread stacks do not count against the limit
    import numpy
    import rawpy

    del numpy, rawpy
    confine(limits["megabytes"], limits["cpu_seconds"])
    try:
        with open(source, "rb") as file:
            head, pixels = decode(file)
        if pixels is not None:
            head |= {"shape": list(pixels.shape), "dtype": pixels.dtype.str}
            with open(result, "wb", closefd=False) as out:
                out.write(memoryview(pixels).cast("B"))
    except Exception as error:
        head = explain(error)
    print(json.dumps(head), flush=True)


if __name__ == "__main__":
    main()
