"""The RO-Crate metadata of an exported study: what its files are, for archives and search engines.

Source: RO-Crate 1.1, https://w3id.org/ro/crate/1.1.
"""

from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any

from rankdet import __version__
from rankdet.exchange.files import CRATE

SPECIFICATION = "https://w3id.org/ro/crate/1.1"
SOFTWARE = "#rankdet"
FORMATS = {
    ".json": "application/json",
    ".parquet": "application/vnd.apache.parquet",
    ".csv": "text/csv",
    ".md": "text/markdown",
    ".tex": "application/x-tex",
    ".svg": "image/svg+xml",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".bib": "application/x-bibtex",
    ".pth": "application/octet-stream",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
}


def crate(
    title: str, description: str, published: str, files: Mapping[str, int], license_url: str = ""
) -> dict[str, Any]:
    """Returns the content of `ro-crate-metadata.json`.

    Args:
        title: The title of the study.
        description: The scale of its numbers, in a sentence.
        published: The date, ISO 8601.
        files: Path in the archive to size in bytes, without the metadata file.
        license_url: The address of a licence; empty if none was given.
    """
    root: dict[str, Any] = {
        "@id": "./",
        "@type": "Dataset",
        "name": title,
        "description": description or "Results of a study of RankDet Bench.",
        "datePublished": published,
        "license": {"@id": license_url} if license_url else "No licence was given.",
        "hasPart": [{"@id": name} for name in files],
        "mentions": {"@id": SOFTWARE},
    }
    descriptor = {
        "@id": CRATE,
        "@type": "CreativeWork",
        "conformsTo": {"@id": SPECIFICATION},
        "about": {"@id": "./"},
    }
    software = {
        "@id": SOFTWARE,
        "@type": "SoftwareApplication",
        "name": "RankDet Bench",
        "version": __version__,
    }
    graph = [descriptor, root, *_files(files), software]
    if license_url:
        graph.append({"@id": license_url, "@type": "CreativeWork", "name": license_url})
    return {"@context": f"{SPECIFICATION}/context", "@graph": graph}


def _files(files: Mapping[str, int]) -> Iterable[dict[str, Any]]:
    for name, size in files.items():
        path = PurePosixPath(name)
        yield {
            "@id": name,
            "@type": "File",
            "name": path.name,
            "contentSize": str(size),
            "encodingFormat": FORMATS.get(path.suffix, "application/octet-stream"),
        }
