"""Serves the `app` of an unmodified example file against a server at another URL."""

import argparse
import sys
import types
from pathlib import Path

from listening import serve


def load(path, replacements):
    source = path.read_text(encoding="utf-8")
    for old, new in replacements.items():
        if old not in source:
            sys.exit(f"{path}: text to replace not found: {old}")
        source = source.replace(old, new)
    module = types.ModuleType(path.stem)
    module.__file__ = str(path)
    sys.modules[path.stem] = module
    exec(compile(source, str(path), "exec"), module.__dict__)
    return module


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--server", required=True, metavar="URL")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--reconnect-delay", type=float, metavar="SECONDS")
    parser.add_argument("--app-id")
    args = parser.parse_args()

    replacements = {"http://localhost:9000": args.server}
    if args.reconnect_delay is not None:
        replacements["reconnect_delay=5.0"] = f"reconnect_delay={args.reconnect_delay}"
    if args.app_id is not None:
        replacements['app_id="payments-service"'] = f"app_id={args.app_id!r}"
    serve(load(args.file, replacements).app, args.port)


if __name__ == "__main__":
    main()
