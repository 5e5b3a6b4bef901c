"""Picture of one section of a report, taken in a browser without a display.

    python scripts/picture_report.py OUT/report.html --section view --save report.png

Sections: view, slices, table, sizes; of vesicles also profiles, outliers. Needs Chromium, its
driver, and selenium. `--choose 3` singles a membrane out first, `--colour sigma_A` colours the
3-D view.
"""

import argparse
import base64
import shutil
import time
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars",
    "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
    "--window-size=1440,1000",
)  # fmt: skip
PATIENCE_S = 120.0
MARGIN_PX = 16


def browser() -> webdriver.Chrome:
    """Start Chromium, drawing 3-D on the processor."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for flag in FLAGS:
        options.add_argument(flag)
    return webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver") or ""))


def picture_of(driver: webdriver.Chrome, section: str) -> bytes:
    """Picture of a section with a margin, as PNG, also where it is higher than the window."""
    box = driver.execute_script(
        "const b = document.getElementById(arguments[0]).getBoundingClientRect();"
        "return [b.left + scrollX, b.top + scrollY, b.width, b.height];", section
    )  # fmt: skip
    left, top, width, height = (float(value) for value in box)
    clip = {
        "x": left - MARGIN_PX, "y": top - MARGIN_PX, "width": width + 2 * MARGIN_PX,
        "height": height + 2 * MARGIN_PX, "scale": 1,
    }  # fmt: skip
    asked = {"clip": clip, "captureBeyondViewport": True}
    return base64.b64decode(driver.execute_cdp_cmd("Page.captureScreenshot", asked)["data"])


def main() -> None:
    """Open the page, wait until it is drawn, save the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("report", type=Path)
    parser.add_argument("--section", default="view")
    parser.add_argument("--save", type=Path, required=True, help="write this .png")
    parser.add_argument("--choose", help="number of a membrane to single out")
    parser.add_argument("--colour", help="membrane, seen, sigma_A, mean_curvature_per_nm")
    options = parser.parse_args()
    driver = browser()
    try:
        driver.get(options.report.resolve().as_uri())
        end = time.monotonic() + PATIENCE_S
        live = "return document.querySelector('#space.live') !== null"
        while not driver.execute_script(live) and time.monotonic() < end:
            time.sleep(0.2)
        chosen = {f"tr[data-label='{options.choose}'] td": options.choose}
        chosen |= {f"input[value='{options.colour}']": options.colour}
        for selector in (selector for selector, wanted in chosen.items() if wanted):
            driver.execute_script(f'document.querySelector("{selector}").click()')
        time.sleep(3.0)
        options.save.write_bytes(picture_of(driver, options.section))
    finally:
        driver.quit()


if __name__ == "__main__":
    main()
