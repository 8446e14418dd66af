"""Every kind of file that a person may drop, made here byte by byte or by Pillow."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from skin_core.errors import UnusableImageError
from skin_core.imaging.decode import decode, to_input


def encoded(picture: Image.Image, kind: str, **options) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def gradient(width: int = 40, height: int = 30) -> np.ndarray:
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([x * 255 // (width - 1), y * 255 // (height - 1), np.full_like(x, 90)], axis=2).astype(np.uint8)


def png_header(width: int, height: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 9)) + chunk(b"IEND", b"")
    )


def sentence(data: bytes) -> str:
    with pytest.raises(UnusableImageError) as caught:
        decode(data, name="lesion.jpg")
    text = str(caught.value)
    assert text.startswith("lesion.jpg ") and text.endswith(".") and "\n" not in text
    return text


def test_lossless_pixels_come_back_exactly():
    pixels = gradient()
    for kind in ("PNG", "BMP", "TIFF", "PPM"):
        decoded = decode(encoded(Image.fromarray(pixels), kind))
        assert decoded.dtype == np.uint8 and decoded.flags.c_contiguous and decoded.flags.writeable
        np.testing.assert_array_equal(decoded, pixels)


def test_one_pixel():
    assert decode(encoded(Image.new("RGB", (1, 1), (10, 20, 30)), "PNG")).tolist() == [[[10, 20, 30]]]


def test_the_name_does_not_matter_and_the_content_does():
    np.testing.assert_array_equal(decode(encoded(Image.fromarray(gradient()), "PNG"), name="x.jpg"), gradient())


def test_cmyk_becomes_rgb():
    ink = Image.new("CMYK", (8, 8), (0, 255, 255, 0))  # magenta + yellow is red
    red, green, blue = decode(encoded(ink, "JPEG", quality=95))[4, 4]
    assert red > 240 and green < 15 and blue < 15


def test_sixteen_bits_keep_the_upper_eight():
    values = np.array([[0, 255, 256, 32768, 65535]], np.uint16)
    for kind in ("PNG", "TIFF"):
        decoded = decode(encoded(Image.fromarray(values), kind))
        assert decoded[0, :, 0].tolist() == [0, 0, 1, 128, 255]
        assert (decoded == decoded[:, :, :1]).all()


def test_sixteen_bits_in_a_portable_graymap():
    data = b"P5 3 1 65535\n" + np.array([0, 32768, 65535], ">u2").tobytes()
    assert decode(data)[0, :, 0].tolist() == [0, 128, 255]


def test_float_pixels_are_refused_in_a_sentence():
    assert "8 or 16 bits" in sentence(encoded(Image.fromarray(np.ones((4, 4), np.float32)), "TIFF"))


def test_palette_gray_and_one_bit():
    palette = Image.fromarray(gradient()).convert("P", palette=Image.Palette.ADAPTIVE, colors=64)
    np.testing.assert_array_equal(decode(encoded(palette, "PNG")), np.array(palette.convert("RGB")))
    assert decode(encoded(Image.new("L", (2, 2), 77), "PNG"))[0, 0].tolist() == [77, 77, 77]
    assert decode(encoded(Image.new("1", (2, 2), 1), "PNG"))[0, 0].tolist() == [255, 255, 255]


def test_transparency_is_laid_on_white():
    # 40 % red over white: 255, 153, 153
    assert decode(encoded(Image.new("RGBA", (2, 2), (255, 0, 0, 102)), "PNG"))[0, 0].tolist() == [255, 153, 153]
    assert decode(encoded(Image.new("LA", (2, 2), (0, 0)), "PNG"))[0, 0].tolist() == [255, 255, 255]
    keyed = Image.new("P", (2, 2), 0)
    keyed.putpalette([10, 20, 30, 200, 100, 50])
    keyed.putpixel((1, 1), 1)
    decoded = decode(encoded(keyed, "PNG", transparency=0))
    assert decoded[0, 0].tolist() == [255, 255, 255] and decoded[1, 1].tolist() == [200, 100, 50]


def test_first_frame_of_an_animation():
    frames = [Image.new("RGB", (6, 6), color) for color in ("red", "blue")]
    for kind in ("GIF", "WEBP", "PNG"):
        options = {"lossless": True} if kind == "WEBP" else {}
        data = encoded(frames[0], kind, save_all=True, append_images=frames[1:], duration=100, **options)
        assert decode(data)[3, 3].tolist() == [255, 0, 0]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(orientation):
    upright = gradient(16, 8)
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright, 1),
        7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = Image.fromarray(np.ascontiguousarray(stored))
    np.testing.assert_array_equal(decode(encoded(picture, "PNG", exif=exif)), upright)
    assert decode(encoded(picture, "JPEG", exif=exif)).shape == (8, 16, 3)
    assert decode(encoded(picture, "TIFF", exif=exif)).shape == (8, 16, 3)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_broken_exif_does_not_cost_the_picture():
    data = encoded(Image.fromarray(gradient()), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    assert decode(data).shape == (30, 40, 3)


def test_sentences_for_what_is_no_picture():
    assert "is empty" in sentence(b"")
    assert "is a text file" in sentence(b"Dear colleague, please find the lesion attached.")
    assert "is a text file" in sentence(("Läsion " * 200).encode())
    assert "is a PDF" in sentence(b"%PDF-1.7 \xe2\xe3")
    assert "is an archive" in sentence(b"PK\x03\x04\x14\0\0\0")
    assert "DICOM" in sentence(b"\0" * 128 + b"DICM\x02\0")
    assert "HEIC" in sentence(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0" * 40)
    assert "HEIC" in sentence(b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic" + b"\0" * 40)


def test_truncated_files():
    for kind in ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP"):
        noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
        data = encoded(Image.fromarray(noise), kind)
        for keep in (3, 20, len(data) // 2):
            sentence(data[:keep])


def test_thirty_thousand_pixels_square_is_refused_before_decoding():
    assert "89 million pixels" in sentence(png_header(30_000, 30_000))
    assert "89 million pixels" in sentence(png_header(10_000, 9_000))  # where Pillow itself only warns


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_damaged_bytes_never_raise_anything_else():
    random = np.random.default_rng(7)
    for kind in ("JPEG", "PNG", "GIF", "TIFF", "WEBP", "BMP"):
        data = encoded(Image.fromarray(gradient(24, 24)), kind)
        for _ in range(150):
            damaged = bytearray(data)
            for at in random.integers(0, len(data), 4):
                damaged[at] = random.integers(0, 256)
            try:
                assert decode(bytes(damaged)).ndim == 3
            except UnusableImageError as error:
                assert str(error).endswith(".")


def test_threads_get_the_same_pixels():
    data = encoded(Image.fromarray(gradient(300, 200)), "JPEG")
    expected = to_input(data, 64, "squash")
    with ThreadPoolExecutor(8) as pool:
        for result in pool.map(lambda _: to_input(data, 64, "squash"), range(64)):
            np.testing.assert_array_equal(result, expected)


def test_importing_the_decoder_stays_light():
    code = "import sys, skin_core.imaging.decode; print([m for m in ('pandas', 'tensorflow', 'scipy') if m in sys.modules])"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )


def test_the_first_pictures_of_a_process_may_come_from_many_threads() -> None:
    # Pillow fills its table of formats at the first use; a thread that came second saw it half full.
    data = encoded(Image.new("RGB", (8, 8), "red"), "JPEG")
    code = (
        "import threading\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "from skin_core.imaging.decode import decode\n"
        f"data = bytes.fromhex('{data.hex()}')\n"
        "start = threading.Barrier(8)\n"
        "def one(_):\n"
        "    start.wait()\n"
        "    return decode(data).shape\n"
        "print(set(ThreadPoolExecutor(8).map(one, range(8))))\n"
    )
    for _ in range(3):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert done.stdout.strip() == "{(8, 8, 3)}", done.stderr
