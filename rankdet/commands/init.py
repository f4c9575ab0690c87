"""`rankdet init`: makes a folder for studies, losses, detectors and tables of one's own."""

import argparse
import shlex
import shutil
from pathlib import Path

from rankdet.errors import InputError
from rankdet.files import writing
from rankdet.repository import CONFIG, LAB, PLUGINS, PROFILES, STUDY

IGNORED = "/results/\n/reports/html/\n.snakemake/\n__pycache__/\n"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the folder."""
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="a new or an empty folder")


def run(args: argparse.Namespace) -> int:
    """Makes the folder and prints the next steps."""
    make_lab(args.folder)
    go = "" if args.folder.resolve() == Path.cwd() else f"cd {shlex.quote(str(args.folder))} && "
    print(f"{args.folder}/: a study in {STUDY}, and folders for {', '.join(PLUGINS)} of your own")
    print(f"next: {go}snakemake --cores all")
    return 0


def make_lab(folder: Path) -> None:
    """Writes the files of a lab into a folder.

    Args:
        folder: A folder that does not exist, or is empty.

    Raises:
        InputError: If it has files, or cannot be written.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: is a file; name a new folder")
    if folder.is_dir() and any(folder.iterdir()):
        raise InputError(f"{folder}: has files already; name a new or an empty folder")
    with writing(folder):
        for kind in PLUGINS:
            (folder / kind).mkdir(parents=True)
            (folder / kind / ".gitkeep").touch()  # git keeps no empty folder
        for path in sorted(LAB.iterdir()):
            if path.is_file():
                shutil.copyfile(path, folder / path.name)  # not the rights of an installed file
        shutil.copyfile(CONFIG / "schema.json", folder / "schema.json")
        for path in sorted(PROFILES.glob("*/*.yaml")):
            target = folder / "profiles" / path.relative_to(PROFILES)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
        (folder / ".gitignore").write_text(IGNORED, encoding="utf-8")
