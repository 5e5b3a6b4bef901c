"""Every preset of `membraneseg simulate` on one sheet: FOLDER/contact_sheet.png."""

import argparse
from pathlib import Path

from rich.console import Console

from membraneseg.phantom.presets import PRESETS
from membraneseg.phantom_sheets import write_set_files
from membraneseg.progress import BarReporter
from membraneseg.scene_file import load_scene
from membraneseg.simulate import SimulateRequest, simulate_to_folder


def main() -> None:
    """Simulate each preset into a folder of its name, then draw and tabulate them all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    places = [options.folder / name for name in PRESETS]
    for name, place in zip(PRESETS, places, strict=True):
        settings = load_scene(name, options={"seed": options.seed})
        request = SimulateRequest(place, resume=True)
        simulate_to_folder(request, settings, BarReporter(Console(stderr=True)))
    write_set_files(options.folder, places)


if __name__ == "__main__":
    main()
