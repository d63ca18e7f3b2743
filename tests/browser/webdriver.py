"""As much of WebDriver as the tests need, without a library."""

import base64
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

PATIENCE = 10.0


class Refused(Exception):
    """The driver has refused a command."""


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def until(what, condition, patience=PATIENCE):
    """Waits until the condition holds, and gives what it came to."""
    begun = time.monotonic()
    last = None
    while True:
        try:
            last = condition()
            if last:
                return last
        except Refused as refused:
            last = refused
        if time.monotonic() - begun > patience:
            raise AssertionError(f"not within {patience:.0f} s: {what} (last: {last!r})")
        time.sleep(0.03)


class Driver:
    """A running chromedriver."""

    def __init__(self):
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.process = subprocess.Popen(
            ["chromedriver", f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        until("chromedriver listens", self.listens)

    def listens(self):
        try:
            urllib.request.urlopen(self.url + "/status", timeout=5).read()
            return True
        except OSError:
            return False

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Browser:
    """One browser with a profile of its own."""

    def __init__(self, driver, base, size=(1400, 1000), script=True, arguments=()):
        self.driver, self.base = driver, base
        self.profile = tempfile.mkdtemp(prefix="waygate-browser-")
        options = {
            "args": [
                "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-dev-shm-usage",
                "--no-first-run", "--disable-background-networking", "--disable-component-update",
                f"--user-data-dir={self.profile}", f"--window-size={size[0]},{size[1]}", *arguments,
            ],
            "perfLoggingPrefs": {"enableNetwork": True, "enablePage": False},
        }
        if not script:
            options["prefs"] = {"profile.managed_default_content_settings.javascript": 2}
        wanted = {
            "browserName": "chrome",
            "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        }
        session = self.send("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        self.session = f"/session/{session['sessionId']}"
        # A busy machine is no fault of a page.
        self.do("POST", "/timeouts", {"script": 120_000, "pageLoad": 120_000})

    def send(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.driver.url + path, data, {"content-type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=150) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            told = json.load(error)["value"]
            raise Refused(f"{told['error']}: {told['message'].splitlines()[0]}") from None

    def do(self, method, path, body=None):
        return self.send(method, self.session + path, body)

    def close(self):
        try:
            self.do("DELETE", "")
        finally:
            shutil.rmtree(self.profile, ignore_errors=True)

    def devtools(self, command, **parameters):
        return self.do("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    # Pages.

    def go(self, path):
        self.do("POST", "/url", {"url": path if "://" in path else self.base + path})

    def url(self):
        return self.do("GET", "/url").removeprefix(self.base)

    def source(self):
        return self.do("GET", "/source")

    def reload(self):
        self.do("POST", "/refresh", {})

    def size(self, width, height):
        """The size of the page itself, also below what a window can have."""
        self.devtools("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def prefers(self, **features):
        named = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
        self.devtools("Emulation.setEmulatedMedia", features=named)

    def picture(self, path, whole=False):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        shot = self.devtools("Page.captureScreenshot", captureBeyondViewport=whole)
        with open(path, "wb") as file:
            file.write(base64.b64decode(shot["data"]))

    def drawing(self, path):
        """What the window shows as SVG: a picture that is text."""
        with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "drawing.js"), encoding="utf-8") as file:
            drawn = self.wait_for(file.read())
        assert drawn.startswith("<svg"), drawn
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(drawn)

    def log(self, kind="browser"):
        return self.do("POST", "/se/log", {"type": kind})

    # Elements.

    def run(self, script, *arguments):
        return self.do("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def wait_for(self, script, *arguments):
        return self.do("POST", "/execute/async", {"script": script, "args": list(arguments)})

    def element(self, selector):
        found = self.do("POST", "/element", {"using": "css selector", "value": selector})
        return next(iter(found.values()))

    def all(self, selector):
        found = self.do("POST", "/elements", {"using": "css selector", "value": selector})
        return [next(iter(one.values())) for one in found]

    def has(self, selector):
        return bool(self.all(selector))

    def read(self, selector, what):
        """Something of an element. A live page may have replaced it between its being found and its being read."""
        for again in (True, True, False):
            try:
                return self.do("GET", f"/element/{self.element(selector)}/{what}")
            except Refused as refused:
                if "stale" not in str(refused) or not again:
                    raise

    def text(self, selector="body"):
        return self.read(selector, "text")

    def texts(self, selector):
        return self.run("return [...document.querySelectorAll(arguments[0])].map(e => e.innerText.trim())", selector)

    def attribute(self, selector, name):
        return self.read(selector, f"attribute/{name}")

    def property(self, selector, name):
        return self.read(selector, f"property/{name}")

    def click(self, selector):
        until(f"`{selector}` can be clicked", lambda: self.do("POST", f"/element/{self.element(selector)}/click", {}) is None)

    def click_text(self, selector, text):
        def found():
            # A refusal, such as of one that a live page has just replaced, is tried again.
            for one in self.all(selector):
                if self.do("GET", f"/element/{one}/text").startswith(text):
                    self.do("POST", f"/element/{one}/click", {})
                    return True
            return False

        until(f"`{selector}` with the text `{text}` can be clicked", found)

    def type(self, selector, text):
        self.do("POST", f"/element/{self.element(selector)}/value", {"text": text})

    def fill(self, selector, text):
        self.do("POST", f"/element/{self.element(selector)}/clear", {})
        self.type(selector, text)

    def set(self, selector, value):
        """Sets a field that is awkward to type into, such as a date, as typing would."""
        self.run(
            "const field = document.querySelector(arguments[0]); field.value = arguments[1];"
            "field.dispatchEvent(new Event('input', {bubbles: true}));"
            "field.dispatchEvent(new Event('change', {bubbles: true}));",
            selector, value,
        )

    def press(self, *keys, holding=()):
        steps = [{"type": "keyDown", "value": key} for key in holding]
        for key in keys:
            steps += [{"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]
        steps += [{"type": "keyUp", "value": key} for key in reversed(holding)]
        self.do("POST", "/actions", {"actions": [{"type": "key", "id": "keys", "actions": steps}]})

    def focused(self):
        return self.run(
            "const e = document.activeElement; return [e.tagName, e.id, (e.closest('[data-key]') || {dataset: {}}).dataset.key || '']"
        )

    def eventually(self, text, selector="body", patience=PATIENCE):
        """Waits until a part of the page says a text."""
        return until(f"`{selector}` says `{text}`", lambda: text in self.text(selector), patience)

    def live(self):
        until("the page is live", lambda: self.attribute("#live", "data-live") == "on")

    # Tabs.

    def tab(self):
        return self.do("GET", "/window")

    def tabs(self):
        return self.do("GET", "/window/handles")

    def open_tab(self):
        handle = self.do("POST", "/window/new", {"type": "tab"})["handle"]
        self.to(handle)
        return handle

    def to(self, handle):
        self.do("POST", "/window", {"handle": handle})


class Keys:
    ENTER, ESCAPE, TAB, CONTROL, SHIFT = "\ue007", "\ue00c", "\ue004", "\ue009", "\ue008"
    DOWN = "\ue015"
