"""The page in a real browser: nothing overflows, overlaps, is hard to read, or leaves the file."""

from __future__ import annotations

import base64
from itertools import pairwise

import pytest

from tests.browser.conftest import WIDTHS

PAGES = ("two", "three", "one", "same", "big", "sheet")

TEXTS = """
const clip = (rect, element) => {
  let {left, top, right, bottom} = rect;
  for (let e = element; e && e !== document.body; e = e.parentElement) {
    if (getComputedStyle(e).overflowX === 'visible') continue;
    const box = e.getBoundingClientRect();
    left = Math.max(left, box.left); right = Math.min(right, box.right);
    top = Math.max(top, box.top); bottom = Math.min(bottom, box.bottom);
  }
  return {left, top, right, bottom};
};
const texts = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const node = walker.currentNode, element = node.parentElement;
  if (!node.textContent.trim() || element.closest('script, style, select, svg title')) continue;
  const shown = element.checkVisibility({visibilityProperty: true, opacityProperty: true});
  if (!shown || element.closest('.sr, .skip')) continue;
  const range = document.createRange();
  range.selectNodeContents(node);
  for (const rect of range.getClientRects()) texts.push({node, element, ...clip(rect, element)});
}
"""

OVERLAPS = (
    TEXTS
    + """
const large = (t) => t.right - t.left > 2 && t.bottom - t.top > 3;
const free = texts.filter((t) => large(t) && !t.element.closest('.top, .stage, svg'));
const found = [];
free.forEach((a, i) => free.slice(i + 1).forEach((b) => {
  if (a.node === b.node) return;
  const width = Math.min(a.right, b.right) - Math.max(a.left, b.left);
  const height = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
  if (width > 2 && height > 4) found.push(`${a.node.textContent.trim()} / ${b.node.textContent.trim()}`);
}));
return found;
"""
)

CONTRASTS = (
    TEXTS
    + """
const parse = (text) => [...text.match(/[\\d.]+/g).map(Number), 1].slice(0, 4);
const over = (top, under) => [0, 1, 2].map((i) => top[i] * top[3] + under[i] * (1 - top[3])).concat(1);
const ground = (element) => {
  const layers = [];
  for (let e = element; e; e = e.parentElement) layers.unshift(parse(getComputedStyle(e).backgroundColor));
  return layers.reduce((under, top) => over(top, under), parse(getComputedStyle(document.body).backgroundColor));
};
const light = (c) => [0.2126, 0.7152, 0.0722].reduce((sum, weight, i) => {
  const v = c[i] / 255;
  return sum + weight * (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
}, 0);
const bad = new Set();
let seen = 0;
for (const {node, element} of texts) {
  const style = getComputedStyle(element), back = ground(element);
  const ink = parse(element.closest('svg') ? style.fill : style.color);
  for (let e = element; e; e = e.parentElement) ink[3] *= Number(getComputedStyle(e).opacity);
  const [a, b] = [light(over(ink, back)), light(back)];
  const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  const size = parseFloat(style.fontSize), large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
  seen += 1;
  if (contrast < (large ? 3 : 4.5)) bad.add(`${contrast.toFixed(2)}: ${node.textContent.trim()}`);
}
return [seen, [...bad]];
"""
)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["three", "six", "one", "big", "sheet"])
def test_nothing_overflows_or_overlaps(browser, name, width):
    browser.open(name, width)
    assert browser.run("return document.documentElement.scrollWidth - innerWidth") <= 0
    assert browser.run(OVERLAPS) == []


def test_the_overlap_test_sees_an_overlap(browser):
    browser.open("one")
    browser.run("document.querySelector('h2:not(.sr)').style.marginTop = '-3rem'")
    browser.run("document.querySelector('.sentence').style.marginBottom = '-8rem'")
    assert browser.run(OVERLAPS) != []


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", ["three", "same", "sheet"])
def test_every_text_has_contrast(browser, name, theme):
    browser.open(name, 1280, theme)
    seen, bad = browser.run(CONTRASTS)
    assert seen > 30
    assert bad == []


def test_the_contrast_test_sees_faint_text(browser):
    browser.open("one")
    browser.run("document.querySelector('.sentence').style.opacity = 0.4")
    assert len(browser.run(CONTRASTS)[1]) == 1


def test_nothing_leaves_the_file_and_the_console_is_silent(browser):
    browser.requested()
    browser.errors()
    for name in PAGES:
        browser.open(name)
    asked = browser.requested()
    assert len([url for url in asked if url.startswith("file:")]) == len(PAGES)
    assert {url.partition(":")[0] for url in asked} <= {"file", "data", "blob"}
    assert browser.errors() == []


def test_hostile_names_are_text(browser):
    browser.open("two")
    assert browser.driver.title == "natural and vivid on IMG_1.dng"
    assert "<script>document.title" in browser.run("return document.querySelector('.inputs').textContent")
    assert browser.run("return document.scripts.length") == 1


def test_the_policy_stops_scripts_that_are_not_the_pages_own(browser):
    browser.open("one")
    browser.run(
        "const s = document.createElement('script'); s.textContent = 'document.title = 1'; document.body.append(s)"
    )
    assert browser.driver.title != "1"
    assert "Content Security Policy" in "".join(browser.errors())


@pytest.mark.parametrize("name", PAGES)
def test_structure_is_semantic(browser, name):
    browser.open(name)
    levels = browser.run("return [...document.querySelectorAll('h1, h2, h3, h4')].map((h) => Number(h.tagName[1]))")
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert browser.run("return [...document.images].filter((i) => i.getAttribute('alt') === null).length") == 0
    ids = browser.run("return [...document.querySelectorAll('[id]')].map((e) => e.id)")
    assert len(ids) == len(set(ids))
    links = browser.run("return [...document.querySelectorAll('a[href^=\"#\"]')].map((a) => a.hash.slice(1))")
    assert set(links) <= set(ids)
    unnamed = (
        "return [...document.querySelectorAll('button, select')].filter((b) => !(b.ariaLabel || b.textContent.trim()))"
    )
    assert browser.run(unnamed) == []


def test_the_theme_is_chosen_and_kept(browser):
    browser.open("two", theme="light")
    ground = "return getComputedStyle(document.body).backgroundColor"
    light = browser.run(ground)
    browser.driver.find_element("css selector", ".theme").click()
    dark = browser.run(ground)
    assert dark != light
    browser.open("two", theme="light")
    assert browser.run(ground) == dark
    browser.driver.find_element("css selector", ".theme").click()
    browser.run("localStorage.clear()")


def test_the_command_is_copied(browser):
    browser.open("two")
    browser.command("Browser.grantPermissions", permissions=["clipboardReadWrite", "clipboardSanitizedWrite"])
    browser.driver.find_element("css selector", ".copy").click()
    found = browser.driver.execute_async_script(
        "const done = arguments[0]; setTimeout(() => navigator.clipboard.readText().then(done, done), 100)"
    )
    assert found == browser.run("return document.querySelector('.repeat code').textContent")


def test_printing_shows_the_pictures_and_no_controls(browser):
    browser.open("three", theme="dark")
    browser.command(
        "Emulation.setEmulatedMedia", media="print", features=[{"name": "prefers-color-scheme", "value": "dark"}]
    )
    shown = """return [...document.querySelectorAll(arguments[0])]
        .filter((e) => e.checkVisibility({visibilityProperty: true})).length"""
    assert browser.run(shown, ".controls, .divider, .top, .copy, .hint") == 0
    assert browser.run(shown, ".layer img") == 4
    assert browser.run("return getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert browser.run("return getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
    boxes = browser.run(
        "return [...document.querySelectorAll('.layer img')].map((i) => i.getBoundingClientRect().toJSON())"
    )
    assert boxes[0]["right"] <= boxes[1]["left"]
    browser.command("Emulation.setEmulatedMedia", media="")
    data = base64.b64decode(browser.command("Page.printToPDF", preferCSSPageSize=True)["data"])
    assert data.startswith(b"%PDF")
    assert 3 <= data.count(b"/Type /Page\n") <= 8
    assert browser.run("return [...document.querySelectorAll('details')].every((d) => d.open)")


def test_without_script_the_pictures_are_there(browser):
    browser.command("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.driver.get(f"file://{browser.folder}/two.html")
        images = browser.driver.find_elements("css selector", ".layer img")
        assert [image.is_displayed() for image in images] == [True, True]
        assert not browser.driver.find_element("css selector", ".controls").is_displayed()
    finally:
        browser.command("Emulation.setScriptExecutionDisabled", value=False)
