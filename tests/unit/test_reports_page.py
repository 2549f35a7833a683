"""The page as text: rounding, marks, footnotes, escaping, inlined figures."""

from __future__ import annotations

import hashlib
import math
import re
from base64 import b64decode, b64encode

import pytest

from isp.errors import UsageError
from reports.estimate import Estimate
from reports.model import Figure, Finding, Image, Quantity, Report, Section, Verdict
from reports.page import render, render_sections, rounded
from reports.page.inline import inline_svg
from reports.page.tables import pairs, table_of
from tests.browser import sample


@pytest.mark.parametrize(
    ("estimate", "text"),
    [
        (Estimate(0.31234, (0.3101, 0.3149), "c/p"), "0.3123 [0.3101, 0.3149] c/p"),
        (Estimate(9.97, (9.2, 10.6)), "9.97 [9.20, 10.60]"),
        (Estimate(41234, (40800, 41700), "e-"), "41\u202f230 [40\u202f800, 41\u202f700] e-"),
        (Estimate(-1.2345, (-2, -0.5)), "−1.23 [−2.00, −0.50]"),
        (Estimate(0.01, (-300, 400)), "0 [−300, 400]"),
        (Estimate(3.2e-6, (3.1e-6, 3.3e-6), "V"), "3.20 [3.10, 3.30] × 10⁻⁶ V"),
        (Estimate(5, (5 - 1e-12, 5 + 1e-12)), "5.00000 [5.00000, 5.00000]"),
        (Estimate(0.0, (0, 0)), "0 [0, 0]"),
        (Estimate(0.042), "0.042"),
        (Estimate(math.pi), "3.142"),
        (Estimate(24), "24"),
        (Estimate(1234567), "1.235 × 10⁶"),
        (Estimate.missing("no chart"), "n.a."),
    ],
)
def test_numbers_keep_the_digits_that_their_interval_supports(estimate, text):
    assert str(rounded(estimate)) == text


def test_a_rounded_value_is_the_value_to_a_twentieth_of_its_half_width():
    for exponent in range(-8, 9):
        for digits in (1.0, 1.24, 4.99, 9.99):
            half = digits * 10.0**exponent
            value = 3.3 * half
            shown = str(rounded(Estimate(value, (value - half, value + half))).value).replace("\u202f", "")
            power = rounded(Estimate(value, (value - half, value + half))).power
            scale = 10.0 ** int(power[4:].translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789"))) if power else 1.0
            assert float(shown) * scale == pytest.approx(value, abs=half / 20 * 1.001)


def test_differences_have_a_sign():
    assert rounded(Estimate(1.5), signed=True).value == "+1.5"
    assert rounded(Estimate(-1.5), signed=True).value == "−1.5"
    assert rounded(Estimate(0.0), signed=True).value == "0"


def _finding(key, difference, better, *, noticeable=0.0, pair=(0, 1)):
    estimates = (Estimate(1.0), Estimate(2.0), Estimate(3.0))
    quantity = Quantity(key, key, "g", estimates, "higher", noticeable)
    gap = Estimate(difference, (difference - 0.2, difference + 0.2))
    return Finding(quantity, pair, gap, 0.0001, better)


def test_the_better_one_is_marked_only_where_it_is_surely_better_than_all():
    up, down = _finding("q", 1.0, 1), _finding("q", 1.0, 2, pair=(1, 2))
    best = [cell.best for cell in table_of([up.quantity], [up, down]).rows[0].cells]
    assert best == [False, False, True]
    assert not any(cell.best for cell in table_of([up.quantity]).rows[0].cells)
    small = _finding("q", 1.0, 1, noticeable=5.0)
    assert not any(cell.best for cell in table_of([small.quantity], [small]).rows[0].cells)
    taste = _finding("q", 1.0, None)
    row = table_of([taste.quantity], [taste]).rows[0]
    assert row.taste
    assert not any(cell.best for cell in row.cells)


def test_reasons_become_footnotes_once_each():
    no, few = Estimate.missing("no chart"), Estimate(1.0, reason="one item")
    table = table_of([Quantity("g.a", "a", "g", (no, few)), Quantity("g.b", "b", "g", (no, Estimate(2.0)))])
    assert table.footnotes == ("no chart", "one item")
    assert [[cell.note for cell in row.cells] for row in table.rows] == [[1, 2], [1, 0]]


def test_bars_point_to_the_better_one():
    inputs = sample.report(2).inputs
    findings = (_finding("up", 1.0, 1), _finding("down", 1.0, 0), _finding("tiny", 0.5, 1, noticeable=2.0))
    (pair,) = pairs(Report("t", inputs, Verdict("s", findings, 5)))
    assert (pair.first, pair.second, pair.taste, pair.small) == (1, 1, 0, 1)
    up, down, tiny = (line.bar for line in pair.lines)
    assert up.middle > 50 > down.middle
    assert (up.low + up.high) / 2 == pytest.approx(up.middle)
    assert down.low == pytest.approx(100 - up.high)
    assert tiny.high < 50 + tiny.band
    assert pair.lines[-1].negligible


def test_the_page_is_one_file_with_a_strict_policy():
    page = render(sample.report(3))
    assert not re.search(r"(?:src|href)=[\"'](?!data:|#)", page)
    assert "url(http" not in page
    script = re.search(r"<script>(.*)</script>", page, re.S).group(1)
    digest = b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in page
    assert "default-src 'none'" in page


def test_names_are_escaped_and_pictures_are_inside():
    report = sample.report(2)
    page = render(report)
    assert sample.HOSTILE not in page
    assert "&lt;script&gt;document.title=" in page
    inside = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', page)
    assert [b64decode(data) for data in inside] == [i.view.data for i in report.inputs]


def test_every_value_that_cannot_be_had_says_why_in_words_that_are_seen():
    page = render(sample.report(2))
    assert page.count("no colour chart found: 3 of 24 patches fit</li>") == 1
    assert page.count('title="no colour chart found: 3 of 24 patches fit"') == 2


def test_ids_of_inlined_figures_do_not_meet():
    figure = sample.curves("AB", "the same plot twice")
    page = render_sections("t", [Section("a", "A", (), (figure, figure))])
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    for target in re.findall(r"url\(#([^)]+)\)", page) + re.findall(r'href="#([^"]+)"', page):
        assert target in [*ids, "main"]


def test_svg_is_stripped_of_what_acts_or_loads():
    data = b"""<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="9" height="9"
        onload="alert(1)"><script>alert(2)</script><style>*{display:none}</style><a href="http://x.org"/>
        <image xlink:href="http://x.org/a.png"/><use xlink:href="#p"/>
        <path id="p" clip-path="url(#c)" d="M0 0"/></svg>"""
    made = inline_svg(Image(data, "image/svg+xml", (9, 9)), "f1-", 'a "plot"')
    assert not re.search("alert|x.org|style|onload", made)
    assert '<use href="#f1-p" />' in made
    assert 'id="f1-p" clip-path="url(#f1-c)"' in made
    assert 'aria-label="a &quot;plot&quot;"' in made
    assert 'viewBox="0 0 9 9"' in made


@pytest.mark.parametrize(("data", "words"), [(b"<svg", "not well-formed SVG"), (b"<html/>", "its root is <html>")])
def test_a_broken_figure_is_one_clear_error(data, words):
    figure = Figure(Image(data, "image/svg+xml", (1, 1)), "SFR")
    with pytest.raises(UsageError, match=words):
        render_sections("t", [Section("a", "A", (), (figure,))])


def test_a_page_of_sections_has_facts_columns_and_no_viewer():
    values = [Quantity("emva.k", "System gain", "emva", (Estimate.normal(0.2, 0.01, "DN/e-"), Estimate(0.3)))]
    page = render_sections(
        "Sensor", [Section("emva", "EMVA 1288")], quantities=values, columns=("bin2", "full"), sheet=True,
        facts=[("Pitch", "0.8 µm")],
    )  # fmt: skip
    body = page[page.index("<body") : page.index("<script>")]
    assert '<body class="sheet">' in body
    assert "<dt>Pitch</dt><dd>0.8 µm</dd>" in body
    assert re.search(r'<th scope="col" class="num">bin2</th><th scope="col" class="num">full</th>', body)
    assert "viewer" not in body
    assert "verdict" not in body


def test_quantities_without_a_section_are_shown_all_the_same():
    page = render_sections("t", [], quantities=[Quantity("texture.mtf", "Texture", "texture", (Estimate(1.0),))])
    assert re.search(r"<h2>Texture</h2>", page)
