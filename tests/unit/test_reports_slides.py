"""Slides: the files, and SVG figures drawn again against the pixels of the original."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image as Pillow

from isp.errors import UsageError
from reports.figures.style import INK, as_svg, canvas
from reports.page import as_slides
from reports.page.drawn import draw, outline, pixels
from tests.browser import sample


def test_png_is_the_first_slide_in_full_hd():
    data = as_slides(sample.report(3), "png")
    with Pillow.open(io.BytesIO(data)) as opened:
        assert opened.size == (1920, 1080)
        assert np.asarray(opened.convert("L")).std() > 20


@pytest.mark.parametrize(("count", "pages"), [(1, 7), (2, 8)])
def test_pdf_has_a_page_for_each_part(count, pages):
    data = as_slides(sample.report(count), "pdf")
    assert data.startswith(b"%PDF")
    assert data.count(b"/Type /Page\n") + data.count(b"/Type /Page ") == pages


def test_an_unknown_format_is_refused():
    with pytest.raises(UsageError, match="slides as 'ppt' are not known; formats: pdf, png"):
        as_slides(sample.report(1), "ppt")


def test_paths_are_read():
    vertices, codes = outline("M 1 2 L 3 4 5 6 H 7 V 8 Q 1 1 2 2 C 1 2 3 4 5 6 z")
    assert codes == [1, 2, 2, 2, 2, 3, 3, 4, 4, 4, 79]
    assert vertices[2:5] == [(5, 6), (7, 6), (7, 8)]


def test_a_figure_drawn_from_its_svg_is_the_figure():
    from matplotlib import rc_context
    from matplotlib.figure import Figure as Canvas

    with canvas(4, 3) as figure:
        axes = figure.add_subplot()
        axes.plot([0, 1, 2], [1, 3, 2], marker="o", linestyle="--", label="A & <b>")
        axes.fill_between([0, 1], [1, 1], [2, 3], alpha=0.4)
        axes.imshow(np.arange(12).reshape(3, 4), extent=(1, 2, 1, 2), aspect="auto")
        axes.set(xlabel="Exposure [s]", ylabel="ΔE00")
        axes.legend()
        svg = as_svg(figure)
        straight = io.BytesIO()
        figure.savefig(straight, format="png", dpi=100, facecolor="white")
    with rc_context({"text.parse_math": False}):
        again = Canvas(figsize=(4, 3), dpi=100)
        draw(svg, again.add_axes((0, 0, 1, 1)), INK)
        redrawn = io.BytesIO()
        again.savefig(redrawn, format="png", dpi=100)
    first, second = (
        np.asarray(Pillow.open(file).convert("L").reduce(2), float) for file in (straight, redrawn)
    )  # fmt: skip
    assert first.std() > 30
    assert np.corrcoef(first.ravel(), second.ravel())[0, 1] > 0.95
    assert pixels(sample.encoded(sample.scene(8, 8))).shape == (8, 8, 3)
