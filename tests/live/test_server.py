"""The server over a folder of files: methods, headers, hosts, several browsers, its port."""

import http.client
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from rankdet.errors import InputError
from rankdet.live.server import LiveServer


@pytest.fixture
def served(tmp_path):
    """A server, and a list with the folder of its report."""
    report = tmp_path / "report"
    report.mkdir()
    (report / "index.html").write_text("the report")
    (report / "large.png").write_bytes(b"x" * 3_000_000)
    (tmp_path / "secret").write_text("secret")
    folders = [report]
    server = LiveServer(
        "127.0.0.1", 0, lambda: (b"<p>progress</p>", "default-src 'none'"), lambda: folders[0]
    )
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server, folders
    server.shutdown()
    server.server_close()
    thread.join()


def ask(server, path, method="GET", **headers):
    """Returns status, headers and content."""
    connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=20)
    try:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


def raw(server, request):
    """Sends bytes and returns the answer."""
    with socket.create_connection(server.server_address[:2], timeout=20) as connection:
        connection.sendall(request)
        answer = b""
        while block := connection.recv(1 << 16):
            answer += block
        return answer


def test_the_page_and_the_report(served):
    server, _ = served
    status, headers, content = ask(server, "/?from=a-bookmark")
    assert (status, content) == (200, b"<p>progress</p>")
    assert headers["Content-Security-Policy"] == "default-src 'none'"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "Access-Control-Allow-Origin" not in headers
    assert ask(server, "/report/")[2] == ask(server, "/report/index.html#runs")[2] == b"the report"
    status, headers, _ = ask(server, "/report")
    assert (status, headers["Location"]) == (301, "/report/")


def test_head_has_the_headers_alone(served):
    server, _ = served
    for path in ("/", "/report/", "/no"):
        status, headers, content = ask(server, path, "HEAD")
        with_content = ask(server, path)
        assert status == with_content[0] and content == b""
        assert headers["Content-Length"] == str(len(with_content[2]))


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "CONNECT", "PATCH"])
def test_other_methods_are_refused(served, method):
    assert ask(served[0], "/", method)[0] == 501


@pytest.mark.fault("requests of another site, or for other files, to `rankdet watch`")
@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: evil.example\r\n", 403),
        (b"GET / HTTP/1.1\r\n", 403),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n", 403),
        (b"GET /report/../../secret HTTP/1.1\r\nHost: localhost\r\n", 404),
        (b"GET http://evil.example/report/ HTTP/1.1\r\nHost: localhost\r\n", 404),
    ],
)
def test_requests_that_are_refused(served, request_, status):
    answer = raw(served[0], request_ + b"Connection: close\r\n\r\n")
    assert f" {status} ".encode() in answer.split(b"\r\n")[0]
    assert b"progress" not in answer and b"secret" not in answer


def test_nonsense_is_answered_in_one_line_and_harms_nobody(served):
    answer = raw(served[0], b"\x16\x03\x01 no request\r\n\r\n")
    assert b"Bad request" in answer and b"<" not in answer and answer.count(b"\n") == 1
    assert ask(served[0], "/")[0] == 200


def test_without_a_report_it_says_so(served):
    server, folders = served
    folders[0] = None
    status, _, content = ask(server, "/report/")
    assert status == 503 and b"no report yet" in content
    assert ask(server, "/")[0] == 200


def test_several_browsers_and_one_that_says_nothing(served):
    server, _ = served
    with socket.create_connection(server.server_address[:2]), ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda _: ask(server, "/report/large.png"), range(24)))
    assert {(status, len(content)) for status, _, content in answers} == {(200, 3_000_000)}


def test_a_browser_that_goes_away_is_no_fault(served, capsys):
    server, _ = served
    with socket.create_connection(server.server_address[:2]) as connection:
        connection.sendall(b"GET /report/large.png HTTP/1.1\r\nHost: localhost\r\n\r\n")
        connection.recv(10)
    assert ask(server, "/")[0] == 200
    assert capsys.readouterr().err == ""


def test_a_port_in_use_is_one_line(served):
    server, _ = served
    port = server.server_address[1]
    with pytest.raises(InputError, match=f"port {port} of 127.0.0.1 is in use.*--port 0"):
        LiveServer("127.0.0.1", port, server.page, server.report)


@pytest.mark.parametrize("host", ["no-such-host.invalid", "192.0.2.1"])
def test_a_host_of_another_machine_is_one_line(served, host):
    with pytest.raises(InputError, match=f"cannot listen on {host}: .*an address of this machine"):
        LiveServer(host, 0, served[0].page, served[0].report)
