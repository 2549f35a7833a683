"""The scientific profile against an independent raw developer, on a real file."""

from __future__ import annotations

import numpy as np

from isp import Pipeline, read_profile, read_raw

BOX = 16


def box_means(picture):
    height, width = (n // BOX for n in picture.shape[:2])
    cut = picture[: height * BOX, : width * BOX]
    return cut.reshape(height, BOX, width, BOX, -1).mean(axis=(1, 3), dtype=np.float64)


def test_reference_agrees_with_librawss_linear_output(shared_data):
    import colour
    import rawpy

    path = shared_data / "raw" / "gopro_hero6_GOPR0024.dng"
    frame = read_raw(path)
    profile = read_profile("reference").with_settings(["encode.transfer=linear", "output.bits=16"])
    ours = box_means(Pipeline(profile)(frame).data)
    with rawpy.imread(str(path)) as raw:
        libraw = raw.postprocess(
            gamma=(1, 1), no_auto_bright=True, output_bps=16, use_camera_wb=True, user_flip=0, user_sat=16383,
            adjust_maximum_thr=0.0, output_color=rawpy.ColorSpace.sRGB,
            demosaic_algorithm=rawpy.DemosaicAlgorithm.LINEAR,
        )
    theirs = box_means(libraw) / 65535
    clipped = box_means((frame.data > 14000)[..., None].astype(np.float32))[..., 0] > 0
    inside = (np.minimum(ours, theirs).min(axis=-1) > 0.001) & (np.maximum(ours, theirs).max(axis=-1) < 0.97)
    use = inside & ~clipped
    assert use.mean() > 0.5
    scale = ours[use].sum() / theirs[use].sum()
    white = colour.CCS_ILLUMINANTS["CIE 1931 2 Degree Standard Observer"]["D65"]
    labs = [
        colour.XYZ_to_Lab(colour.RGB_to_XYZ(a[use], "sRGB", apply_cctf_decoding=False), white)
        for a in (ours, theirs * scale)
    ]
    assert abs(scale - 1) < 0.02
    assert np.mean(colour.delta_E(*labs, method="CIE 2000")) < 0.5
