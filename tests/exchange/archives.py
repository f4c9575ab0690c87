"""Archives of a study with other files in them."""

import zipfile
from pathlib import Path

AP = "shapes/retinanet/ap/seed1"


def rewritten(archive: Path, change: dict[str, bytes | None], name: str = "bad.zip") -> Path:
    """The archive with other, more or fewer files."""
    path = archive.with_name(name)
    with zipfile.ZipFile(archive) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for one in old.infolist():
            if one.filename not in change:
                new.writestr(one, old.read(one))
        for file, content in change.items():
            if content is not None:
                new.writestr(file, content)
    return path
