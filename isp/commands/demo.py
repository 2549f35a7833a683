"""`isp demo`: something to see without any file."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from isp.commands import options
from isp.commands.console import emit, emit_json, progress, table

if TYPE_CHECKING:
    from isp.demo.show import Shown


def demo(
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="Folder for the pictures.")] = Path(
        "isp-demo"
    ),
    width: Annotated[int, typer.Option(min=4, max=16384, help="Width of the frame in photosites.")] = 16384,
    height: Annotated[int, typer.Option(min=4, max=12288, help="Height of the frame in photosites.")] = 12288,
    seed: Annotated[int, typer.Option(min=0, help="Of texture and noise.")] = 1,
    iso: Annotated[float, typer.Option(min=25, max=102400, help="Sensitivity: more gives more noise.")] = 100.0,
    look: Annotated[
        bool, typer.Option("--look", help="Show scenes with depth through other lenses instead.")
    ] = False,
    threads: options.Threads = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace pictures that exist.")] = False,
    as_json: options.Json = False,
) -> None:
    """Photograph a scene with a simulated 200 MP phone sensor, develop every pixel of it, and say what was done.

    Two or three minutes and 2 GB at full size; --width 2048 --height 1536 takes a few seconds.

    With --look it photographs a night street, a portrait and a fence, whose depth is known, and develops each through
    two fast lenses of their time: about two minutes.
    """
    from isp.commands.batch import folder
    from isp.demo.show import Wanted, demos

    began = time.perf_counter()
    shown: list[Shown] = []
    with folder(f"{output}/"), progress() as bar:
        wanted = Wanted(output, width, height, seed, iso, threads, overwrite, bar, look)
        for name, show in demos():
            bar.start(name)
            for each in show(wanted):
                shown.append(each)
                if not as_json:
                    emit(each.what)
                bar.start(name)
    total = time.perf_counter() - began
    if as_json:
        emit_json({"shown": shown, "seconds": total})
        return
    _tell(shown, total)


def _tell(shown: list[Shown], total: float) -> None:
    rows = []
    for each in shown:
        name = each.file.stem if each.file is not None else ""
        rows += [(name, part, f"{seconds:.3f}") for part, seconds in each.seconds.items()]
    emit("")
    table(("picture", "part", "seconds"), [*rows, ("", "all", f"{total:.3f}")], right=(2,))
    emit(f"\nmost memory held: {max(each.peak_mb for each in shown):.0f} MB")
    emit("\nLook at")
    emit("\n".join(f"  {each.file}" for each in shown if each.file is not None))
    emit("Try next")
    emit("\n".join(f"  {command}" for command in dict.fromkeys(c for each in shown for c in each.next)))
