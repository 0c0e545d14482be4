# SPDX-License-Identifier: Apache-2.0
"""
A headless Chromium, driven over the DevTools protocol with nothing but the standard library.

The protocol runs over two pipes (--remote-debugging-pipe): JSON messages that end in NUL. No port
is opened, no driver program and no websocket is needed, and clicks and keys are the browser's own
input events, not synthetic ones. Every wait has an end. See
chromedevtools.github.io/devtools-protocol.
"""
import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time

FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-default-apps", "--disable-extensions", "--hide-scrollbars",
    "--remote-debugging-pipe",
]
SECONDS = 30
KEYS = {"Escape": 27, "Enter": 13, "ArrowUp": 38, "ArrowDown": 40, "ArrowLeft": 37,
        "ArrowRight": 39, "Tab": 9}


class Browser:
    def __init__(self, program="chromium"):
        self.profile = tempfile.mkdtemp(prefix="cresset-chromium-")
        to_read, self.to = os.pipe()
        self.back, to_write = os.pipe()
        # The browser reads commands from descriptor 3 and answers on 4.
        shell = f'exec 3<&{to_read} 4>&{to_write}; exec "$@"'
        self.process = subprocess.Popen(
            ["sh", "-c", shell, "sh", program, *FLAGS, f"--user-data-dir={self.profile}",
             "about:blank"],
            pass_fds=(to_read, to_write), stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        os.close(to_read)
        os.close(to_write)
        self.data = b""
        self.last = 0
        self.session = None
        self.events = []
        self.target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=self.target,
                                 flatten=True)["sessionId"]
        self.call("Page.enable")
        self.call("Runtime.enable")

    def close(self):
        try:
            self.session = None
            self.call("Browser.close")
            self.process.wait(5)
        except Exception:
            self.process.kill()
            self.process.wait()
        os.close(self.to)
        os.close(self.back)
        shutil.rmtree(self.profile, ignore_errors=True)

    def message(self, end):
        while b"\0" not in self.data:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.back], [], [], left)[0]:
                raise TimeoutError("the browser does not answer")
            more = os.read(self.back, 1 << 20)
            if not more:
                raise EOFError("the browser has ended")
            self.data += more
        text, self.data = self.data.split(b"\0", 1)
        return json.loads(text)

    def call(self, method, **params):
        self.last += 1
        request = {"id": self.last, "method": method, "params": params}
        if self.session:
            request["sessionId"] = self.session
        os.write(self.to, json.dumps(request).encode() + b"\0")
        end = time.monotonic() + SECONDS
        while True:
            m = self.message(end)
            if m.get("id") == self.last:
                if "error" in m:
                    raise RuntimeError(f"{method}: {m['error']['message']}")
                return m["result"]
            self.events.append(m)

    def wait_event(self, method):
        end = time.monotonic() + SECONDS
        while True:
            for i, m in enumerate(self.events):
                if m.get("method") == method:
                    del self.events[i]
                    return m["params"]
            self.events.append(self.message(end))

    # ---- The page.
    def size(self, width, height, dark=False):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=1, mobile=False)
        self.call("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])

    def open(self, url):
        self.events = [m for m in self.events if m.get("method") == "Runtime.exceptionThrown"]
        self.call("Page.navigate", url="about:blank")
        self.wait_event("Page.loadEventFired")
        self.call("Page.navigate", url=url)
        self.wait_event("Page.loadEventFired")
        self.settle()

    def reload(self):
        self.call("Page.reload")
        self.wait_event("Page.loadEventFired")
        self.settle()

    def settle(self):
        """Until what was asked for has been laid out and painted once."""
        self.js("new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(r)))")

    def js(self, expression):
        r = self.call("Runtime.evaluate", expression=expression, awaitPromise=True,
                      returnByValue=True)
        if "exceptionDetails" in r:
            raise RuntimeError(r["exceptionDetails"]["exception"].get("description", expression))
        return r["result"].get("value")

    def errors(self):
        """Exceptions that scripts of the page have thrown so far."""
        self.js("0")
        return [m["params"]["exceptionDetails"]["exception"].get("description", "?")
                for m in self.events if m.get("method") == "Runtime.exceptionThrown"]

    def move(self, x, y):
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
        self.settle()

    def click(self, x, y):
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left",
                      clickCount=1)
        self.settle()

    def key(self, key, ctrl=False):
        code = KEYS.get(key) or (ord(key.upper()) if key.isalnum() else 0)
        params = {"key": key, "modifiers": 2 if ctrl else 0, "windowsVirtualKeyCode": code,
                  "code": key if key in KEYS else ""}
        text = {"Enter": "\r"}.get(key, "" if key in KEYS or ctrl else key)
        self.call("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown",
                  **params, **({"text": text} if text else {}))
        self.call("Input.dispatchKeyEvent", type="keyUp", **params)
        self.settle()

    def type(self, text):
        for c in text:
            self.key(c)

    def screenshot(self, path=None):
        data = base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])
        if path:
            with open(path, "wb") as f:
                f.write(data)
        return data
