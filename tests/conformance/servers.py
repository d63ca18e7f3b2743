"""The two servers that are compared: how each is started, and how it is stopped."""

import os
import queue
import re
import subprocess
import sys
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path

CREDENTIALS = ("admin", "secret")
START_TIMEOUT = 30
STOP_TIMEOUT = 10
PEER = Path(__file__).resolve().parents[1] / "peer"


def reference_command(auth):
    command = [sys.executable, str(PEER / "reference_server.py"), "--port", "0"]
    return command + (["--auth", ":".join(CREDENTIALS)] if auth else [])


def waygate_command(binary, auth):
    command = [binary, "serve", "--port", "0", "--backend", "memory"]
    return command + (["--auth", ":".join(CREDENTIALS)] if auth else [])


@contextmanager
def running(command):
    """Runs a server in an empty directory of its own and gives its URL once it listens."""
    with tempfile.TemporaryDirectory(prefix="waygate-conformance-") as home:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("WAYGATE_")}
        with open(Path(home, "stderr"), "w+", encoding="utf-8") as errors:
            process = subprocess.Popen(
                command, cwd=home, env=environment | {"HOME": home}, stdout=subprocess.PIPE, stderr=errors, text=True
            )
            try:
                yield _url(process, errors)
            finally:
                _stop(process)


def _url(process, errors):
    found = queue.Queue()

    def read():
        # Reads on for the life of the process, so that a full pipe never blocks it.
        for line in process.stdout:
            if url := re.search(r"http://127\.0\.0\.1:\d+", line):
                found.put(url[0])
        found.put(None)

    threading.Thread(target=read, daemon=True).start()
    try:
        url = found.get(timeout=START_TIMEOUT)
    except queue.Empty:
        url = None
    if url is None:
        errors.seek(0)
        sys.exit(f"{' '.join(process.args)} did not start:\n{errors.read()}")
    return url


def _stop(process):
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
