"""The renderer of the lens look against rays traced through the prescription.

Three lenses, three apertures, two distances in focus, two scenes.

    python -m benchmarks.lens_look_accuracy [--seeds]

Prints PSNR [dB] of pictures clipped at white and encoded as sRGB: all over, and where blur mixes what lies on both
sides of an edge; with what is hidden guessed from the picture, and known. `--seeds` renders the reference twice and
says how far the two agree. Takes about half a minute for each of the 36.
"""

from __future__ import annotations

import argparse

import numpy as np

from tests.lens_scenes import Trial, decibels, encoded, fence, portrait

SHAPE = (60, 80)
LENSES = ("50mm_f1.2_1966", "50mm_f1.4_1971", "58mm_f1.4_1927")
APERTURES = (None, 2.0, 4.0)
SCENES = {"portrait": (portrait, (1.2, 6.0)), "fence": (fence, (1.4, 5.0))}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", action="store_true", help="render the reference twice")
    given = parser.parse_args()
    print("| lens | f/ | scene | focus [m] | all | band | all, known | band, known |" + " seeds |" * given.seeds)
    print("|---|---|---|---|---|---|---|---|" + "---|" * given.seeds)
    least = [np.inf] * 4
    for lens in LENSES:
        for f_number in APERTURES:
            for name, (scene, foci) in SCENES.items():
                for focus in foci:
                    layers, trial = scene(SHAPE), Trial(lens, f_number, focus)
                    truth = encoded(trial.traced(layers, 1))
                    if given.seeds:
                        other = encoded(trial.traced(layers, 2))
                    band = trial.band(layers)
                    row = []
                    for known in (False, True):
                        picture = encoded(trial.rendered(layers, known=known))
                        row += [decibels(picture, truth), decibels(picture, truth, band)]
                    least = [min(a, b) for a, b in zip(least, row, strict=True)]
                    cells = [f"{v:.1f}" for v in row]
                    if given.seeds:
                        cells.append(f"{decibels(truth, other):.1f}")
                    aperture = "wide" if f_number is None else f"{f_number:g}"
                    print(f"| {lens} | {aperture} | {name} | {focus:g} | " + " | ".join(cells) + " |", flush=True)
    print("least: " + " ".join(f"{v:.1f}" for v in least))


if __name__ == "__main__":
    main()
