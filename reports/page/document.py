"""A report as one HTML file: styles, script and pictures inside, nothing loaded from elsewhere."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files
from itertools import count
from typing import Any

from reports.figures.style import SERIES
from reports.model import Figure, Quantity, Report, Section, Verdict, of_group
from reports.page.inline import data_url, inline_svg
from reports.page.numbers import rounded
from reports.page.tables import FIRST, Table, pairs, table_of


@dataclass(frozen=True)
class Chapter:
    """A section with its place in the page and its table."""

    anchor: str
    section: Section
    table: Table


def render(report: Report) -> str:
    """The page of a report.

    Parameters
    ----------
    report : Report
        With one input a report of measurements, with none a page of sections alone, as dense as a datasheet.

    Returns
    -------
    str
        HTML that works from a file without network. A Content-Security-Policy lets only its own script run, so that
        nothing in names or figures can.

    Raises
    ------
    UsageError
        A figure says it is SVG and is not.
    """
    labels = tuple(i.label for i in report.inputs)
    return _page(report, columns=labels or ("Value",), sheet=not labels)


def render_sections(
    title: str,
    sections: Sequence[Section],
    *,
    quantities: Sequence[Quantity] = (),
    columns: Sequence[str] = ("Value",),
    facts: Sequence[tuple[str, str]] = (),
    sentence: str = "",
    notes: Sequence[str] = (),
    repeat: Sequence[tuple[str, str]] = (),
    sheet: bool = False,
) -> str:
    """A page of sections without pictures: a datasheet, or trends over many reports.

    Parameters
    ----------
    title : str
    sections : sequence of Section
        In their order, each with the table of its `quantities`.
    columns : sequence of str
        Headings of the values of a quantity, one for each estimate.
    facts : sequence of (word, text)
        The table the page opens with.
    sentence : str
        What the page says, in one sentence.
    sheet : bool
        The dense layout of a datasheet, which prints on A4.

    Returns
    -------
    str
        As of `render`.
    """
    report = Report(
        title, (), Verdict(sentence), tuple(quantities), sections=tuple(sections), repeat=tuple(repeat),
        notes=tuple(notes),
    )  # fmt: skip
    return _page(report, columns=tuple(columns), facts=tuple(facts), sheet=sheet)


def chapters(report: Report) -> tuple[Chapter, ...]:
    """Every section with its table; quantities of a group without section get one of their own."""
    named = {section.key for section in report.sections}
    groups = dict.fromkeys(q.group for q in report.quantities if q.group not in named)
    sections = report.sections + tuple(Section(g, g.replace("_", " ").capitalize()) for g in groups)
    return tuple(
        Chapter(_anchor(number, section), section, _table(report, section))
        for number, section in enumerate(sections, 1)
    )


def _table(report: Report, section: Section) -> Table:
    return table_of(of_group(report.quantities, section.key), report.verdict.findings)


def _anchor(number: int, section: Section) -> str:
    return f"m{number}-" + re.sub(r"[^a-z0-9]+", "-", section.key.lower()).strip("-")


def _page(
    report: Report, columns: tuple[str, ...], facts: tuple[tuple[str, str], ...] = (), sheet: bool = False
) -> str:
    from markupsafe import Markup

    numbers = count(1)
    views = (*report.inputs, *((report.reference,) if report.reference else ()))

    def drawn(figure: Figure) -> Markup:
        if figure.image.mime == "image/svg+xml":
            return Markup(inline_svg(figure.image, f"f{next(numbers)}-", figure.alt or figure.title))
        width, height = figure.image.size
        return Markup('<img src="{}" width="{}" height="{}" alt="{}">').format(
            data_url(figure.image), width, height, figure.alt or figure.title
        )

    style, script = _asset("page.css"), _asset("viewer.js") + _asset("page.js")
    digest = b64encode(sha256(script.encode()).digest()).decode()
    text = _environment().get_template("page.html").render(
        report=report, chapters=chapters(report), pairs=pairs(report), first=FIRST, drawn=drawn, data_url=data_url,
        rounded=rounded, style=Markup(style), script=Markup(script), digest=digest,
        colors=SERIES, views=views, words=tuple(dict.fromkeys(word for view in views for word, _ in view.about)),
        columns=columns, facts=facts, sheet=sheet,
    )  # fmt: skip
    return str(text)


@cache
def _environment() -> Any:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("reports", "page"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip


def _asset(name: str) -> str:
    return files("reports.page").joinpath(name).read_text(encoding="utf-8")
