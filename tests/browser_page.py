"""Pages in Chromium without a display, driven through its own driver."""

import importlib.util
import json
import shutil
import time
from pathlib import Path

import numpy as np
import pytest

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars",
    "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
    "--force-device-scale-factor=1", "--window-size=1000,800",
)  # fmt: skip
PHONE = {"width": 420, "height": 800, "pixelRatio": 1.0}
needs_chromium = [
    pytest.mark.skipif(CHROMIUM is None or DRIVER is None, reason="needs chromium, chromedriver"),
    pytest.mark.skipif(importlib.util.find_spec("selenium") is None, reason="needs selenium"),
]


def started(phone: bool = False):
    """Start Chromium; its owner ends it with `quit`."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in FLAGS:
        options.add_argument(flag)
    if phone:
        options.add_experimental_option("mobileEmulation", {"deviceMetrics": PHONE})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return webdriver.Chrome(options=options, service=Service(DRIVER))


def asked_for(driver) -> set[str]:
    """Addresses that pages have asked for since this was asked last."""
    events = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    return {
        event["params"]["request"]["url"]
        for event in events
        if event["method"] == "Network.requestWillBeSent"
    }


class Page:
    """What the tests do with the page."""

    def __init__(self, driver, path: Path) -> None:
        self.run = driver.execute_script
        driver.get(path.as_uri())
        self.wait("return document.querySelector('#space').classList.contains('live')")
        self.settle()

    def wait(self, script: str, seconds: float = 60.0) -> None:
        end = time.monotonic() + seconds
        while not self.run(script):
            assert time.monotonic() < end, f"not in {seconds} s: {script}"
            time.sleep(0.05)

    def settle(self) -> None:
        """Wait for two more pictures of the browser."""
        self.run("window.frames_ = 0; requestAnimationFrame(() => requestAnimationFrame(() => "
                 "requestAnimationFrame(() => { window.frames_ = 1; })))")  # fmt: skip
        self.wait("return window.frames_ === 1")

    def click(self, selector: str) -> None:
        self.run("document.querySelector(arguments[0]).dispatchEvent("
                 "new MouseEvent('click', {bubbles: true}))", selector)  # fmt: skip
        self.settle()

    def slide(self, level: int) -> None:
        self.run("const s = document.querySelector('#browser input[type=range]');"
                 "s.value = arguments[0]; s.dispatchEvent(new Event('input'))", level)  # fmt: skip
        self.settle()

    def space(self, name: str) -> str:
        return self.run("return document.querySelector('#space').dataset[arguments[0]]", name)

    def picture(self) -> np.ndarray:
        """Pixels (N, 4) of the 3-D view."""
        values = self.run(
            """const canvas = document.querySelector("#space canvas");
            const copy = document.createElement("canvas");
            copy.width = 200; copy.height = 125;
            const pen = copy.getContext("2d");
            pen.drawImage(canvas, 0, 0, 200, 125);
            return [...pen.getImageData(0, 0, 200, 125).data];"""
        )
        return np.array(values, dtype=int).reshape(-1, 4)
