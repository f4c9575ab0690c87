"""`rankdet import study.zip`: unpacks an exported study. The archive is not trusted."""

import os
import re
import stat
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import ValidationError

from rankdet.datasets.unpack import BROKEN, check_members, unpack
from rankdet.errors import InputError, in_words
from rankdet.exchange.files import STUDY, fault_of
from rankdet.files import write_record, writing
from rankdet.parsing import parse_json
from rankdet.results.layout import ORIGIN, PLAN
from rankdet.results.records import RecordedStudy, read_study
from rankdet.results.schemas.base import first_problem
from rankdet.results.schemas.plan import Plan
from rankdet.whole_folders import swapped_in

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,79}")
MOST_FILES = 1_000_000
MOST_BYTES = 200 << 30  # unpacked; a study of COCO with weights has tens of GB
MOST_PLAN = 256 << 20  # bytes
AGAIN = "export the study again"
UNPACKED = ".unpacked"  # beside the study, while it is being written; no file of it has this name


def arrive(archive: Path, results: Path, name: str = "") -> RecordedStudy:
    """Unpacks an exported study as a new study.

    It is checked before anything is written: names, links, sizes, the plan. Places of the plan
    (`paths` of the config) are left out, because a report reads code from them.

    Args:
        archive: The zip.
        results: The folder with the results of all studies.
        name: Another name for the study; empty keeps that of the plan.

    Returns:
        The study, in the folder of its name in `results`.

    Raises:
        InputError: If it is refused or damaged, or there is such a study already.
    """
    plan = _checked_plan(archive, _read_plan(archive))
    wanted = name or plan.study.name
    if not NAME.fullmatch(wanted):
        raise InputError(
            f"{archive}: the name of its study is {wanted!r:.100}; name it with --as: lower-case "
            "letters, digits, '.', '_' and '-'"
        )
    target = results / wanted
    taken = InputError(f"{target}: there is a study of this name; give another with --as")
    if target.exists():
        raise taken
    with writing(target):
        try:
            with swapped_in(target, new=True) as part:
                unpack(archive, part / UNPACKED, AGAIN)
                _settle(part, plan, wanted)
        except FileExistsError:  # another import of this name was faster
            if target.exists():
                raise taken from None
            raise
    return read_study(target / PLAN)


def _read_plan(archive: Path) -> Any:
    """Returns the content of the plan in an archive of which every name is checked."""
    try:
        with zipfile.ZipFile(archive) as content:
            _check(archive, content.infolist())
            if f"{STUDY}/{PLAN}" not in content.namelist():
                raise InputError(
                    f"{archive}: has no {STUDY}/{PLAN}; `rankdet export` writes such a zip"
                )
            if content.getinfo(f"{STUDY}/{PLAN}").file_size > MOST_PLAN:
                raise InputError(f"{archive}: refused: its plan has more than {MOST_PLAN:,} bytes")
            return _parsed(archive, content.read(f"{STUDY}/{PLAN}"))
    except InputError:
        raise
    except BROKEN as error:
        raise InputError(
            f"{archive}: cannot be read as a zip: {in_words(error)}; export it again"
        ) from None


def _parsed(archive: Path, plan: bytes) -> Any:
    try:
        return parse_json(plan.decode())
    except ValueError as error:
        raise InputError(
            f"{archive}: its plan, {STUDY}/{PLAN}, cannot be read: {in_words(error)}; export the "
            "study again"
        ) from None


def _check(archive: Path, members: Sequence[zipfile.ZipInfo]) -> None:
    """Refuses what `rankdet export` does not write."""
    if len(members) > MOST_FILES or sum(one.file_size for one in members) > MOST_BYTES:
        raise InputError(
            f"{archive}: refused: more than {MOST_FILES:,} files or {MOST_BYTES >> 30} GB unpacked"
        )
    seen: set[str] = set()
    for one in members:
        if one.is_dir():
            continue
        fault = fault_of(one.filename)
        mode = one.external_attr >> 16
        if fault is None and stat.S_IFMT(mode) not in (0, stat.S_IFREG):
            fault = "it is a link or a device"
        if fault is None and one.filename.lower() in seen:
            fault = "it is there twice"
        if fault is None and one.flag_bits & 1:
            fault = "it is encrypted"
        if fault:
            raise InputError(f"{archive}: refused: {one.filename!r:.100}: {fault}")
        seen.add(one.filename.lower())
    check_members(archive, [one for one in members if not one.is_dir()])


def _checked_plan(archive: Path, content: Any) -> Plan:
    """Returns the plan; none of its names leads out of the study's folder."""
    try:
        plan = Plan.model_validate(content)
    except ValidationError as error:
        why = f"its plan is damaged: {first_problem(error)}; export the study again"
        raise InputError(f"{archive}: {why}") from None
    if content.get("schema") != Plan.SCHEMA:
        raise InputError(
            f"{archive}: its plan has schema {content.get('schema')!r:.60}, expected "
            f"{Plan.SCHEMA!r}; export it with this version of RankDet Bench"
        )
    names = [
        *(run.key for run in plan.runs),
        *(name for run in plan.runs for name in (*run.splits, *run.test_variants)),
        *(name for run in plan.runs for name in run.kept_epochs),
        *(one.name for one in plan.datasets),
        *(one.id for one in (*plan.tables, *plan.figures)),
        *(one.spec for one in (*plan.tables, *plan.figures)),
        *filter(None, [plan.cost]),
    ]
    for name in names:
        path_of = PurePosixPath(name)
        if path_of.is_absolute() or ".." in path_of.parts or not name.isprintable() or not name:
            raise InputError(f"{archive}: refused: its plan names {name!r:.100}")
    return plan


def _settle(part: Path, plan: Plan, name: str) -> None:
    """Makes a study of what was unpacked, and gives all files one time.

    Snakemake and reports compare times: the order of unpacking must not count.
    """
    unpacked = part / UNPACKED
    for path in list((unpacked / STUDY).iterdir()):
        path.rename(part / path.name)
    (unpacked / STUDY).rmdir()
    unpacked.rename(part / ORIGIN)
    content = plan.to_dict()
    content.pop("places", None)
    content["study"]["name"] = name
    write_record(part / PLAN, content)
    now = time.time()
    for path in part.rglob("*"):
        os.utime(path, (now, now))
