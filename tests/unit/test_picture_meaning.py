"""What the numbers of a picture file mean, for files that we and others wrote."""

import io

import numpy as np
import pytest
from PIL import Image, ImageCms

from isp.errors import InputError
from isp.io import read_picture, write_picture
from isp.io.icc import icc_profile
from isp.values import Picture

CODES = np.random.Generator(np.random.Philox(1)).integers(0, 255, (12, 16, 3), dtype=np.uint8)


@pytest.mark.parametrize("suffix", ["png", "tiff"])
@pytest.mark.parametrize("space", ["srgb", "display_p3", "rec2020"])
def test_our_own_files_come_back_as_what_they_were(tmp_path, suffix, space):
    picture = Picture(CODES, space, "srgb", "display")
    again = read_picture(write_picture(picture, tmp_path / f"a.{suffix}"))
    assert (again.space, again.transfer, again.referred) == (space, "srgb", "display")
    assert np.array_equal(again.pixels, CODES)
    assert len(again.origin.sha256) == 64


@pytest.mark.parametrize("transfer", ["pq", "hlg"])
def test_hdr_stills_are_read_by_their_code_points(tmp_path, transfer):
    picture = Picture(CODES.astype(np.uint16) * 257, "rec2020", transfer, "display")
    again = read_picture(write_picture(picture, tmp_path / "a.png"))
    assert (again.space, again.transfer) == ("rec2020", transfer)


def test_a_file_that_states_nothing_is_srgb(tmp_path):
    Image.fromarray(CODES).save(tmp_path / "a.jpg")
    assert read_picture(tmp_path / "a.jpg").space == "srgb"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(CODES).save(tmp_path / "b.png", icc_profile=profile)
    assert read_picture(tmp_path / "b.png").space == "srgb"


def test_other_primaries_are_refused_in_a_sentence(tmp_path):
    data = bytearray(icc_profile("srgb", "srgb"))
    place = data.index(b"XYZ \0\0\0\0", 400)
    data[place + 8 : place + 12] = (0xC000).to_bytes(4, "big")
    held = io.BytesIO()
    Image.fromarray(CODES).save(held, "png", icc_profile=bytes(data))
    (tmp_path / "odd.png").write_bytes(held.getvalue())
    with pytest.raises(InputError, match=r"odd\.png: its ICC profile .* has primaries of its own; sRGB, Display P3"):
        read_picture(tmp_path / "odd.png")
