"""Sample images show the pixels that training sees, with the boxes on them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rankdet.report.sample_images import Sample, samples
from rankdet.results.records import RecordedStudy, read_study
from tests.report.fake_study import make_study

# How a picture is stored so that its EXIF orientation makes it upright again.
STORED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> RecordedStudy:
    return read_study(make_study(tmp_path_factory.mktemp("pictures")))


@pytest.fixture(scope="module")
def upright(study: RecordedStudy) -> dict[Path, Image.Image]:
    """The pictures of the split, cut so that their sides differ."""
    folder = Path(study.manifests["shapes"].splits["val"].images)
    return {p: Image.open(p).convert("RGB").crop((0, 0, 128, 100)) for p in folder.iterdir()}


def drawn(study: RecordedStudy, report: Path) -> list[tuple[Sample, np.ndarray]]:
    evaluation = study.runs[1].evaluations[0]
    found = samples(study, "shapes", evaluation, report)
    assert len(found) == 6
    return [(one, np.asarray(Image.open(report / one.href), float)) for one in found]


@pytest.mark.parametrize("orientation", STORED)
def test_pictures_are_turned_as_in_training(study, upright, orientation, tmp_path) -> None:
    for path, picture in upright.items():
        exif = Image.Exif()
        exif[0x0112] = orientation
        way = STORED[orientation]
        stored = picture if way is None else picture.transpose(way)
        with path.open("wb") as file:
            stored.save(file, "JPEG", quality=95, subsampling=0, exif=exif)
    originals = {path.name: picture for path, picture in upright.items()}
    for sample, pixels in drawn(study, tmp_path):
        expected = np.asarray(originals[sample.name], float)
        assert (sample.width, sample.height) == (128, 100)
        assert pixels.shape == expected.shape
        assert abs(pixels - expected).mean() < 3
        # The size of a picture that is already written is that of training, too.
    assert all((one.width, one.height) == (128, 100) for one, _ in drawn(study, tmp_path))


def test_pictures_of_16_bits_are_not_white(study, upright, tmp_path) -> None:
    gray = {path: picture.convert("L") for path, picture in upright.items()}
    for path, picture in gray.items():
        deep = Image.fromarray(np.asarray(picture).astype(np.uint16) * 257)
        with path.open("wb") as file:
            deep.save(file, "PNG")
    originals = {path.name: np.asarray(picture, float) for path, picture in gray.items()}
    for sample, pixels in drawn(study, tmp_path):
        assert abs(pixels.mean(axis=2) - originals[sample.name]).max() <= 1


def test_an_image_that_training_cannot_load_is_named(study, upright, tmp_path) -> None:
    from rankdet.errors import InputError

    for path, picture in upright.items():
        with path.open("wb") as file:
            picture.save(file, "TGA")
    with pytest.raises(InputError, match=r"image 00\d\.png cannot be read: OpenCV cannot decode"):
        drawn(study, tmp_path)
