"""One headless Chromium for all tests of the page, and the pages as files."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reports.estimate import Estimate
from reports.model import Quantity, Section
from reports.page import render, render_sections
from tests.browser import sample

WIDTHS = (360, 1280, 2560)
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--disable-dev-shm-usage",
)  # fmt: skip


class Browser:
    """What the tests ask of Chromium."""

    def __init__(self, driver: Any, folder: Path) -> None:
        self.driver, self.folder = driver, folder

    def open(self, name: str, width: int = 1280, theme: str = "light", height: int = 800, density: int = 1) -> None:
        """Loads a page at a size and in a theme, and waits until the viewer has drawn itself."""
        self.command(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=density, mobile=False
        )
        features = {"prefers-color-scheme": theme, "prefers-reduced-motion": "reduce"}  # scrolling is over at once
        self.command("Emulation.setEmulatedMedia", features=[{"name": n, "value": v} for n, v in features.items()])
        self.driver.get(f"file://{self.folder}/{name}.html")
        self.settle()

    def command(self, name: str, **arguments: Any) -> Any:
        return self.driver.execute_cdp_cmd(name, arguments)

    def run(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def settle(self) -> None:
        """Until two frames are drawn."""
        self.driver.execute_async_script(
            "const f = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(f))"
        )

    def state(self) -> dict[str, Any]:
        """Of the viewer, as it is seen: zoom [%], divider [%], pictures, where they are drawn."""
        self.settle()
        return self.run("""
            const shown = (side) => document.querySelector(`[data-side=${side}]`)?.selectedOptions[0].text[0];
            const image = document.querySelector('.layer.shown:not(.right) img');
            const pairs = [...document.querySelectorAll('.layer.shown img')].map((i) => i.style.transform);
            return {zoom: parseFloat(document.querySelector('.viewer output').textContent),
                    divider: Number(document.querySelector('.divider')?.getAttribute('aria-valuenow')),
                    text: document.querySelector('.divider')?.getAttribute('aria-valuetext'),
                    left: shown('left'), right: shown('right'), transforms: pairs,
                    crisp: image.parentElement.classList.contains('crisp'),
                    x: image.getBoundingClientRect().x, y: image.getBoundingClientRect().y};
        """)

    def middle(self, selector: str) -> tuple[float, float]:
        """Of an element, in the window, after scrolling to it."""
        x, y = self.run("""
            const e = document.querySelector(arguments[0]);
            e.scrollIntoView({block: 'center', behavior: 'instant'});
            const r = e.getBoundingClientRect();
            return [r.x + r.width / 2, r.y + r.height / 2];
        """, selector)  # fmt: skip
        return x, y

    def mouse(self, kind: str, x: float, y: float, **more: Any) -> None:
        button = {"button": "left", "clickCount": 1} if kind in ("mousePressed", "mouseReleased") else {}
        self.command("Input.dispatchMouseEvent", type=kind, x=x, y=y, **{**button, **more})

    def drag(self, x: float, y: float, dx: float, dy: float) -> None:
        self.mouse("mouseMoved", x, y)
        self.mouse("mousePressed", x, y)
        for part in (0.5, 1.0):
            self.mouse("mouseMoved", x + dx * part, y + dy * part, button="left", buttons=1)
        self.mouse("mouseReleased", x + dx, y + dy)

    def touch(self, *steps: list[tuple[float, float]]) -> None:
        """Fingers put down at the first step, moved through the others, lifted."""
        for number, points in enumerate(steps):
            touches = [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(points)]
            self.command("Input.dispatchTouchEvent", type="touchMove" if number else "touchStart", touchPoints=touches)
        self.command("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])

    def keys(self, selector: str, keys: str) -> None:
        self.driver.find_element("css selector", selector).send_keys(keys)

    def requested(self) -> set[str]:
        """Addresses asked for since the last call."""
        messages = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        return {m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"}

    def errors(self) -> list[str]:
        """What the console said since the last call."""
        return [entry["message"] for entry in self.driver.get_log("browser")]


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Chromium with all pages written; skipped where there is none."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    chromedriver = shutil.which("chromedriver")
    if not (chromium and chromedriver):
        pytest.skip("chromium and chromedriver are not installed")
    pytest.importorskip("selenium", reason="selenium, which drives the browser, is not installed")
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    folder = tmp_path_factory.mktemp("pages")
    write_pages(folder)
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(chromedriver))
    try:
        yield Browser(driver, folder)
    finally:
        driver.quit()


def write_pages(folder: Path) -> None:
    """Every kind of page."""
    reports = {
        "two": sample.report(2), "three": sample.report(3), "one": sample.report(1), "same": sample.same(),
        "big": sample.report(2, scale=4), "six": sample.many(6), "sizes": sample.sizes(),
    }  # fmt: skip
    for name, report in reports.items():
        (folder / f"{name}.html").write_text(render(report), encoding="utf-8")
    sections = [
        Section("emva", "EMVA 1288", ("100 frames",)),
        Section("plots", "Plots", (), (sample.curves("A", "PTC"),) * 2),
    ]
    values = [Quantity("emva.gain", "System gain", "emva", (Estimate.normal(0.231, 0.001, "DN/e-"),)),
              Quantity("emva.dr", "Dynamic range", "emva", (Estimate.missing("no dark frames", "dB"),))]  # fmt: skip
    page = render_sections("A sensor", sections, quantities=values, facts=[("Pitch", "0.8 µm")], sheet=True)
    (folder / "sheet.html").write_text(page, encoding="utf-8")
