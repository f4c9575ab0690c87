"""The check accepts exactly the images that training loads, with the size that training sees."""

import io
import zlib

import numpy as np
import pytest
from PIL import Image

from rankdet.datasets import decoding, images
from tests.datasets.pets import problems_of, set_in

RNG = np.random.default_rng(5)
NOISE = Image.fromarray(RNG.integers(0, 255, (30, 40, 3), dtype=np.uint8))
DEEP = Image.fromarray(RNG.integers(0, 60000, (30, 40), dtype=np.uint16))


def saved(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def turned(kind, orientation, size=(40, 30)):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return saved(NOISE.resize(size), kind, exif=exif)


def other_checksum(png):
    """Changes a checksum of the pixels of a PNG, and the checksum of its chunk with it."""
    start = png.index(b"IDAT") + 4
    length = int.from_bytes(png[start - 8 : start - 4], "big")
    data = png[start : start + length - 4] + b"\0\0\0\1"
    crc = zlib.crc32(b"IDAT" + data).to_bytes(4, "big")
    return png[:start] + data + crc + png[start + length + 4 :]


PNG = saved(NOISE, "PNG")
FILES = {
    "png": PNG,
    "gray.png": saved(NOISE.convert("L"), "PNG"),
    "palette.png": saved(NOISE.convert("P"), "PNG"),
    "alpha.png": saved(NOISE.convert("RGBA"), "PNG"),
    "16-bit.png": saved(DEEP, "PNG"),
    "jpg": saved(NOISE, "JPEG"),
    "cmyk.jpg": saved(NOISE.convert("CMYK"), "JPEG"),
    "progressive.jpg": saved(NOISE, "JPEG", progressive=True),
    "bmp": saved(NOISE, "BMP"),
    "gif": saved(NOISE, "GIF"),
    "tif": saved(NOISE, "TIFF"),
    "16-bit.tif": saved(DEEP, "TIFF"),
    "float.tif": saved(Image.fromarray(np.ones((30, 40), np.float32)), "TIFF"),
    "int.tif": saved(Image.fromarray(np.ones((30, 40), np.int32)), "TIFF"),
    "webp": saved(NOISE, "WEBP"),
    "ppm": saved(NOISE, "PPM"),
    "tga": saved(NOISE, "TGA"),
    "pcx": saved(NOISE, "PCX"),
    "dds": saved(NOISE, "DDS"),
    "ico": saved(NOISE, "ICO", sizes=[(40, 30)]),
    "no-end.png": PNG[:-12],
    "checksum.png": other_checksum(PNG),
    **{
        f"cut-{part}.{kind}": content[: len(content) * part // 100]
        for kind in ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
        for content in [saved(NOISE, kind)]
        for part in (40, 80, 97)
    },
    **{f"{o}.{kind}": turned(kind, o) for kind in ("JPEG", "PNG", "TIFF") for o in range(1, 9)},
    "text.png": b"not an image",
}
# Older OpenCV shows the missing rest of these in gray; the check refuses them always.
HALF = {name for name in FILES if name.startswith(("cut-", "no-end"))}


@pytest.fixture(scope="module")
def looked(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    seen = {}
    images.look(sorted(folder.iterdir()), seen)
    return folder, {path.name: found for path, found in seen.items()}


def loaded(path):
    """Returns the pixels that mmdet's loader gives to training; None if it fails."""
    from mmcv.transforms import LoadImageFromFile

    try:
        return LoadImageFromFile().transform({"img_path": str(path)})["img"]
    except Exception:
        return None


@pytest.mark.fault("image of every kind of file: the check loads what training loads")
@pytest.mark.parametrize("name", FILES)
def test_the_check_loads_what_training_loads(looked, name):
    folder, seen = looked
    pixels = loaded(folder / name)
    found = seen[name]
    if name in HALF:
        assert found.problem and found.size is None
    elif pixels is None:
        assert found.problem and found.size is None and "\n" not in found.problem
    else:
        assert not found.problem
        assert found.size == (pixels.shape[1], pixels.shape[0])
        assert (decoding.decode(FILES[name]) == pixels).all()


def test_some_files_load_and_some_do_not(looked):
    """Otherwise the test above could pass with nothing to compare."""
    problems = {name: found.problem for name, found in looked[1].items()}
    assert not any(problems[name] for name in ("png", "jpg", "16-bit.png", "16-bit.tif", "bmp"))
    assert "(TGA)" in problems["tga"] and "(TIFF)" in problems["float.tif"]
    assert problems["text.png"] == "not an image"


def test_nothing_but_one_line_is_printed(good, capfd):
    folder, _ = good
    (folder / "1.png").write_bytes(other_checksum(PNG))
    (folder / "2.png").write_bytes(FILES["float.tif"])
    (folder / "3.png").write_bytes(FILES["cut-80.BMP"])
    errors, _, _ = problems_of(good)
    assert len(errors) == 1 and "unreadable images: 3 (1.png: " in errors[0]
    assert "save them again as PNG or JPEG" in errors[0]
    assert capfd.readouterr() == ("", "")


@pytest.mark.fault("EXIF orientation that keeps the size of the image")
@pytest.mark.parametrize(("kind", "orientation"), [("JPEG", 2), ("JPEG", 3), ("PNG", 4)])
def test_an_orientation_that_keeps_the_size_is_a_warning(good, kind, orientation):
    folder, _ = good
    (folder / "1.png").write_bytes(turned(kind, orientation))
    errors, warnings, _ = problems_of(good)
    assert errors == [] and len(warnings) == 1
    assert (
        f"to the same size, as training does, too: 1 (1.png: orientation {orientation})"
        in (warnings[0])
    )


def test_square_images_that_are_turned(good):
    folder, _ = good
    (folder / "3.png").write_bytes(turned("JPEG", 6, (16, 16)))
    _, warnings, _ = problems_of(good)
    assert "(3.png: orientation 6)" in warnings[0]
    (folder / "3.png").write_bytes(turned("JPEG", 1, (16, 16)))
    assert problems_of(good)[1] == []


def test_an_orientation_that_training_does_not_apply(good):
    """The annotated size is compared with the pixels that training sees, not with the tag."""
    folder, _ = good
    path = folder / "1.png"
    try:
        path.write_bytes(turned("AVIF", 6))
    except (KeyError, OSError):
        pytest.skip("this Pillow does not write AVIF")
    pixels = loaded(path)
    if pixels is None:
        pytest.skip("this OpenCV does not read AVIF")
    errors, warnings, data = problems_of(good, set_in("images", 0, width=40, height=30))
    turns = pixels.shape[:2] == (40, 30)
    assert errors == [] and bool(warnings) == turns
    assert data["images"][0]["width"] == 40


def test_large_images_are_read_as_training_reads_them(good, monkeypatch):
    """Pillow refuses images above its limit; training has no such limit."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    assert problems_of(good)[0] == []
    assert Image.MAX_IMAGE_PIXELS == 100


def test_very_elongated_images_are_named_with_the_size_they_need(good):
    folder, _ = good
    Image.new("RGB", (900, 3)).save(folder / "2.png")
    errors, warnings, _ = problems_of(good, set_in("images", 1, width=900, height=3))
    assert errors == []
    assert "and the smallest image_size for them: 1 (2.png: 900 x 3, image_size 150)" in warnings[0]


def mutated(content, rng):
    """Cuts a file, changes some bytes of it or of its header, or removes a part."""
    kind, changed = rng.integers(4), bytearray(content)
    if kind == 0:
        return bytes(changed[: rng.integers(1, len(changed))])
    if kind == 1:
        first, last = sorted(rng.integers(0, len(changed), 2))
        del changed[first:last]
        return bytes(changed)
    end = len(changed) if kind == 2 else min(64, len(changed))
    for _ in range(rng.integers(1, 9)):
        changed[rng.integers(end)] = rng.integers(256)
    return bytes(changed)


@pytest.mark.fault("image with damaged bytes", tries=400)
def test_damaged_files_are_judged_as_training_judges_them(tmp_path):
    rng = np.random.default_rng(13)
    whole = [name for name in FILES if name not in HALF and name != "text.png"]
    for i in range(400):
        name = whole[i % len(whole)]
        (tmp_path / f"{i}-{name}").write_bytes(mutated(FILES[name], rng))
    seen = {}
    images.look(sorted(tmp_path.iterdir()), seen)
    differing = []
    with decoding.quiet():
        for path, found in seen.items():
            pixels = loaded(path)
            size = None if pixels is None else pixels.shape[1::-1]
            # The check may refuse more: a half file that an older OpenCV shows.
            if found.size is not None and found.size != size:
                differing.append(path.name)
    assert differing == []
    assert {bool(found.problem) for found in seen.values()} == {True, False}
    assert not any("\n" in found.problem for found in seen.values())
