"""A page in Debian's Chromium, driven over the DevTools protocol: what it says, shows and sends."""

import base64
import contextlib
import json
import signal
import subprocess
import time
import urllib.request

from helpers.browser import CHROMIUM

SECONDS = 60
"""Until something is given up, on a busy machine."""


class Browser:
    """One Chromium without a window, with one page."""

    def __init__(self, folder, *options):
        profile = folder / "profile"
        self.process = subprocess.Popen(
            [CHROMIUM, "--no-sandbox", "--headless=new", "--disable-gpu", "--hide-scrollbars",
             "--disable-background-timer-throttling", "--disable-renderer-backgrounding",
             "--disable-backgrounding-occluded-windows", "--remote-debugging-port=0",
             "--no-first-run", f"--user-data-dir={profile}", *options, "about:blank"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        port_file = profile / "DevToolsActivePort"
        wait_for(lambda: port_file.exists() and "\n" in port_file.read_text())
        self.port = int(port_file.read_text().split()[0])
        self.pages = []

    def open(self, address="about:blank"):
        """Return a new tab at an address."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/json/new?about:blank", method="PUT"
        )
        target = json.load(urllib.request.urlopen(request, timeout=SECONDS))
        tab = Tab(target["webSocketDebuggerUrl"])
        self.pages.append(tab)
        tab.go(address)
        return tab

    def close(self):
        for tab in self.pages:
            with contextlib.suppress(Exception):
                tab.connection.close()
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Tab:
    """One tab: commands, and what was said and sent."""

    def __init__(self, address):
        from websockets.sync.client import connect

        self.connection = contextlib.ExitStack()
        self.socket = self.connection.enter_context(
            connect(address, max_size=None, open_timeout=SECONDS)
        )
        self.number = 0
        self.said = []
        """Errors and warnings of the console, and exceptions."""
        self.requests = []
        """Addresses that were requested."""
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method, **parameters):
        self.number += 1
        number = self.number
        self.socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self.socket.recv(timeout=SECONDS))
            if message.get("id") == number:
                assert "error" not in message, message
                return message["result"]
            self.note(message)

    def note(self, message):
        method, what = message.get("method"), message.get("params", {})
        if method == "Runtime.exceptionThrown":
            self.said.append(what["exceptionDetails"].get("exception", {}).get("description"))
        elif method == "Log.entryAdded" and what["entry"]["level"] in ("error", "warning"):
            self.said.append(what["entry"]["text"])
        elif method == "Runtime.consoleAPICalled" and what["type"] in ("error", "warning"):
            self.said.append([each.get("value") for each in what["args"]])
        elif method == "Network.requestWillBeSent":
            self.requests.append(what["request"]["url"])
        elif method == "Network.webSocketCreated":
            self.requests.append(what["url"])

    def go(self, address):
        self.call("Page.navigate", url=address)

    def run(self, script):
        """Return the value of an expression; a promise is awaited."""
        answer = self.call(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait(self, script, seconds=SECONDS):
        """Return the first value of an expression that is true."""
        return wait_for(lambda: self.run(script), seconds, lambda: (script, self.said))

    def set_size(self, width, height, scale=1, *, is_phone=False):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=scale, mobile=is_phone)  # fmt: skip

    def set_scheme(self, scheme):
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.call("Emulation.setEmulatedMedia", features=features)

    def picture(self, path, *, is_whole=False):
        shot = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=is_whole)
        path.write_bytes(base64.b64decode(shot["data"]))

    def mouse(self, kind, x, y, **more):
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def drag(self, x, y, to_x, to_y, steps=6):
        self.mouse("mousePressed", x, y, button="left", clickCount=1)
        for step in range(1, steps + 1):
            part = step / steps
            self.mouse("mouseMoved", x + part * (to_x - x), y + part * (to_y - y), button="left")
        self.mouse("mouseReleased", to_x, to_y, button="left", clickCount=1)

    def press(self, key, **more):
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, **more)

    def middle(self, selector):
        """Return the middle of an element on the screen."""
        return self.run(
            f"(() => {{ const b = document.querySelector({selector!r}).getBoundingClientRect();"
            " return [b.x + b.width / 2, b.y + b.height / 2]; })()"
        )


def wait_for(look, seconds=SECONDS, describe=lambda: ""):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        value = look()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError(f"waited {seconds} s {describe()}")
