"""Serves the reference WaygateServer, for comparison with ours."""

import argparse

from waygate import FileBackend, MemoryBackend, RedisBackend
from waygate.server import WaygateServer

from listening import serve


def backend(text):
    if text == "memory":
        return MemoryBackend()
    if text.startswith("file:"):
        return FileBackend(text.removeprefix("file:"))
    if text.startswith("redis://"):
        return RedisBackend(text)
    raise argparse.ArgumentTypeError("expected memory, file:PATH or redis://URL")


def credentials(text):
    user, colon, password = text.partition(":")
    if not (user and colon and password):
        raise argparse.ArgumentTypeError("expected USER:PASSWORD")
    return user, password


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--auth", type=credentials, metavar="USER:PASSWORD")
    parser.add_argument(
        "--backend", type=backend, default="memory", metavar="memory|file:PATH|redis://URL"
    )
    parser.add_argument("--secret-key", metavar="KEY")
    args = parser.parse_args()

    server = WaygateServer(backend=args.backend, auth=args.auth, secret_key=args.secret_key)
    serve(server, args.port)


if __name__ == "__main__":
    main()
