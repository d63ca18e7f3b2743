"""Holds the documentation to what it says: runs its commands, reads its blocks, follows its links.

Each page that has commands gets a folder, a home, a shell and (where `unshare` may) a network of its own, so that its
ports are free whatever else runs.
"""

import argparse
import fcntl
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import check
from page import Malformed, commands, read
from session import PATIENCE, SLOW, Failed, Session

ROOT = Path(__file__).resolve().parents[2]
RUN = ("console", "sh", "bash")


def pages():
    patterns = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "ARCHITECTURE.md", "docs/**/*.md", "deploy/README.md")
    found = [path for pattern in patterns for path in sorted(ROOT.glob(pattern))]
    return found + sorted(ROOT.glob("crates/*/README.md")) + sorted(ROOT.glob("tests/*/README.md"))


def runs(page):
    return any(block.language in RUN and "not run" not in block.notes for block in page.blocks)


def environment():
    # Whole paths: a page's commands run in a folder of their own.
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve()
    programs = Path(os.environ.get("WAYGATE_DOCS_PROGRAMS", target / "debug")).resolve()
    venv = Path(os.environ.get("WAYGATE_PEER_VENV", ROOT / "target/peer-venv")).absolute()
    for program in (programs / "waygate", programs / "payments-service", programs / "orders-service", venv / "bin/uvicorn"):
        if not program.exists():
            sys.exit(f"scripts/docs: `{program}` is missing; scripts/docs makes what it needs")
    kept = {name: os.environ[name] for name in ("CARGO_HOME", "RUSTUP_HOME") if name in os.environ}
    home = Path.home()
    kept.setdefault("CARGO_HOME", str(home / ".cargo"))
    kept.setdefault("RUSTUP_HOME", str(home / ".rustup"))
    path = [programs, venv / "bin", Path(kept["CARGO_HOME"]) / "bin", "/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin"]
    return kept | {
        "PATH": ":".join(map(str, path)),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "TERM": "dumb",
        "CARGO_TERM_QUIET": "true",
        # There is no network, and the lock file of the repository says what there is.
        "CARGO_NET_OFFLINE": "true",
        "CARGO_INCREMENTAL": "0",
        "CARGO_TARGET_DIR": str(target / "docs"),
        "WAYGATE_LOG": "warn",
    }


def carry_out(page, environment):
    """Runs a page from its beginning; gives the number of commands."""
    count = 0
    with tempfile.TemporaryDirectory(prefix="waygate-docs-", ignore_cleanup_errors=True) as folder:
        folder = Path(folder)
        (folder / "home").mkdir()
        session = Session(folder, environment, SLOW if page.slow else PATIENCE)
        work = folder / "work"
        # As after the `git clone` of the tutorial.
        (work / "waygate").symlink_to(ROOT)
        try:
            for block in page.blocks:
                name = block.notes.get("file") or block.notes.get("append")
                if name:
                    place = work / name
                    place.parent.mkdir(parents=True, exist_ok=True)
                    with place.open("a" if "append" in block.notes else "w", encoding="utf-8") as file:
                        file.write(block.text)
                elif block.language in RUN and "not run" not in block.notes:
                    for command in commands(block):
                        try:
                            session.run(command, "eventually" in block.notes)
                        except Failed as failed:
                            sys.exit(f"{page.path.relative_to(ROOT)}:{command.line}: `{command.text}` {failed}")
                        count += 1
        finally:
            session.close()
    return count


def bring_up_loopback():
    request = struct.pack("16sh14x", b"lo", 0x1 | 0x40)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        fcntl.ioctl(asking, 0x8914, request)


def can_unshare():
    return shutil.which("unshare") and subprocess.run(["unshare", "-rn", "true"], capture_output=True).returncode == 0


def run_apart(path, apart):
    """Runs a page in a process and, if possible, a network of its own."""
    begun = time.monotonic()
    own = [sys.executable, __file__, "--alone", str(path)]
    done = subprocess.run(["unshare", "-rn", *own, "--unshared"] if apart else own, text=True, capture_output=True)
    return path, done.returncode, (done.stdout + done.stderr).strip(), time.monotonic() - begun


def main():
    parser = argparse.ArgumentParser(prog="scripts/docs", description=__doc__)
    parser.add_argument("pages", nargs="*", type=Path, help="run only these; links and blocks are always looked at")
    parser.add_argument("--full", action="store_true", help="also the pages that take minutes")
    parser.add_argument("--check", action="store_true", help="run nothing")
    parser.add_argument("--alone", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--unshared", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.alone:
        if options.unshared:
            bring_up_loopback()
        print(carry_out(read(options.alone), environment()), "commands")
        return
    try:
        book = [read(path) for path in pages()]
        problems = check.everything(ROOT, book)
    except Malformed as malformed:
        sys.exit(str(malformed))
    for problem in problems:
        print(problem, file=sys.stderr)
    if problems:
        sys.exit(1)
    print(f"{len(book)} pages, {sum(len(page.blocks) for page in book)} blocks, {sum(len(page.links) for page in book)} links")
    if options.check:
        return
    wanted = {path.resolve() for path in options.pages}
    chosen = [page for page in book if runs(page) and (page.path in wanted if wanted else options.full or not page.slow)]
    apart = can_unshare()
    if not apart:
        print("no network of its own can be had (`unshare -rn`): one page at a time, on the ports that it names")
    environment()
    failed = False
    with ThreadPoolExecutor(2 if apart else 1) as pool:
        for path, status, said, seconds in pool.map(lambda page: run_apart(page.path, apart), chosen):
            print(f"{'FAILED' if status else 'ok':>6} {path.relative_to(ROOT)} [{seconds:.1f} s] {said}")
            failed |= status != 0
    left = [str(page.path.relative_to(ROOT)) for page in book if page.slow and page not in chosen and not wanted]
    if left:
        print(f"only with --full: {', '.join(left)}")
    sys.exit(failed)


if __name__ == "__main__":
    main()
