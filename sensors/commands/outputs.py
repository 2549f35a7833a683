"""What `isp simulate` writes: checked before a pixel is computed, and whole or absent afterwards."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isp.commands.console import Progress
from isp.errors import OutputError, UsageError

if TYPE_CHECKING:
    from isp.values import RawFrame
    from sensors.plan import Plan

_TRUTH_BYTES = 4 + 12 + 1 + 4
"""Of a pixel's electrons, ideal colour, defect and depth."""


def photograph(
    plan: Plan,
    targets: Sequence[Path],
    truth: Path | None,
    settings: dict[str, Any],
    *,
    overwrite: bool,
    threads: int | None,
    bar: Progress,
) -> None:
    """Compute and write everything; what cannot be written as a whole is taken away again."""
    from isp.io import write_dng
    from isp.values import RawFrame
    from sensors.photograph import expose
    from sensors.truth_files import truth_files

    fresh = [path for path in targets if not path.exists()]
    about = f"simulated {settings['scene']}, seed {plan.seed}"
    written: list[Path] = []
    try:
        with ExitStack() as stack:
            files = None if truth is None else stack.enter_context(truth_files(truth, overwrite))
            allocate = None if files is None else files.allocate
            result: Any = expose(plan, truth=files is not None, progress=bar, threads=threads, allocate=allocate)
            bar.start("writing")
            shot = result
            if files is not None:
                shot, answers = result
                files.write(replace(answers, settings=settings))
            frames: Sequence[RawFrame] = [shot] if isinstance(shot, RawFrame) else list(shot)
            for frame, path in zip(frames, targets, strict=True):
                write_dng(frame, path, overwrite=overwrite, description=about)
                written.append(path)
    except BaseException:
        for path in written:
            if path in fresh:
                with suppress(OSError):
                    path.unlink()
        raise


def frame_paths(output: Path, count: int) -> list[Path]:
    """The files of `count` frames: `output`, or OUT-1.dng and so on."""
    if output.suffix.lower() != ".dng":
        raise UsageError(f"-o {output}: frames are written as DNG; name it OUT.dng")
    if count == 1:
        return [output]
    return [output.with_name(f"{output.stem}-{i + 1}{output.suffix}") for i in range(count)]


def check_outputs(plan: Plan, targets: Sequence[Path], truth: Path | None, overwrite: bool) -> None:
    """Everything that can be known of the outputs before a pixel is computed."""
    from isp.io import check_writable
    from sensors.truth_files import FILES

    width, height = plan.region[2:]
    for path in targets:
        check_writable(path, overwrite)
    _check_space(targets[0].parent, 2 * width * height * len(targets))
    if truth is not None:
        for name in FILES:
            check_writable(truth / name, overwrite)
        _check_space(truth, _TRUTH_BYTES * width * height)


def _check_space(place: Path, needed: int) -> None:
    try:
        disk = shutil.disk_usage(place)
    except OSError:
        return
    # some network file systems say 0 for everything
    if disk.total > 0 and disk.free < needed:
        raise OutputError(f"{place}: {needed / 1e9:.3g} GB are needed there, {disk.free / 1e9:.3g} GB are free")
