"""The viewer in a real browser: by mouse, wheel, touch and keyboard."""

from __future__ import annotations

import re

import pytest

Keys = pytest.importorskip("selenium.webdriver.common.keys", reason="selenium is not installed").Keys


def _scale(transform: str) -> float:
    return float(re.search(r"scale\(([\d.]+)\)", transform).group(1))


@pytest.fixture
def viewer(browser):
    browser.open("two")
    return browser


def test_it_opens_with_both_pictures_fitted(viewer):
    state = viewer.state()
    assert (state["left"], state["right"], state["divider"]) == ("A", "B", 50)
    assert state["transforms"][0] == state["transforms"][1]
    assert state["text"] == "A 50 %, B 50 %"


def test_the_mouse_moves_the_divider(viewer):
    x, y = viewer.middle(".divider")
    width = viewer.run("return document.querySelector('.stage').clientWidth")
    viewer.drag(x, y, width / 4, 0)
    assert viewer.state()["divider"] == 75
    clip = viewer.run("return document.querySelector('.layer.right').style.clipPath")
    assert float(re.search(r"([\d.]+)%", clip).group(1)) == pytest.approx(75, abs=0.5)
    x, y = viewer.middle(".divider")
    viewer.drag(x, y, 2 - x, 0)  # past the edge of the picture
    assert viewer.state()["divider"] == 0


def test_the_wheel_zooms_about_the_pointer_after_a_click(viewer):
    x, y = viewer.middle(".stage")
    x += 100
    before, offset = viewer.state(), viewer.run("return scrollY")
    viewer.mouse("mouseWheel", x, y, deltaX=0, deltaY=-200)  # not asked for yet: the page's own
    assert viewer.state()["zoom"] == before["zoom"]
    viewer.run("scrollTo({top: arguments[0], behavior: 'instant'})", offset)
    viewer.mouse("mousePressed", x, y)
    viewer.mouse("mouseReleased", x, y)
    viewer.mouse("mouseWheel", x, y, deltaX=0, deltaY=-400)
    after = viewer.state()
    assert after["zoom"] == pytest.approx(before["zoom"] * 2, rel=0.02)
    point = [(x - s["x"]) / s["zoom"] for s in (before, after)]
    assert point[0] == pytest.approx(point[1], rel=0.01)


def test_zoom_is_in_pixels_of_the_picture_and_crisp_above_one(viewer):
    for selector, zoom, crisp in (
        ("[data-do=full]", 100, False),
        ("[data-do=in]", 200, True),
        ("[data-do=out]", 100, False),
    ):
        viewer.driver.find_element("css selector", selector).click()
        state = viewer.state()
        assert (state["zoom"], state["crisp"]) == (zoom, crisp)
        assert _scale(state["transforms"][0]) == pytest.approx(zoom / 100)
    for _ in range(6):
        viewer.driver.find_element("css selector", "[data-do=in]").click()
    assert viewer.state()["zoom"] == 800
    assert (
        viewer.run("return getComputedStyle(document.querySelector('.layer.shown img')).imageRendering") == "pixelated"
    )
    viewer.driver.find_element("css selector", "[data-do=fit]").click()
    assert viewer.state()["zoom"] < 300


def test_a_reduced_view_counts_pixels_of_the_picture(browser):
    browser.open("big")
    browser.driver.find_element("css selector", "[data-do=full]").click()
    state = browser.state()
    assert state["zoom"] == 100
    assert _scale(state["transforms"][0]) == pytest.approx(4)
    assert "reduced 4:1; crops below are full resolution" in browser.run(
        "return document.querySelector('#pictures').innerText"
    )


def test_dragging_pans_both_pictures_together_and_stops_at_the_edge(viewer):
    viewer.keys(".stage", "8")
    before = viewer.state()
    x, y = viewer.middle(".stage")
    viewer.drag(x + 60, y, 80, 50)
    after = viewer.state()
    assert after["x"] - before["x"] == pytest.approx(80, abs=1)
    assert after["transforms"][0] == after["transforms"][1]
    for _ in range(12):
        viewer.drag(x + 60, y, 400, 0)
    left = viewer.run("return document.querySelector('.stage').getBoundingClientRect().left")
    assert viewer.state()["x"] == pytest.approx(left, abs=1)


def test_double_click_goes_near_and_back(viewer):
    x, y = viewer.middle(".stage")
    fitted = viewer.state()["zoom"]
    for expected in (min(fitted * 4, 800), fitted):  # fitted already shows more than 100 %
        for _ in range(2):
            viewer.mouse("mousePressed", x + 90, y)
            viewer.mouse("mouseReleased", x + 90, y)
        assert viewer.state()["zoom"] == pytest.approx(expected, rel=0.01)


def test_touch_moves_the_divider_pinches_and_taps_twice(browser):
    browser.open("two", 360, height=740)
    browser.command("Emulation.setTouchEmulationEnabled", enabled=True, maxTouchPoints=2)
    try:
        x, y = browser.middle(".divider")
        browser.touch([(x, y)], [(x - 40, y)], [(x - 85, y)])
        assert browser.state()["divider"] == pytest.approx(25, abs=3)
        fitted = browser.state()["zoom"]
        browser.touch([(x - 20, y), (x + 20, y)], [(x - 30, y), (x + 30, y)], [(x - 60, y), (x + 60, y)])
        pinched = browser.state()
        assert pinched["zoom"] == pytest.approx(fitted * 3, rel=0.05)
        browser.touch([(x + 20, y)], [(x + 40, y)], [(x + 60, y)])
        assert browser.state()["x"] - pinched["x"] == pytest.approx(40, abs=2)
        for _ in range(2):
            browser.touch([(x + 50, y)])
        assert browser.state()["zoom"] == fitted
    finally:
        browser.command("Emulation.setTouchEmulationEnabled", enabled=False)


def test_a_finger_scrolls_the_page_until_the_picture_is_zoomed(browser):
    browser.open("two", 360, height=740)
    action = "return document.querySelector('.stage').style.touchAction"
    assert browser.run(action) == "pan-y"
    browser.keys(".stage", "4")
    browser.settle()
    assert browser.run(action) == "none"


def test_the_keyboard_does_everything(viewer):
    viewer.keys(".divider", Keys.ARROW_RIGHT)
    assert viewer.state()["divider"] == 52
    viewer.keys(".divider", Keys.SHIFT + Keys.ARROW_LEFT)
    assert viewer.state()["divider"] == 42
    viewer.keys(".divider", Keys.END)
    assert viewer.state()["text"] == "A 100 %, B 0 %"
    viewer.keys(".divider", Keys.HOME)
    assert viewer.state()["divider"] == 0
    for key, zoom in (("1", 100), ("4", 400), ("8", 800), ("-", 400), ("+", 800), ("2", 200)):
        viewer.keys(".stage", key)
        assert viewer.state()["zoom"] == zoom
    viewer.keys(".stage", "8")
    before = viewer.state()
    viewer.keys(".stage", Keys.ARROW_RIGHT)
    assert viewer.state()["x"] - before["x"] == pytest.approx(-40, abs=1)
    viewer.keys(".stage", "0")
    assert viewer.state()["zoom"] < 300
    viewer.keys(".stage", "x")
    assert (viewer.state()["left"], viewer.state()["right"]) == ("B", "A")
    viewer.keys(".stage", "s")
    viewer.settle()
    boxes = viewer.run("return [...document.querySelectorAll('.layer')].map((l) => l.getBoundingClientRect().x)")
    assert boxes[0] > boxes[1]  # B is on the left
    assert not viewer.driver.find_element("css selector", ".divider").is_displayed()
    viewer.keys(".stage", "d" + Keys.ESCAPE)
    viewer.settle()
    assert viewer.run("return document.activeElement === document.body")
    assert viewer.driver.find_element("css selector", ".divider").is_displayed()


def test_focus_is_visible(viewer):
    viewer.run("document.querySelector('.stage').scrollIntoView({block: 'center'})")
    for selector in (".stage", "[data-do=fit]", ".theme", "nav a"):
        viewer.keys(selector, Keys.TAB)
        viewer.run("document.querySelector(arguments[0]).focus({focusVisible: true})", selector)
        width, style = viewer.run(
            "const s = getComputedStyle(document.querySelector(arguments[0])); return [s.outlineWidth, s.outlineStyle]",
            selector,
        )
        assert (width, style) == ("2px", "solid"), selector


def test_any_two_of_many_can_be_chosen(browser):
    browser.open("three")
    browser.keys(".stage", "]")
    assert (browser.state()["left"], browser.state()["right"]) == ("A", "C")
    browser.keys(".stage", "]")
    assert browser.state()["right"] == "R"  # the reference
    browser.keys(".stage", "[")
    assert browser.state()["left"] == "B"
    browser.keys(".stage", "[")
    browser.keys(".stage", "[")
    assert (browser.state()["left"], browser.state()["right"]) == ("A", "R")  # never the same on both sides
    browser.run(
        "const s = document.querySelector('[data-side=left]'); s.value = 3; s.dispatchEvent(new Event('change'))"
    )
    assert (browser.state()["left"], browser.state()["right"]) == ("R", "A")


def test_a_crop_shows_its_place(viewer):
    button = viewer.driver.find_element("css selector", "[data-crop]")
    x, y, w, h = (int(v) for v in button.get_attribute("data-crop").split())
    button.click()
    state = viewer.state()
    box = viewer.run("return document.querySelector('.stage').getBoundingClientRect().toJSON()")
    center = [(box["x"] + box["width"] / 2 - state["x"]) * 100 / state["zoom"],
              (box["y"] + box["height"] / 2 - state["y"]) * 100 / state["zoom"]]  # fmt: skip
    assert state["zoom"] >= 400
    assert center[0] == pytest.approx(max(x + w / 2, box["width"] / 2 * 100 / state["zoom"]), abs=1)
    assert center[1] == pytest.approx(y + h / 2, abs=1)
    assert 0 <= box["top"] < 800


def test_a_hundred_per_cent_is_one_screen_pixel_on_dense_screens(browser):
    browser.open("two", density=2)
    browser.keys(".stage", "1")
    state = browser.state()
    assert (state["zoom"], state["crisp"]) == (100, False)
    assert _scale(state["transforms"][0]) == pytest.approx(0.5)


def test_pictures_of_different_size_are_shown_at_one_size(browser):
    browser.open("sizes")
    boxes = "return [...document.querySelectorAll('.layer img')].map((i) => i.getBoundingClientRect().toJSON())"
    first, second = browser.run(boxes)
    assert (second["x"], second["y"], second["width"]) == pytest.approx((first["x"], first["y"], first["width"]))
    assert browser.run("return document.querySelector('.about').textContent") == "B is shown scaled to the size of A."
    browser.keys(".stage", "1")
    assert _scale(browser.state()["transforms"][1]) == pytest.approx(0.5)
    browser.keys(".stage", "x")  # the same part of the scene, now counted in pixels of the larger one
    assert browser.state()["zoom"] == 50
    assert _scale(browser.state()["transforms"][0]) == pytest.approx(1)


def test_one_picture_has_a_viewer_without_divider(browser):
    browser.open("one")
    assert browser.driver.find_elements("css selector", ".divider, [data-side], [data-do=swap]") == []
    browser.keys(".stage", "1")
    assert browser.state()["zoom"] == 100
    browser.keys(".stage", "x")
    assert browser.errors() == []


def test_a_page_without_pictures_has_no_viewer(browser):
    browser.open("sheet")
    assert browser.driver.find_elements("css selector", ".viewer") == []
    assert browser.driver.find_element("css selector", ".theme").is_displayed()
    assert browser.errors() == []
