"""Fills a backend of the reference, through its own engine, for `waygate import`.

With `--application` as an application without a control plane does: routes that name no service. Otherwise as its
control plane does for two services.
"""

import argparse
import asyncio
from datetime import datetime, timezone

from waygate import (
    FileBackend,
    MaintenanceWindow,
    RedisBackend,
    RouteState,
    RouteStatus,
    WaygateEngine,
)

FAR = MaintenanceWindow(
    start=datetime(2998, 1, 1, tzinfo=timezone.utc),
    end=datetime(2999, 1, 1, tzinfo=timezone.utc),
    reason="far away",
)


def backend(text):
    return RedisBackend(text) if text.startswith("redis://") else FileBackend(text)


def key(service, local):
    return local if service is None else f"{service}:{local}"


async def fill_service(engine, service):
    async def put(local, **fields):
        path = key(service, local)
        await engine.backend.set_state(path, RouteState(path=path, service=service, **fields))

    await put("GET:/active")
    await put("GET:/off", status=RouteStatus.ACTIVE)
    await put("POST:/repaired")
    await put("GET:/only", status=RouteStatus.ACTIVE)
    await put("GET:/items/{item_id}")
    await put("/whole")
    await put("GET:/health", force_active=True)
    await put(
        "GET:/old",
        status=RouteStatus.DEPRECATED,
        sunset_date="Sat, 01 Jan 2028 00:00:00 GMT",
        successor_path="/v2/old",
    )
    await put("GET:/planned")
    await engine.disable(key(service, "GET:/off"), reason="hotfix « ü »", actor="alice", platform="cli")
    await engine.set_maintenance(
        key(service, "POST:/repaired"), reason="DB migration", actor="bob", platform="dashboard"
    )
    await engine.set_env_only(key(service, "GET:/only"), ["prod", "staging"], actor="alice", platform="cli")
    await engine.schedule_maintenance(key(service, "GET:/planned"), FAR, actor="alice", platform="cli")
    await engine.disable(key(service, "GET:/active"), actor="carol", platform="cli")
    await engine.enable(key(service, "GET:/active"), reason="again", actor="carol", platform="cli")


async def fill(engine, application):
    for service in [None] if application else ["pay", "orders"]:
        await fill_service(engine, service)
    first = key(None if application else "pay", "GET:/active")
    await engine.set_rate_limit_policy(
        first, "GET", "5/minute", algorithm="sliding_window", key_strategy="user", burst=2, actor="dora"
    )
    await engine.set_global_rate_limit("1000/minute", exempt_routes=["/health"], actor="dora")
    await engine.set_service_rate_limit("orders", "50/hour", on_missing_key="block", actor="dora")
    await engine.disable_service_rate_limit("orders", actor="dora")
    await engine.enable_service_maintenance(
        "orders", reason="moving house", exempt_paths=["GET:/health"], actor="alice", platform="cli"
    )
    await engine.enable_global_maintenance(
        reason="deploy", exempt_paths=["/health", "GET:/active"], include_force_active=True, actor="alice"
    )


async def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("backend", metavar="FILE|redis://URL")
    parser.add_argument("--application", action="store_true")
    arguments = parser.parse_args()
    async with WaygateEngine(backend=backend(arguments.backend)) as engine:
        await fill(engine, arguments.application)


if __name__ == "__main__":
    asyncio.run(main())
