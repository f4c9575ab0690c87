"""`rankdet watch`: the progress and the report of a study in the browser, while it runs."""

import argparse
import signal
import sys
import threading
import webbrowser
from pathlib import Path

from rankdet.commands.arguments import config_overrides
from rankdet.errors import InputError

PORT = 8765
MOST_PORT = 65535


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the study and where to listen."""
    parser.add_argument(
        "study",
        nargs="+",
        metavar="STUDY_CONFIG",
        help="the config file of the study, or its name in config/; a later file overrides an "
        "earlier one, as for snakemake",
    )
    parser.add_argument(
        "--config",
        nargs="+",
        metavar="KEY=VALUE",
        default=[],
        help="keys that override the file, as for snakemake",
    )
    parser.add_argument(
        "--port", type=int, default=PORT, metavar="N", help=f"default: {PORT}; 0: any free port"
    )
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="default: 127.0.0.1, which only this machine can reach",
    )
    parser.add_argument("--open", action="store_true", help="open it in the browser")


def run(args: argparse.Namespace) -> int:
    """Serves until Ctrl-C or SIGTERM."""
    if not 0 <= args.port <= MOST_PORT:
        raise InputError(f"--port {args.port}: choose 0 to {MOST_PORT}")
    if not args.host.strip():  # would mean every address of this machine
        raise InputError("--host: is empty; give an address, such as 127.0.0.1")
    from rankdet.study.load import load_study

    paths = [config_named(name) for name in args.study]
    study = load_study(paths, config_overrides(args.config), with_data=False)
    from rankdet.live.server import LiveServer
    from rankdet.live.watching import Watch

    stop = threading.Event()
    watch = Watch(study)
    try:
        server = LiveServer(args.host, args.port, watch.page, watch.report)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup
                signal.signal(number, lambda *_: stop.set())
        watch.start()
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(f"{study.name}: {server.url} (Ctrl-C ends this page, not the study)", flush=True)
        if not _is_local(args.host):
            print(f"note: everyone who can reach {args.host} can read the pages", file=sys.stderr)
        if args.open:
            webbrowser.open(server.url)
        stop.wait()
        server.shutdown()
        server.server_close()
    finally:
        watch.stop()
    print("stopped", file=sys.stderr)
    return 0


def config_named(name: str) -> Path:
    """Returns a config by its path, or by its name in `./config` or among the product's."""
    from rankdet.repository import CONFIG

    if Path(name).exists():
        return Path(name)
    known = (folder / f"{name}.yaml" for folder in (Path("config"), CONFIG))
    return next((path for path in known if path.is_file()), Path(name))


def _is_local(host: str) -> bool:
    return host in ("localhost", "::1") or host.startswith("127.")
