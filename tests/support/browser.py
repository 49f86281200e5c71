"""A real browser: Debian's Chromium, driven over HTTP by its chromedriver as the WebDriver standard says."""

import base64
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.request import Request, urlopen

SITE = Path(os.environ.get("WELLSHAPED_SITE", Path(__file__).parents[2] / "site")).resolve()
"""The built site that the tests open."""

PROGRAMS = ("chromium", "chromedriver")


def is_installed() -> bool:
    """Whether the browser and its driver can be found."""
    return all(map(shutil.which, PROGRAMS))


class Browser:
    """A session of the browser."""

    def __init__(self, port: int) -> None:
        self._base = f"http://127.0.0.1:{port}"
        self._folder = tempfile.TemporaryDirectory()
        options = {
            "binary": shutil.which(PROGRAMS[0]),
            "args": [
                *("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--no-first-run"),
                *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
                f"--user-data-dir={self._folder.name}",
            ],
        }
        logs = {"browser": "ALL", "performance": "ALL"}
        wanted = {"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": logs}
        session = self._ask("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        self._base += f"/session/{session['sessionId']}"

    def _ask(self, method: str, path: str, data: Any = None) -> Any:
        body = None if data is None else json.dumps(data).encode()
        request = Request(self._base + path, body, {"Content-Type": "application/json"}, method=method)
        with urlopen(request, timeout=120) as found:
            return json.load(found)["value"]

    def close(self) -> None:
        """End the session."""
        self._ask("DELETE", "")
        self._folder.cleanup()

    def open(self, address: str) -> None:
        """Load a page."""
        self._ask("POST", "/url", {"url": "about:blank"})
        self._ask("POST", "/url", {"url": address})

    def run(self, script: str, *arguments: Any) -> Any:
        """Run the body of a function of JavaScript, and return its value."""
        return self._ask("POST", "/execute/sync", {"script": script, "args": arguments})

    def run_async(self, script: str, *arguments: Any) -> Any:
        """Run the body of a function of JavaScript, and return the value that it gives its last argument."""
        return self._ask("POST", "/execute/async", {"script": script, "args": arguments})

    def wait(self, condition: str, *arguments: Any, seconds: float = 60) -> Any:
        """Return the value of an expression of JavaScript as soon as it is true."""
        ends = time.monotonic() + seconds
        while not (found := self.run(f"return {condition}", *arguments)):
            assert time.monotonic() < ends, f"still not true: {condition}"
            time.sleep(0.05)
        return found

    def devtools(self, command: str, **parameters: Any) -> Any:
        """Run a command of the DevTools protocol."""
        return self._ask("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def console(self) -> list[str]:
        """The messages on the console since the last call."""
        return [entry["message"] for entry in self._ask("POST", "/se/log", {"type": "browser"})]

    def requested(self) -> list[str]:
        """The addresses that were requested since the last call."""
        messages = (
            json.loads(of["message"])["message"] for of in self._ask("POST", "/se/log", {"type": "performance"})
        )
        return [of["params"]["request"]["url"] for of in messages if of["method"] == "Network.requestWillBeSent"]

    def screenshot(self, path: Path, width: int, height: int, *, dark: bool) -> None:
        """Write a picture of the page in a window of this size."""
        features = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.devtools("Emulation.setEmulatedMedia", features=features)
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.devtools("Emulation.setDeviceMetricsOverride", **size)
        time.sleep(0.3)
        path.write_bytes(base64.b64decode(self._ask("GET", "/screenshot")))


@contextmanager
def browser() -> Iterator[Browser]:
    """Start a browser, and end it."""
    command = [shutil.which(PROGRAMS[1]) or "", "--port=0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as driver:
        assert driver.stdout is not None
        try:
            says = next(line for line in driver.stdout if "started successfully on port" in line)
            found = Browser(int(says.rstrip(". \n").rpartition(" ")[2]))
            try:
                yield found
            finally:
                found.close()
        finally:
            driver.terminate()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Print nothing."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder on this machine, and yield its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/"
        finally:
            server.shutdown()
