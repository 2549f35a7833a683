"""The looks as pictures: one simulated still life developed with every look, for docs/looks.md.

    python benchmarks/looks.py [-o docs/images] [--whole DIR]

Writes `look_NAME.jpg`, reduced; `--whole` keeps the pictures at full size, also of the night street.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from side_by_side import TAKES, street

from isp import Pipeline, read_profile
from sensors import capture

LOOKS = ("natural", "authentic", "vibrant", "monochrome", "monochrome_high_contrast", "sepia", "blue", "cinema_classic",
         "cinema_contemporary")  # fmt: skip
SIZE = (3840, 2880)
"""Photosites, binned 2x2: a picture of 1920 x 1440."""
WIDTH = 480
"""Of the pictures for the page [px]."""


def main() -> None:
    """Develop the frames and write the pictures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/images"))
    parser.add_argument("--whole", type=Path, help="keep the pictures at full size in this folder")
    parser.add_argument("--only", nargs="*", default=LOOKS, choices=LOOKS, help="some of the looks")
    asked = parser.parse_args()
    for scene in ("day", "night") if asked.whole else ("day",):
        take = TAKES[scene]
        settings = dict(take.settings)
        what = settings.pop("scene")
        frame = capture(street() if what == "street" else what, take.camera, size=SIZE, **settings)
        for name in asked.only:
            picture = Pipeline(read_profile(name)).run(frame).value
            if scene == "day":
                picture.save(asked.output / f"look_{name}.jpg", quality=84, resize={"width": WIDTH}, overwrite=True)
            if asked.whole:
                asked.whole.mkdir(parents=True, exist_ok=True)
                picture.save(asked.whole / f"{scene}_{name}.png", overwrite=True)


if __name__ == "__main__":
    main()
