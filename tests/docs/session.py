"""A shell for the commands of one page, in a folder and with a home of its own."""

import os
import select
import signal
import subprocess
import time

from expect import fits

# How long a command may take, and how long what runs on may take until it says what is expected of it.
PATIENCE = 60
SLOW = 900

# Reads commands until there are no more; `$?` is that of the command before.
DRIVER = r"""
__status=0
while IFS= read -r -d '' -u "$__COMMANDS" __input && IFS= read -r -d '' -u "$__COMMANDS" __command; do
    { (exit "$__status"); eval "$__command"; } <"$__input" >"$__OUTPUT" 2>&1
    __status=$?
    printf '%s\n' "$__status" >&"$__ANSWERS"
done
"""


class Failed(Exception):
    """A command that did something else than its page says."""


class Session:
    def __init__(self, folder, environment, patience=PATIENCE):
        self.folder = folder
        self.patience = patience
        self.logs = []
        work = folder / "work"
        work.mkdir()
        (folder / "input").touch()
        commands, self.commands = os.pipe()
        self.answers, answers = os.pipe()
        own = {"HOME": str(folder / "home"), "__OUTPUT": str(folder / "output")}
        self.shell = subprocess.Popen(
            ["bash", "--noprofile", "--norc", "-c", DRIVER],
            cwd=work,
            env=environment | own | {"__COMMANDS": str(commands), "__ANSWERS": str(answers)},
            stdin=subprocess.DEVNULL,
            pass_fds=(commands, answers),
            start_new_session=True,
        )
        os.close(commands)
        os.close(answers)

    def run(self, command, eventually=False):
        """Runs a command; fails unless it ends well and prints what is expected."""
        if command.text.split(" #")[0].rstrip().endswith("&"):
            self._start(command)
            return
        begun = time.monotonic()
        while True:
            status, printed = self._execute(command.text)
            problem = problem_of(command, status, printed)
            if problem is None:
                return
            if not eventually or time.monotonic() - begun > 20:
                raise Failed(f"{problem}\n{indented('printed', printed)}{self._tails()}")
            time.sleep(0.1)

    def _execute(self, text):
        given = self.folder / "input"
        # `# password: secret` is what is typed when the command asks.
        given.write_text(text.partition("# password: ")[2] + "\n" if "# password: " in text else "")
        output = self.folder / "output"
        os.write(self.commands, f"{given}\0{text}\0".encode())
        # Compiling takes what it takes.
        limit = time.monotonic() + (SLOW if text.startswith("cargo ") else self.patience)
        answer = b""
        while not answer.endswith(b"\n"):
            ready, _, _ = select.select([self.answers], [], [], max(0, limit - time.monotonic()))
            if not ready:
                raise Failed(f"still running after {self.patience} s\n{indented('printed', output.read_text())}")
            part = os.read(self.answers, 100)
            if not part:
                raise Failed("the shell has ended")
            answer += part
        return int(answer), output.read_text(encoding="utf-8", errors="replace")

    def _start(self, command):
        log = self.folder / f"log-{len(self.logs)}"
        self.logs.append((command.text, log))
        text = command.text.split(" #")[0].rstrip().removesuffix("&")
        status, printed = self._execute(f"{text} >'{log}' 2>&1 </dev/null &")
        if status != 0:
            raise Failed(f"could not be started\n{indented('printed', printed)}")
        limit = time.monotonic() + self.patience
        while not fits(command.expected, log.read_text() if log.exists() else "", anywhere=True):
            if time.monotonic() > limit:
                raise Failed(f"did not say what was expected\n{indented('printed', log.read_text())}")
            time.sleep(0.02)

    def _tails(self):
        return "".join(indented(f"end of the log of `{text}`", log.read_text()[-2000:]) for text, log in self.logs)

    def close(self):
        """Ends the shell and all that it has started."""
        os.close(self.commands)
        try:
            os.killpg(self.shell.pid, signal.SIGTERM)
        except ProcessLookupError:
            pass
        try:
            self.shell.wait(5)
        except subprocess.TimeoutExpired:
            pass
        try:
            os.killpg(self.shell.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.shell.wait()
        os.close(self.answers)


def problem_of(command, status, printed):
    # A failure is meant where the page shows it.
    meant = any(line.startswith(("error:", "curl: (")) for line in command.expected) or command.may_fail
    if status != 0 and not meant:
        return f"ended with {status}"
    if command.expected and not fits(command.expected, printed):
        return "printed something else than\n" + indented("expected", "\n".join(command.expected))
    return None


def indented(title, text):
    return f"  {title}:\n" + "".join(f"    {line}\n" for line in text.splitlines())
