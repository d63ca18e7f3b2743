"""Serves an ASGI app on 127.0.0.1 and says where, once it accepts connections."""

import uvicorn


class _Server(uvicorn.Server):
    async def startup(self, sockets=None):
        await super().startup(sockets=sockets)
        if self.started:
            host, port = sockets[0].getsockname()
            print(f"LISTENING http://{host}:{port}", flush=True)


def serve(app, port):
    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=port,
        access_log=False,  # uvicorn writes it to stdout
        log_level="warning",
        timeout_graceful_shutdown=1,  # an open event stream never ends by itself
    )
    _Server(config).run(sockets=[config.bind_socket()])
