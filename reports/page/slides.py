"""A report as slides: 16:9 pages for a meeting or a mail."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from isp.errors import UsageError
from reports.figures.style import ink
from reports.model import Crop, Figure, Report
from reports.page.document import Chapter, chapters
from reports.page.paper import DPI, MARGIN, SIZE, SOFT, STYLE, picture, rule, words
from reports.page.tables import Line, Row, pairs

FORMATS = ("pdf", "png")
ROWS, FIGURES, CROPS, FINDINGS = 11, 2, 4, 8
"""Most of each on one slide."""
Slide = Callable[[Any], None]


def as_slides(report: Report, format: str = "pdf") -> bytes:
    """The report as slides.

    Parameters
    ----------
    report : Report
    format : str
        ``pdf``: all slides, plots as vectors: verdict with pictures and the first crop, maps, crops, one or more
        for each section, how to repeat it. ``png``: the first slide, 1920 x 1080 pixels.

    Returns
    -------
    bytes
        Of a file; the same report gives the same bytes.

    Raises
    ------
    UsageError
        A format that is not known.
    """
    if format not in FORMATS:
        raise UsageError(f"slides as {format!r} are not known; formats: {', '.join(FORMATS)}")
    from matplotlib import rc_context
    from matplotlib.backends.backend_pdf import PdfPages
    from matplotlib.figure import Figure as Canvas

    buffer = io.BytesIO()
    with rc_context(STYLE):
        if format == "png":
            canvas = Canvas(figsize=SIZE, dpi=DPI)
            next(_slides(report))(canvas)
            canvas.savefig(buffer, format="png", metadata={"Software": None})
            return buffer.getvalue()
        with PdfPages(
            buffer, metadata={"Title": report.title, "CreationDate": None, "Producer": None, "Creator": None}
        ) as pdf:
            for number, slide in enumerate(_slides(report), 1):
                canvas = Canvas(figsize=SIZE, dpi=DPI)
                slide(canvas)
                words(canvas, 1 - MARGIN, 0.04, str(number), 9, color=SOFT, ha="right")
                pdf.savefig(canvas)
    return buffer.getvalue()


def _slides(report: Report) -> Iterator[Slide]:
    yield partial(_opening, report=report)
    for maps in _parts(report.maps, 2):
        yield partial(_maps, figures=maps)
    for crops in _parts(report.crops, CROPS):
        yield partial(_crops, report=report, crops=crops)
    for chapter in chapters(report):
        yield from _chapter(chapter, [i.label for i in report.inputs] or ["Value"])
    if report.repeat:
        yield partial(_repeat, report=report)


def _parts(items: Sequence[Any], most: int) -> Iterator[Sequence[Any]]:
    for start in range(0, len(items), most):
        yield items[start : start + most]


def _chapter(chapter: Chapter, columns: Sequence[str]) -> Iterator[Slide]:
    rows, figures = list(_parts(chapter.table.rows, ROWS)), list(_parts(chapter.section.figures, FIGURES))
    for number in range(max(len(rows), len(figures), 1)):
        values = rows[number] if number < len(rows) else ()
        plots = figures[number] if number < len(figures) else ()
        title = chapter.section.title + (" (continued)" if number else "")
        yield partial(_section, title=title, chapter=chapter, columns=columns, rows=values, plots=plots)


def _opening(canvas: Any, report: Report) -> None:
    words(canvas, MARGIN, 0.955, report.title, 11, 0.9, color=SOFT)
    below = words(canvas, MARGIN, 0.915, report.verdict.sentence, 20, 1 - 2 * MARGIN, most=2) - 0.05
    width = 0.36 if report.inputs else 1 - 2 * MARGIN
    lines = [line for pair in pairs(report) for line in pair.lines]
    if lines:
        end = _findings(canvas, (MARGIN, below, width), lines[:FINDINGS], report)
        if len(lines) > FINDINGS:
            words(canvas, MARGIN, end - 0.01, f"and {len(lines) - FINDINGS} more", 9, color=SOFT)
    else:
        rows = [row for chapter in chapters(report) for row in chapter.table.rows][:FINDINGS]
        _values(canvas, (MARGIN, below, width), rows, [i.label for i in report.inputs] or ["Value"])
    if not report.inputs:
        return
    left, each = MARGIN + width + 0.03, (1 - 2 * MARGIN - width - 0.03) / len(report.inputs)
    crop = report.crops[0] if report.crops else None
    for index, given in enumerate(report.inputs):
        x = left + index * each
        words(canvas, x, below, f"{given.label}  {given.name}", 9, each - 0.012, color=ink(index), weight="bold")
        bottom = picture(canvas, (x, below - 0.03, each - 0.012, 0.42 if crop else 0.7), given.view)
        if crop and index < len(crop.images):
            picture(canvas, (x, bottom - 0.05, each - 0.012, bottom - 0.11), crop.images[index])
            if not index:
                words(canvas, x, bottom - 0.018, _place(crop), 9, 0.5, color=SOFT)


def _section(
    canvas: Any, title: str, chapter: Chapter, columns: Sequence[str], rows: Sequence[Row], plots: Sequence[Figure]
) -> None:
    top = _title(canvas, title)
    full = 1 - 2 * MARGIN
    for note in chapter.section.notes[:3]:
        top = words(canvas, MARGIN, top, note, 11, full, most=2, color=SOFT) - 0.012
    width = (0.44 if plots else full) if rows else 0.0
    if rows:
        end = _values(canvas, (MARGIN, top - 0.02, width), rows, columns)
        for number, reason in enumerate(chapter.table.footnotes, 1):
            if any(cell.note == number for row in rows for cell in row.cells):
                end = words(canvas, MARGIN, end - 0.012, f"{number}  {reason}", 9, width, most=2, color=SOFT)
    if plots:
        left = MARGIN + (width + 0.03 if rows else 0.0)
        _row(canvas, (left, top - 0.02, 1 - MARGIN - left, top - 0.05), plots, down=bool(rows))


def _maps(canvas: Any, figures: Sequence[Figure]) -> None:
    _row(canvas, (MARGIN, _title(canvas, "Differences") - 0.02, 1 - 2 * MARGIN, 0.78), figures)


def _row(canvas: Any, box: tuple[float, float, float, float], figures: Sequence[Figure], down: bool = False) -> None:
    """Figures side by side, or one above the other."""
    left, top, width, height = box
    wide, high = (width, height / len(figures)) if down else (width / len(figures), height)
    for index, figure in enumerate(figures):
        x, y = (left, top - index * high) if down else (left + index * wide, top)
        words(canvas, x, y, figure.title, 11, wide - 0.02, weight="bold")
        picture(canvas, (x, y - 0.035, wide - 0.02, high - 0.06), figure.image)


def _crops(canvas: Any, report: Report, crops: Sequence[Crop]) -> None:
    top = _title(canvas, "Crops")
    across = 1 if len(crops) == 1 else 2
    down = -(-len(crops) // across)
    each, high = (1 - 2 * MARGIN) / across, (top - 0.07) / down
    for index, crop in enumerate(crops):
        x, y = MARGIN + index % across * each, top - 0.02 - index // across * high
        words(canvas, x, y, _place(crop), 10, each, color=SOFT)
        wide = (each - 0.02) / len(crop.images)
        for number, image in enumerate(crop.images):
            end = picture(canvas, (x + number * wide, y - 0.03, wide - 0.004, high - 0.09), image)
            label = (crop.labels or [i.label for i in report.inputs])[number : number + 1]
            words(canvas, x + number * wide, end - 0.005, "".join(label), 9, weight="bold")


def _repeat(canvas: Any, report: Report) -> None:
    top = _title(canvas, "Repeat")
    for word, text in report.repeat:
        words(canvas, MARGIN, top - 0.02, word, 11, 0.14, color=SOFT)
        top = words(canvas, 0.2, top - 0.02, text, 11, 0.76, most=6) - 0.015


def _findings(canvas: Any, box: tuple[float, float, float], lines: Sequence[Line], report: Report) -> float:
    left, top, width = box
    at = [left, left + 0.47 * width, left + 0.60 * width, left + width]
    for x, head, side in zip(at, ("Quantity", "Better", "Difference", ""), ("left",) * 4, strict=True):
        words(canvas, x, top, head, 9, color=SOFT, ha=side, weight="bold")
    top -= 0.03
    for line in lines:
        rule(canvas, left, left + width, top)
        first, second = (report.inputs[i].label for i in line.finding.pair)
        who = "–" if line.negligible else line.better or "taste"
        color = ink(line.finding.better or 0) if line.better and not line.negligible else SOFT
        words(canvas, at[1], top - 0.012, who, 10, color=color, weight="bold")
        unit = " ".join(part for part in (line.difference.power, line.finding.quantity.unit) if part)
        words(canvas, at[2], top - 0.012, f"{line.difference.value} {unit}", 10, 0.4 * width, weight="bold")
        words(canvas, at[2], top - 0.039, f"{line.difference.interval}  {line.chance}", 8, 0.4 * width, color=SOFT)
        label = line.finding.quantity.label + (f" ({second} − {first})" if len(report.inputs) > 2 else "")
        end = words(canvas, left, top - 0.012, label, 10, 0.45 * width, most=2)
        top = min(end, top - 0.058) - 0.012
    return top


def _values(canvas: Any, box: tuple[float, float, float], rows: Sequence[Row], columns: Sequence[str]) -> float:
    left, top, width = box
    step = 0.6 * width / max(len(columns), 1)
    right = [left + 0.4 * width + step * (i + 1) for i in range(len(columns))]
    for index, (x, label) in enumerate(zip(right, columns, strict=True)):
        words(
            canvas, x, top, label, 10, ha="right", weight="bold", color=ink(index) if len(columns) > 1 else SOFT
        )
    top -= 0.03
    for row in rows:
        rule(canvas, left, left + width, top)
        for x, cell in zip(right, row.cells, strict=False):
            unit = f" {row.quantity.unit}" if len(columns) < 3 and cell.known and len(row.quantity.unit) < 5 else ""
            mark = (
                ("✓ " if cell.best else "") + cell.number.value + unit + (f" {_raised(cell.note)}" if cell.note else "")
            )
            words(canvas, x, top - 0.012, mark, 10, ha="right", weight="bold" if cell.best else "normal")
            rest = " ".join(part for part in (cell.number.interval, cell.number.power) if part)
            words(canvas, x, top - 0.038, rest, 7.5 if len(columns) < 4 else 6, ha="right", color=SOFT)
        unit = row.quantity.unit
        label = row.quantity.label + (f" [{unit}]" if len(unit) >= 5 or (len(columns) >= 3 and unit) else "")
        end = words(canvas, left, top - 0.012, label, 10, 0.38 * width, most=2)
        top = min(end, top - 0.055) - 0.01
    return top


def _raised(number: int) -> str:
    return str(number).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))


def _place(crop: Crop) -> str:
    x, y, width, height = crop.place
    return f"{crop.why[:1].upper()}{crop.why[1:]}: {width} × {height} px at x {x}, y {y}"


def _title(canvas: Any, text: str) -> float:
    below = words(canvas, MARGIN, 0.95, text, 20, 1 - 2 * MARGIN)
    rule(canvas, MARGIN, 1 - MARGIN, below - 0.012)
    return below - 0.03
