"""What SLURM says: whether it keeps accounts, its nodes, and the end of a job."""

import re
import subprocess
from dataclasses import dataclass

from rankdet.errors import InputError

PATIENCE = 60  # seconds; a busy controller answers late


@dataclass(frozen=True)
class Node:
    """What a job can have on one node of a partition.

    Attributes:
        partition: Its name.
        cores: Processors.
        memory: MB.
        gpus: Of all types.
        minutes: The partition's time limit; None if it has none.
        default: Whether jobs without a partition go there.
    """

    partition: str
    cores: int
    memory: int
    gpus: int
    minutes: int | None
    default: bool = False


def ask(*command: str) -> str:
    """Returns what a command of SLURM prints.

    Raises:
        InputError: With SLURM's own words, if it fails or is not there.
    """
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
    except FileNotFoundError:
        raise InputError(
            f"{command[0]} was not found: SLURM's commands are not on this machine; start the "
            "workflow on a login node of the cluster"
        ) from None
    except subprocess.TimeoutExpired:
        raise InputError(
            f"{command[0]} has not answered in {PATIENCE} s; try again later"
        ) from None
    if done.returncode:
        raise InputError(f"{command[0]}: {words(done.stderr) or f'exit code {done.returncode}'}")
    return done.stdout


def words(text: str) -> str:
    """Returns what SLURM said, in one line, without the name of the command before each line."""
    lines = [re.sub(r"^s[a-z]+: (error: )?", "", line.strip()) for line in text.splitlines()]
    return "; ".join(dict.fromkeys(line for line in lines if line))


@dataclass(frozen=True)
class Setup:
    """How a cluster remembers jobs.

    Attributes:
        accounting: Whether `sacct` knows the jobs that have ended.
        remembers: Seconds for which `squeue` knows them (MinJobAge).
    """

    accounting: bool
    remembers: int


def setup() -> Setup:
    """Returns how this cluster remembers jobs.

    Raises:
        InputError: If SLURM does not answer.
    """
    lines = ask("scontrol", "show", "config").splitlines()
    pairs = (line.split("=", 1) for line in lines if "=" in line)
    values = {key.strip(): value.strip() for key, value in pairs}
    kind = values.get("AccountingStorageType", "").lower()
    age = re.match(r"\d+", values.get("MinJobAge", ""))
    return Setup(kind.endswith("slurmdbd"), int(age[0]) if age else 0)


def nodes(partition: str = "") -> list[Node]:
    """Returns the nodes of a partition, or of all of them.

    Raises:
        InputError: If SLURM does not answer.
    """
    chosen = ["-p", partition] if partition else []
    text = ask("sinfo", "-h", "-N", *chosen, "-o", "%P|%c|%m|%G|%l")
    return list(dict.fromkeys(_node(line) for line in text.splitlines() if line.count("|") == 4))


def _node(line: str) -> Node:
    name, cores, memory, gres, limit = (part.strip() for part in line.split("|"))
    gpus = sum(
        int(re.sub(r"\(.*", "", one).rsplit(":", 1)[-1])
        for one in re.split(r",(?![^(]*\))", gres)
        if re.match(r"gpu:(.*:)?\d+", one)
    )
    # `128000+` stands for several numbers
    sizes = int(cores.rstrip("+")), int(memory.rstrip("+"))
    return Node(name.rstrip("*"), *sizes, gpus, minutes(limit), name.endswith("*"))


def minutes(limit: str) -> int | None:
    """Returns a time of SLURM in whole minutes; None for `infinite`.

    SLURM writes `30:00` (minutes and seconds), `2:30:00` or `1-02:30:00` (days).
    """
    days, _, clock = limit.rpartition("-")
    parts = clock.split(":")
    if not all(part.isdigit() for part in (*parts, days or "0")):
        return None
    hours, minute, _ = [0, 0, 0, *map(int, parts)][-3:]
    return int(days or 0) * 1440 + hours * 60 + minute


@dataclass(frozen=True)
class End:
    """How SLURM ended a job.

    Attributes:
        state: `TIMEOUT`, `CANCELLED`, `NODE_FAIL`, …; empty if SLURM has forgotten the job.
        why: What happened, for the user.
    """

    state: str
    why: str


def end_of(job: str, accounting: bool) -> End:
    """Returns how a job ended; it does not fail.

    Args:
        job: SLURM's number of the job.
        accounting: As in `Setup`: only `sacct` knows who has cancelled a job.
    """
    try:
        if accounting:
            text = ask(
                "sacct", "-X", "-n", "-P", "-j", job, "-o", "State,Timelimit,NodeList,ExitCode"
            )
            lines = [line for line in text.splitlines() if line.count("|") == 3]
            state, limit, node, code = lines[-1].split("|") if lines else ("", "", "", "")
        else:
            text = ask("scontrol", "show", "job", "-o", job)
            found = dict(re.findall(r"(\w+)=(\S*)", text))
            state, limit = found.get("JobState", ""), found.get("TimeLimit", "")
            node, code = found.get("NodeList", ""), found.get("ExitCode", "")
    except InputError as error:
        return End("", f"SLURM does not know job {job} any more: {error}")
    return End(state.split()[0] if state else "", _why(job, state, limit, node, code))


def _why(job: str, state: str, limit: str, node: str, code: str) -> str:
    who = state.removeprefix("CANCELLED").strip().removeprefix("by ").strip()
    return {
        "TIMEOUT": f"SLURM ended job {job} at its time limit of {limit}",
        "DEADLINE": f"SLURM ended job {job} at its deadline",
        "CANCELLED": f"SLURM job {job} was cancelled{_by(who)}",
        "NODE_FAIL": f"a node failed under SLURM job {job} ({node})",
        "BOOT_FAIL": f"a node did not start for SLURM job {job} ({node})",
        "OUT_OF_MEMORY": f"SLURM ended job {job}: it used more memory than it asked for",
        "PREEMPTED": f"SLURM gave the place of job {job} to a job with a higher priority",
        "FAILED": f"SLURM job {job} ended with exit code {code.split(':')[0]}",
    }.get(state.split()[0] if state else "", f"SLURM job {job} ended as {state or 'unknown'}")


def _by(who: str) -> str:
    if not who:
        return ""
    import pwd

    try:
        return f" by {pwd.getpwuid(int(who)).pw_name}"
    except (KeyError, ValueError):
        return f" by user {who}"
