"""Picture of one section of a report, taken in a browser without a display.

    python scripts/picture_report.py OUT/report.html --section view --save report.png

Sections: view, slices, table, sizes. Needs Chromium, its driver, and selenium. `--choose 3` singles
a membrane out first, `--colour sigma_A` colours the 3-D view.
"""

import argparse
import shutil
import time
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By

FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars",
    "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
    "--window-size=1440,1600",
)  # fmt: skip
PATIENCE_S = 120.0


def browser() -> webdriver.Chrome:
    """Start Chromium, drawing 3-D on the processor."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for flag in FLAGS:
        options.add_argument(flag)
    return webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver") or ""))


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
        bench = driver.find_element(By.CSS_SELECTOR, f"#{options.section}")
        options.save.write_bytes(bench.screenshot_as_png)
    finally:
        driver.quit()


if __name__ == "__main__":
    main()
