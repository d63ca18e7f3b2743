"""Logging in and out, and who gets in (http-api.md 2), with authentication on."""

from datetime import UTC, datetime, timedelta

from session import connection, route, state

AUTH = True
GOOD = {"username": "admin", "password": "secret"}


def login(s):
    """The answer and what the token is good for, by platform."""
    for fields in ({}, {"platform": "cli"}, {"platform": "sdk"}, {"platform": "dashboard"}, {"platform": ""}):
        answer = s.post("/api/auth/login", {**GOOD, **fields}, token=None).json()
        expires = datetime.fromisoformat(answer["expires_at"])
        left = expires - datetime.now(UTC)
        s.note("expiry", days=round(left / timedelta(days=1)), offset=answer["expires_at"][-6:])
        s.get("/api/auth/me", token=answer["token"], note=f"after {fields}")


def login_refused(s):
    wrong = (
        {"username": "admin", "password": "no"},
        {"username": "nobody", "password": "secret"},
        {"username": "Admin", "password": "secret"},
        {"username": "admin", "password": "secret "},
    )
    for body in wrong:
        s.post("/api/auth/login", body, token=None)


def login_incomplete(s):
    for body in ({}, {"username": "admin"}, {"password": "secret"}, {**GOOD, "username": ""}, {**GOOD, "password": ""}):
        s.post("/api/auth/login", body, token=None)
    for body in ([], "text", 1):
        s.post("/api/auth/login", body, token=None)
    for content in (b"", b"{", b"username=admin&password=secret"):
        s.post("/api/auth/login", content=content, token=None)


def login_wrong_types(s):
    for value in (1, True, ["admin"], {"a": 1}):
        s.post("/api/auth/login", {**GOOD, "username": value}, token=None)
        s.post("/api/auth/login", {**GOOD, "password": value}, token=None)
    s.post("/api/auth/login", {**GOOD, "username": None}, token=None)
    s.post("/api/auth/login", {**GOOD, "password": None}, token=None)


def login_platform_types(s):
    for value in (None, 1, ["sdk"]):
        s.post("/api/auth/login", {**GOOD, "platform": value}, token=None)


def logout_ends_the_token(s):
    token = s.login()
    s.get("/api/auth/me", token=token, note="before")
    s.post("/api/auth/logout", token=token)
    s.get("/api/auth/me", token=token, note="after")
    s.post("/api/auth/logout", token=token, note="again")
    s.get("/api/auth/me", note="another token of the same user")


def logout_without_a_token(s):
    s.post("/api/auth/logout", token=None)
    s.post("/api/auth/logout", token="no-token")
    s.post("/api/auth/logout", content=b"{", token=None)


def logout_by_bearer(s):
    token = s.login()
    s.post("/api/auth/logout", token=None, headers={"Authorization": f"Bearer {token}"}, note="bearer")
    s.get("/api/auth/me", token=token)


def token_header(s):
    s.get("/api/auth/me", token=None, note="no token")
    s.get("/api/auth/me", token="", note="empty")
    s.get("/api/auth/me", token="no-token", note="nonsense")
    s.get("/api/auth/me", token=s.token[:-1] + ("0" if s.token[-1] != "0" else "1"), note="last letter changed")
    s.get("/api/auth/me", token=f"Bearer {s.token}", note="with the word Bearer")


def bearer(s):
    """The guide's own way, which the reference ignores."""
    me = {"token": None}
    s.get("/api/auth/me", **me, headers={"Authorization": f"Bearer {s.token}"}, note="bearer")
    s.get("/api/auth/me", **me, headers={"Authorization": f"bearer {s.token}"}, note="bearer in small letters")
    s.get("/api/auth/me", **me, headers={"Authorization": "Bearer no-token"}, note="bearer nonsense")
    s.get("/api/auth/me", **me, headers={"Authorization": f"Basic {s.token}"}, note="basic")
    s.get("/api/auth/me", headers={"Authorization": f"Bearer {s.token}"}, note="both, the same")
    s.get("/api/auth/me", headers={"Authorization": "Bearer other"}, note="both, differing")
    s.get("/api/auth/me", headers={"Authorization": "Basic dTpw"}, note="token beside another scheme")


def every_endpoint_needs_a_token(s):
    endpoints = (
        ("GET", "/api/auth/me"),
        ("GET", "/api/routes"),
        ("GET", "/api/routes/R0VUOi9h"),
        ("POST", "/api/routes/R0VUOi9h/enable"),
        ("POST", "/api/routes/R0VUOi9h/disable"),
        ("POST", "/api/routes/R0VUOi9h/maintenance"),
        ("POST", "/api/routes/R0VUOi9h/env"),
        ("POST", "/api/routes/R0VUOi9h/schedule"),
        ("DELETE", "/api/routes/R0VUOi9h/schedule"),
        ("GET", "/api/audit"),
        ("GET", "/api/global"),
        ("POST", "/api/global/enable"),
        ("POST", "/api/global/disable"),
        ("GET", "/api/services"),
        ("GET", "/api/services/one/maintenance"),
        ("POST", "/api/services/one/maintenance/enable"),
        ("POST", "/api/services/one/maintenance/disable"),
        ("GET", "/api/rate-limits"),
        ("POST", "/api/rate-limits"),
        ("GET", "/api/rate-limits/hits"),
        ("DELETE", "/api/rate-limits/R0VUOi9h"),
        ("DELETE", "/api/rate-limits/R0VUOi9h/reset"),
        ("GET", "/api/global-rate-limit"),
        ("POST", "/api/global-rate-limit"),
        ("DELETE", "/api/global-rate-limit"),
        ("DELETE", "/api/global-rate-limit/reset"),
        ("POST", "/api/global-rate-limit/enable"),
        ("POST", "/api/global-rate-limit/disable"),
        ("GET", "/api/services/one/rate-limit"),
        ("POST", "/api/services/one/rate-limit"),
        ("DELETE", "/api/services/one/rate-limit"),
        ("DELETE", "/api/services/one/rate-limit/reset"),
        ("POST", "/api/services/one/rate-limit/enable"),
        ("POST", "/api/services/one/rate-limit/disable"),
        ("POST", "/api/sdk/register"),
        ("POST", "/api/sdk/audit"),
        ("GET", "/api/sdk/events"),
        ("GET", "/api/flags"),
        ("GET", "/api/segments"),
        ("GET", "/api/nothing-here"),
        ("PUT", "/api/routes"),
    )
    for method, path in endpoints:
        # The refusal of the stream is broken off on purpose, so only its head can be read.
        if path == "/api/sdk/events":
            with connection(s.url) as client, client.stream(method, path) as answer:
                s.note(f"{method} {path}", status=answer.status_code)
        else:
            s.request(method, path, token=None)


def public_is_an_exact_list(s):
    """Names that look like public paths: nothing about a path's look lets a stranger in."""
    for service in ("login", "logout", "static"):
        s.get(f"/api/services/{service}/maintenance", token=None)
        s.post(f"/api/services/{service}/maintenance/enable", {"reason": "by a stranger"}, token=None)
    s.post("/api/services/static/maintenance/disable", token=None)
    for path in ("/api/flags/login", "/api/segments/logout", "/api/routes/login", "/x/static/y", "/api/static/x"):
        s.get(path, token=None)
    s.new_audit()


def beside_the_api(s):
    """Paths that are not of the API, with and without a token."""
    for path in ("/nothing", "/api"):
        s.get(path, token=None)
        s.get(path, token=None, headers={"X-Waygate-Platform": "cli"}, note="from the CLI")
        s.get(path, note="with a token")


def headers_do_not_name_the_actor(s):
    """With authentication the actor is the token's, whatever a header says."""
    s.register("auth-actor", "GET:/a")
    claimed = {"X-Waygate-Actor": "mallory", "X-Waygate-Platform": "dashboard"}
    s.post(route("auth-actor:GET:/a", "disable"), {"reason": "x"}, headers=claimed)
    s.get("/api/auth/me", headers=claimed)
    s.new_audit()


def service_token_reads_and_registers(s):
    """A token of platform `sdk` does what the SDK does."""
    token = s.login(app_id="auth-sdk", platform="sdk")
    request = {"token": token, "headers": {"X-Waygate-App-Id": "auth-sdk"}}
    s.post("/api/sdk/register", {"app_id": "auth-sdk", "states": [state("auth-sdk:GET:/a")]}, **request)
    s.get("/api/routes?service=auth-sdk", token=token)
    s.get(route("auth-sdk:GET:/a"), token=token)
    s.get("/api/services/auth-sdk/maintenance", token=token)
    s.get("/api/auth/me", **request)
    s.get("/api/routes?service=auth-sdk-none", token=token, note="of a service that is not its own")
    s.get("/api/rate-limits", **request)
    s.get("/api/global", **request)


def service_token_switches_nothing(s):
    s.register("auth-sdk-own", "GET:/a")
    token = s.login(app_id="auth-sdk-own", platform="sdk")
    s.post(route("auth-sdk-own:GET:/a", "disable"), {"reason": "x"}, token=token)
    s.post("/api/global/enable", {"reason": "x"}, token=token)
    s.post("/api/global/disable", token=token)
    s.post("/api/services/auth-sdk-own/maintenance/enable", token=token)
    s.get("/api/audit?limit=1", token=token)
    s.post("/api/sdk/register", {"app_id": "auth-sdk-other", "states": []}, token=token)
