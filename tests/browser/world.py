"""A control plane with real services, for the tests."""

import base64
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request

from webdriver import free_port, until

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAMS = os.environ.get("WAYGATE_PROGRAMS", os.path.join(REPOSITORY, "target/debug"))
PEER = os.environ.get("WAYGATE_PEER_VENV", os.path.join(REPOSITORY, "target/peer-venv"))
USERS = {"admin": "secret", "vera": "looks"}


def key(name):
    """How pages name a route: base64url of its key."""
    return base64.urlsafe_b64encode(name.encode()).decode().rstrip("=")


class Process:
    """A program that says where it listens, and is ended with the tests."""

    def __init__(self, command, environment, log):
        self.log = open(log, "ab")
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        self.process = subprocess.Popen(
            command, env={**kept, **environment}, stdout=subprocess.PIPE, stderr=self.log, stdin=subprocess.DEVNULL
        )
        self.url = None
        said = threading.Event()

        def read():
            for line in self.process.stdout:
                found = re.search(rb"http://\S+", line)
                if found and not self.url:
                    self.url = found.group().decode()
                    said.set()
            said.set()

        threading.Thread(target=read, daemon=True).start()
        if not said.wait(30) or not self.url:
            ended = self.process.poll()
            self.stop()
            with open(log, encoding="utf-8", errors="replace") as told:
                sys.exit(f"{command[0]} did not say where it listens (exit {ended}):\n{told.read()[-2000:]}")

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.kill()
        self.log.close()

    def answers(self, path, method="GET"):
        """The status that the service answers with."""
        request = urllib.request.Request(self.url + path, method=method)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code


class World:
    def __init__(self, settings=()):
        self.folder = tempfile.mkdtemp(prefix="waygate-world-")
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.settings = list(settings)
        self.services = []
        self.serve()
        self.token = self.call("POST", "/api/auth/login", {"username": "admin", "password": "secret"})["token"]

    def serve(self):
        users = ",".join(f"{name}:{password}" for name, password in USERS.items())
        command = [os.path.join(PROGRAMS, "waygate"), "serve", "--port", str(self.port), "--backend",
                   f"file:{self.folder}/state.json", "--secret-key", "0123456789abcdef0123456789abcdef", *self.settings]
        self.server = Process(command, {"WAYGATE_AUTH": users}, f"{self.folder}/server.log")

    def call(self, method, path, body=None, token=None):
        head = {"content-type": "application/json"}
        if token or getattr(self, "token", None):
            head["X-Waygate-Token"] = token or self.token
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data, head, method=method)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{method} {path}: {error.code} {error.read().decode()}") from None
        return json.loads(text) if text else None

    def route(self, name, what="", body=None):
        path = f"/api/routes/{key(name)}" + (f"/{what}" if what else "")
        return self.call("POST" if what else "GET", path, body if what else None)

    def revision(self, route=None):
        """The latest change, of everything or of a route; 0 where there is none."""
        entries = self.call("GET", "/api/audit?limit=1" + (f"&route={route}" if route else ""))
        return entries[0]["revision"] if entries else 0

    def register(self, service, routes):
        declared = [
            {"path": path, "method": method, **more}
            for method, path, more in (r if len(r) == 3 else (*r, {}) for r in routes)
        ]
        return self.call("POST", "/api/sdk/register", {"app_id": service, "states": declared})

    def service(self, program, name, instance, **settings):
        environment = {
            "PORT": "0", "WAYGATE_SERVER_URL": self.base, "WAYGATE_APP_ID": name, "WAYGATE_INSTANCE": instance,
            "WAYGATE_USERNAME": "admin", "WAYGATE_PASSWORD": "secret", "WAYGATE_RECONNECT_DELAY": "1",
            "WAYGATE_ENV": "production", **settings,
        }
        started = Process([os.path.join(PROGRAMS, program)], environment, f"{self.folder}/{instance}.log")
        self.services.append(started)
        return started

    def python(self, name):
        """The guide's payments service with the unmodified client, under another name."""
        files = os.path.join(REPOSITORY, "tests/peer")
        command = [os.path.join(PEER, "bin/python"), os.path.join(files, "run_app.py"),
                   os.path.join(files, "payments_app_auth.py"), "--server", self.base, "--reconnect-delay", "1.0",
                   "--app-id", name]
        started = Process(command, {"WAYGATE_USERNAME": "admin", "WAYGATE_PASSWORD": "secret"}, f"{self.folder}/{name}.log")
        self.services.append(started)
        return started

    def instances(self, service):
        return self.call("GET", f"/api/services/{service}/instances")

    def settled(self, service, count):
        def there():
            states = [one["state"] for one in self.instances(service)]
            return len(states) >= count and all(state in ("in_sync", "unconfirmed") for state in states)

        until(f"{count} instances of {service} are in sync", there, 20)

    def stop(self):
        for service in self.services:
            service.stop()
        self.server.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
