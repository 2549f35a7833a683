"""Flat patches on a board: the 24-patch colour chart and the grey steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sensors.scenes.coverage import Box, Canvas
from sensors.scenes.edge import box_corners
from sensors.scenes.materials import color_chart, flat
from sensors.scenes.options import check
from sensors.scenes.scene import Float32, Float64, Scene, Size

_GAP = 0.15
"""Between patches, in patch widths."""
_MARGIN = 0.3
"""Around the patches on the board, in patch widths."""
_INNER = 0.6
"""Part of a patch's width and height that is safe to average: what blur and distortion leave alone."""


class PatchGrid(Scene):
    """Square patches in rows on a board in front of an even wall; the board fits into the frame.

    Patches and board are sampled by their exact area. Materials are the patches, then the board, then the wall.

    Parameters
    ----------
    name : of the scene
    patches : (K, 81) reflectances, row by row
    names : of the patches
    columns : patches in a row
    board, wall : reflectances 0..1
    fill : part of the frame's width or height that the board takes, 0.1..1
    """

    def __init__(
        self, name: str, patches: Float64, names: Sequence[str], columns: int, board: float, wall: float, fill: float
    ) -> None:
        self.name = name
        self.names = tuple(names)
        self.columns, self.rows = columns, -(-len(patches) // columns)
        self.fill = fill
        self.factors = np.concatenate([patches, flat([board, wall])])

    def boxes(self, size: Size) -> tuple[Box, list[Box]]:
        """The board and the patches [photosites]."""
        across = self.columns + (self.columns - 1) * _GAP + 2 * _MARGIN
        down = self.rows + (self.rows - 1) * _GAP + 2 * _MARGIN
        unit = self.fill * min(size[0] / across, size[1] / down)
        left, top = (size[0] - across * unit) / 2, (size[1] - down * unit) / 2
        boxes = []
        for number in range(len(self.names)):
            row, column = divmod(number, self.columns)
            x = left + (_MARGIN + column * (1 + _GAP)) * unit
            y = top + (_MARGIN + row * (1 + _GAP)) * unit
            boxes.append((x, y, x + unit, y + unit))
        return (left, top, left + across * unit, top + down * unit), boxes

    def paint(self, x: Float64, y: Float64, size: Size, table: Float32) -> Float32:
        board, wall = table[-2], table[-1]
        canvas = Canvas(x, y, wall)
        frame, boxes = self.boxes(size)
        canvas.rectangle(frame, board)
        for box, value in zip(boxes, table, strict=False):
            canvas.rectangle(box, value, board)
        return canvas.planes

    def regions(self, frame: tuple[int, int]) -> list[dict[str, Any]]:
        return self.patch_regions((float(frame[0]), float(frame[1])))

    def patch_regions(self, size: Size) -> list[dict[str, Any]]:
        """`regions` for a frame of fractional size."""
        found = []
        for name, (left, top, right, bottom) in zip(self.names, self.boxes(size)[1], strict=True):
            dx, dy = (right - left) * (1 - _INNER) / 2, (bottom - top) * (1 - _INNER) / 2
            found.append(
                {
                    "name": name,
                    "kind": "patch",
                    "corners": box_corners((left, top, right, bottom)),
                    "inner": box_corners((left + dx, top + dy, right - dx, bottom - dy)),
                }
            )
        return found


class ColorChart(PatchGrid):
    """The 24-patch chart, four rows of six from dark skin to black, on a black board before a grey wall.

    Parameters
    ----------
    spectra : whose measurement of the patches, see `sensors.scenes.materials.color_chart`
    fill : part of the frame's width or height that the board takes, 0.1..1
    wall : reflectance of the wall, 0..1

    Raises
    ------
    UsageError
        A value is out of its bounds.
    """

    def __init__(self, spectra: str = "iso", fill: float = 0.92, wall: float = 0.18) -> None:
        check("chart", spectra=spectra, fill=fill, wall=wall)
        names, patches = color_chart(spectra)
        super().__init__("chart", patches, names, 6, 0.015, wall, fill)


class GreySteps(PatchGrid):
    """Neutral steps of equal density on dark grey, row by row from light to dark (in the manner of ISO 14524's chart).

    Parameters
    ----------
    steps : number of patches, 2..100
    density : from one step to the next, 0.01..1
    lightest : density of the first patch, 0..2
    fill : part of the frame's width or height that the board takes, 0.1..1

    Raises
    ------
    UsageError
        A value is out of its bounds.
    """

    def __init__(self, steps: int = 20, density: float = 0.1, lightest: float = 0.05, fill: float = 0.96) -> None:
        check("grey-steps", steps=steps, density=density, lightest=lightest, fill=fill)
        self.densities = lightest + density * np.arange(steps)
        names = [f"step {number} D={d:.2f}" for number, d in enumerate(self.densities)]
        columns = max(1, round(np.sqrt(steps * 5 / 4)))
        super().__init__("grey-steps", flat(10.0**-self.densities), names, columns, 0.13, 0.13, fill)
