"""The server of `rankdet watch`: the progress of a study at `/`, its report at `/report/`."""

import errno
import shutil
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from rankdet.errors import InputError
from rankdet.live.files import allowed_host, content_type, find_file

REPORT = "/report/"
HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
}
NO_REPORT = (
    "There is no report yet: it is built as soon as the study has a plan. The page / shows the "
    "progress of the runs."
)


class LiveServer(ThreadingHTTPServer):
    """Serves the page of a study's progress and the folder of its report; reads only.

    Args:
        host: The address or name to listen on.
        port: The port; 0 takes a free one.
        page: Returns the page of progress, and its content security policy.
        report: Returns the folder of the newest report; None if there is none yet.

    Raises:
        InputError: If the port is in use, or the host is not one of this machine.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(
        self,
        host: str,
        port: int,
        page: Callable[[], tuple[bytes, str]],
        report: Callable[[], Path | None],
    ) -> None:
        self.host, self.page, self.report = host, page, report
        try:
            self.address_family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
            super().__init__((host, port), Handler)
        except OSError as error:
            raise InputError(_reason(error, host, port)) from None
        except UnicodeError:  # a part of the name is empty or too long
            raise InputError(f"{host!r:.60} is not the name of a host; give an address") from None

    @property
    def url(self) -> str:
        """The address of the page of progress."""
        name = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{name}:{self.server_address[1]}/"

    def server_bind(self) -> None:
        """Binds the socket; unlike the parent's, it asks no name server."""
        socket.socket.bind(self.socket, self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = self.host, self.server_address[1]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Prints a fault in one line; a browser that has gone away is none."""
        error = sys.exc_info()[1]
        if not isinstance(error, ConnectionError | TimeoutError):
            print(f"note: a request failed: {type(error).__name__}: {error}", file=sys.stderr)


class Handler(BaseHTTPRequestHandler):
    """Answers one browser."""

    server: LiveServer
    timeout = 20  # seconds that a browser may be silent
    server_version, sys_version = "rankdet", ""
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Sends a page or a file."""
        hosts = self.headers.get_all("Host") or []
        path = urlsplit(self.path).path if self.path.startswith("/") else ""
        if len(hosts) != 1 or not allowed_host(hosts[0], self.server.host):
            self._say(HTTPStatus.FORBIDDEN, "This server is known by its address, or as localhost.")
        elif path == "/":
            page, policy = self.server.page()
            self._send(page, "text/html; charset=utf-8", {"Content-Security-Policy": policy})
        elif path == REPORT.rstrip("/"):
            self._say(HTTPStatus.MOVED_PERMANENTLY, "Moved.", {"Location": REPORT})
        elif path.startswith(REPORT):
            self._send_file(path.removeprefix(REPORT))
        else:
            self._say(HTTPStatus.NOT_FOUND, "There is no such page.")

    do_HEAD = do_GET

    def _send_file(self, path: str) -> None:
        folder = self.server.report()
        if folder is None:
            self._say(HTTPStatus.SERVICE_UNAVAILABLE, NO_REPORT, {"Retry-After": "5"})
            return
        found = find_file(folder, path)
        if found is None:
            self._say(HTTPStatus.NOT_FOUND, "There is no such page in the report.")
            return
        with found.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(0)
            self._begin(HTTPStatus.OK, content_type(found), size, {})
            if self.command == "GET":
                shutil.copyfileobj(file, self.wfile)

    def _say(self, status: HTTPStatus, text: str, headers: dict[str, str] | None = None) -> None:
        content = f"{text}\n".encode()
        self._begin(status, "text/plain; charset=utf-8", len(content), headers or {})
        if self.command != "HEAD":
            self.wfile.write(content)

    def _send(self, content: bytes, kind: str, headers: dict[str, str]) -> None:
        self._begin(HTTPStatus.OK, kind, len(content), headers)
        if self.command != "HEAD":
            self.wfile.write(content)

    def _begin(self, status: HTTPStatus, kind: str, size: int, more: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**HEADERS, **more}.items():
            self.send_header(name, value)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(size))
        self.end_headers()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answers a request that is not understood, in one line of plain text."""
        self.close_connection = True
        with suppress(ValueError):
            self._say(HTTPStatus(code), message or "This server answers only GET and HEAD.")

    def log_message(self, *_: Any) -> None:
        """Prints nothing: the terminal shows what the user should know."""


def _reason(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {port} of {host} is in use, maybe by another `rankdet watch`; choose another "
            "with --port, or --port 0 for any free one"
        )
    if error.errno == errno.EACCES:
        return f"port {port} of {host} is not allowed for this user; choose --port 1024 or more"
    return f"cannot listen on {host}: {error.strerror or error}; choose an address of this machine"
