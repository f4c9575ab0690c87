"""Atomic reading and writing of files, with one-line errors that name the file."""

import contextlib
import errno
import glob
import hashlib
import importlib.util
import json
import os
import shutil
import stat
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO

from rankdet.errors import InputError, in_words
from rankdet.lifetime import runs
from rankdet.parsing import MOST_YAML, parse_csv, parse_json, parse_yaml
from rankdet.repository import is_own

MOST_CSV = 1 << 24  # bytes; the longest file of this project has 360,000
DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def shown(path: Path | str) -> str:
    """Returns a path as text, relative to the current folder if it is inside that folder."""
    try:
        return Path(path).resolve().relative_to(Path.cwd()).as_posix()
    except (ValueError, OSError, RuntimeError):  # elsewhere; no such folder; a link to itself
        return Path(path).as_posix()


def read_record(path: Path) -> tuple[dict[str, Any], str | None]:
    """Reads a JSON object from a file that may be missing or damaged.

    Returns:
        The object and None, or an empty dict and the problem in one line.
    """
    try:
        if stat.S_ISFIFO(path.stat().st_mode) and path.parent != Path("/dev/fd"):
            return {}, f"{path.name} is a named pipe and not a file"  # a read could wait for ever
        data = parse_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}, f"{path.name} is missing"
    except (OSError, ValueError) as error:
        return {}, f"{path.name} cannot be read: {in_words(error)}"
    if not isinstance(data, dict):
        return {}, f"{path.name} is not a JSON object"
    return data, None


def open_regular(path: Path) -> BinaryIO:
    """Opens a file for reading; a named pipe is not waited for.

    Raises:
        OSError: If it cannot be opened, or is no file with bytes.
    """
    file = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise OSError(errno.EINVAL, "it is not a regular file")
    return os.fdopen(file, "rb")


def require_record(path: Path | str, schema: str | None = None) -> dict[str, Any]:
    """Reads a JSON object from a file that must exist.

    Args:
        path: The file.
        schema: The value that its key `schema` must have; None accepts every object.

    Raises:
        InputError: If the file cannot be read, is not an object, or has another schema.
    """
    record, problem = read_record(Path(path))
    if problem:
        raise InputError(f"{path}: {problem}; if a job wrote this file, delete it and run again")
    if schema and record.get("schema") != schema:
        raise InputError(f"{path}: schema is {record.get('schema')!r}, expected {schema!r}")
    return record


def read_yaml(path: Path) -> Any:
    """Returns the content of a YAML file.

    Raises:
        InputError: If the file cannot be read or `rankdet.parsing.parse_yaml` refuses its text; the
            message names the line.
    """
    text = read_text(path, MOST_YAML)
    try:
        return parse_yaml(text)
    except ValueError as error:
        raise InputError(f"{shown(path)}: {error}") from None


def read_csv(path: Path) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    """Returns the columns and rows of a CSV file, as `rankdet.parsing.parse_csv` does.

    Raises:
        InputError: If the file cannot be read or is refused; the message names the line.
    """
    text = read_text(path, MOST_CSV)
    try:
        return parse_csv(text)
    except ValueError as error:
        raise InputError(f"{shown(path)}: {error}") from None


def read_text(path: Path, most: int) -> str:
    """Returns the content of a text file in UTF-8.

    Args:
        path: The file.
        most: Most bytes; a larger file is not read.

    Raises:
        InputError: If there is no such file, it is too large, or it is not UTF-8.
    """
    try:
        if path.exists() and not path.is_file():
            raise InputError(f"{shown(path)}: cannot be read: it is not a file")
        if (size := path.stat().st_size) > most:
            raise InputError(
                f"{shown(path)}: {size:,} bytes, but such a file has at most {most:,}; is it "
                "another file?"
            )
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{shown(path)}: cannot be read: byte {error.start + 1} is not UTF-8; save it as UTF-8"
        ) from None
    except OSError as error:
        raise InputError(f"{shown(path)}: cannot be read: {error.strerror or error}") from None


def import_file(path: Path) -> ModuleType:
    """Imports a Python file by its path; it need not be on the import path.

    Raises:
        InputError: If the file cannot be read, is not valid Python, or fails when it is run; the
            message names the line.
    """
    spec = importlib.util.spec_from_file_location(f"rankdet_file_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise InputError(f"{shown(path)}: cannot be read as a Python file; its name ends in .py")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except OSError as error:
        raise InputError(f"{shown(path)}: cannot be read: {error.strerror or error}") from None
    except SyntaxError as error:
        raise InputError(f"{shown(path)}:{error.lineno}: {error.msg}") from None
    except Exception as error:
        where = place_of(error, path) or shown(path)
        said = " ".join(str(error).split())
        raise InputError(f"{where}: {type(error).__name__}: {said}") from error
    return module


def place_of(error: BaseException, path: Path | str) -> str | None:
    """Returns file and line of the user's code in which an error arose; None if it arose elsewhere.

    Args:
        error: The error.
        path: A Python file that was loaded by its path. If it is the user's, the user's modules
            that it imports count as well.
    """
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if is_own(frame.filename, Path(path))]
    return f"{shown(own[-1].filename)}:{own[-1].lineno}" if own else None


@contextlib.contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Yields a temporary path in the same folder; it replaces `path` when the block succeeds.

    A reader sees the old file or the complete new file, also after a power failure: the new file is
    on the disk before it gets its name. A failure removes the temporary file, and the next writer
    those of processes that were killed.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(path)
        yield temporary
        synchronise(temporary)
        temporary.replace(path)
        synchronise(path.parent)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def synchronise(path: Path) -> None:
    """Waits until a file or folder is on the disk.

    Raises:
        OSError: If it cannot be written. A folder that cannot be synchronised raises nothing: some
            network file systems lack this.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError) if path.is_dir() else contextlib.nullcontext():
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_leftovers(path: Path) -> None:
    """Removes temporary files and folders of a path whose process does not run any more."""
    with contextlib.suppress(OSError):
        for other in path.parent.glob(f".{glob.escape(path.name)}.*"):
            number = other.name.rpartition(".")[2]
            if number.isdigit() and not runs(int(number)):
                if other.is_dir():
                    shutil.rmtree(other, ignore_errors=True)
                else:
                    other.unlink(missing_ok=True)


def write_record(path: Path, record: Mapping[str, Any] | list[Any]) -> None:
    """Writes JSON with an indent, atomically.

    Raises:
        ValueError: If a number is NaN or infinite, which JSON does not have.
        OSError: If the file cannot be written.
    """
    text = json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False)
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


@contextlib.contextmanager
def writing(target: Path) -> Iterator[None]:
    """Turns an OSError of the block into an InputError of one line that names the target."""
    try:
        yield
    except OSError as error:
        if error.errno in DISK_FULL:
            raise InputError(
                f"no space left while writing {target}: free some space, or write elsewhere,"
                " and run again (no incomplete file was kept)"
            ) from error
        reason = error.strerror or str(error)
        named = error.filename or target
        if f".{Path(target).name}." in str(named):  # a temporary file or folder of the target
            named = target
        raise InputError(f"cannot write {named}: {reason}") from error


def write_text(path: Path | str, text: str) -> None:
    """Writes a text file atomically.

    Raises:
        InputError: If the file cannot be written.
    """
    try:
        with atomic(Path(path)) as temporary:
            temporary.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror})") from None


def write_bytes(path: Path, content: bytes) -> str:
    """Writes a file atomically; returns the content's SHA-256 as hexadecimal text.

    Raises:
        InputError: If the file cannot be written.
    """
    with writing(path), atomic(path) as temporary:
        temporary.write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def sha256(path: Path) -> str:
    """Returns the SHA-256 of a file as hexadecimal text; OSError if it cannot be read."""
    return digest(path, hashlib.sha256())


def digest(path: Path, made: Any) -> str:
    """Returns a checksum of a file as hexadecimal text; OSError if it cannot be read.

    Args:
        path: the file.
        made: an object of hashlib without data. (`hashlib.file_digest` needs Python 3.11.)
    """
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            made.update(block)
    return str(made.hexdigest())


def write_json(path: Path, value: Any, indent: int | None = None) -> str:
    """Writes JSON for other programs; the same value always gives the same bytes.

    Returns:
        The SHA-256 of the content as hexadecimal text.

    Raises:
        InputError: If a number is NaN or infinite, or the file cannot be written.
    """
    separators = (",", ":") if indent is None else None
    try:
        content = json.dumps(value, indent=indent, separators=separators, allow_nan=False)
    except ValueError:
        raise InputError(
            f"{path.name}: a number is NaN or infinite, which JSON does not allow (a segmentation?)"
            "; correct the input data"
        ) from None
    return write_bytes(path, content.encode() + b"\n")
