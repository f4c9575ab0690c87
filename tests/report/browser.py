"""A headless Chromium driven through chromedriver's HTTP interface; no package is needed for it."""

import base64
import json
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

import pytest

ARGUMENTS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
]
PATIENCE = 300  # seconds for a command: a busy machine is slow, with axe-core most of all


def require_chromium() -> tuple[str, str]:
    """Paths of Chromium and its driver, or a skipped test."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    driver = shutil.which("chromedriver")
    if not browser or not driver:
        pytest.skip("no Chromium here (Debian: apt-get install chromium chromium-driver)")
    return browser, driver


class Browser:
    """One browser window; `run` executes JavaScript in the page."""

    def __init__(self) -> None:
        browser, driver = require_chromium()
        self._folder = tempfile.TemporaryDirectory(prefix="rankdet-chromium-")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self._process = subprocess.Popen(
            [driver, f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self._url = f"http://127.0.0.1:{port}"
        self._wait()
        options = {"binary": browser, "args": [*ARGUMENTS, f"--user-data-dir={self._folder.name}"]}
        capabilities = {
            "goog:chromeOptions": options,
            "timeouts": {"script": PATIENCE * 1000, "pageLoad": PATIENCE * 1000},  # in ms
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        }
        body = {"capabilities": {"alwaysMatch": capabilities}}
        self._url += f"/session/{self._call('POST', '/session', body)['sessionId']}"

    def _wait(self) -> None:
        for _ in range(200):
            try:
                if self._call("GET", "/status")["ready"]:
                    return
            except OSError:
                time.sleep(0.1)
        raise RuntimeError("chromedriver did not start")

    def _call(self, method: str, path: str, body: object = None) -> dict:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            self._url + path, data, {"Content-Type": "application/json"}, method=method
        )
        with urllib.request.urlopen(request, timeout=PATIENCE + 10) as answer:
            return json.loads(answer.read())["value"]

    def cdp(self, command: str, **parameters: object) -> dict:
        """A command of the DevTools protocol."""
        return self._call("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def look(self, width: int = 1280, height: int = 900, dark: bool = False) -> None:
        """Sets the size of the page and the preferred colours."""
        self.cdp(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        scheme = "dark" if dark else "light"
        self.cdp(
            "Emulation.setEmulatedMedia",
            features=[{"name": "prefers-color-scheme", "value": scheme}],
        )

    def open(self, page: Path, fragment: str = "", query: str = "") -> None:
        """Loads a file; `query` is what follows `?` in the address."""
        url = page.resolve().as_uri() + (f"?{query}" if query else "")
        self.visit(url + (f"#{fragment}" if fragment else ""))

    def visit(self, url: str) -> None:
        """Loads an address."""
        self._call("POST", "/url", {"url": url})

    def run(self, script: str, *arguments: object) -> object:
        """Runs JavaScript in the page and returns what it returns."""
        return self._call("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def press(self, *keys: str) -> None:
        """Presses keys one after another (WebDriver key codes, such as \\ue004 for Tab)."""
        actions = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self._call(
            "POST", "/actions", {"actions": [{"type": "key", "id": "keys", "actions": actions}]}
        )

    def messages(self) -> list[str]:
        """Console messages and script errors since the last call."""
        return [entry["message"] for entry in self._call("POST", "/se/log", {"type": "browser"})]

    def requests(self) -> list[str]:
        """Addresses that pages asked for since the last call."""
        entries = self._call("POST", "/se/log", {"type": "performance"})
        events = [json.loads(entry["message"])["message"] for entry in entries]
        sent = [e for e in events if e["method"] == "Network.requestWillBeSent"]
        return [event["params"]["request"]["url"] for event in sent]

    def picture(self, path: Path) -> None:
        """Writes a PNG of the whole page."""
        size = self.cdp("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        path.write_bytes(self.shot(clip))

    def shot(self, clip: dict[str, float]) -> bytes:
        """Returns a part of the page as PNG: `x`, `y`, `width`, `height` in pixels, `scale`."""
        shot = self.cdp("Page.captureScreenshot", clip=clip, captureBeyondViewport=True)
        return base64.b64decode(shot["data"])

    def close(self) -> None:
        """Ends the browser and its driver."""
        try:
            self._call("DELETE", "")
        finally:
            self._process.terminate()
            self._process.wait(timeout=30)
            self._folder.cleanup()
