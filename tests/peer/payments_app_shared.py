import os
from fastapi import FastAPI
from waygate import RedisBackend
from waygate.sdk import WaygateSDK
from waygate.fastapi import WaygateRouter, force_active

sdk = WaygateSDK(
    server_url="http://localhost:9000",
    app_id="payments-service",
    rate_limit_backend=RedisBackend(url=os.environ["REDIS_URL"]),
    reconnect_delay=5.0,
)

app = FastAPI()
sdk.attach(app)   # wires WaygateMiddleware + startup/shutdown hooks

router = WaygateRouter(engine=sdk.engine)

@router.get("/health")
@force_active
async def health():
    return {"status": "ok"}

@router.get("/api/payments")
async def get_payments():
    return {"payments": []}

app.include_router(router)
