"""Who is who without authentication (http-api.md 2.2, step 1)."""

from session import route

AUTH = False


def there_is_no_login(s):
    s.post("/api/auth/login", {"username": "admin", "password": "secret"})
    s.post("/api/auth/login", content=b"{")
    s.post("/api/auth/login")
    s.post("/api/auth/logout")
    s.post("/api/auth/logout", token="no-token")


def me(s):
    s.get("/api/auth/me")
    s.get("/api/auth/me", token="no-token", note="tokens are not looked at")
    s.get("/api/auth/me", headers={"Authorization": "Bearer no-token"}, note="nor are these")
    s.get("/api/auth/me", headers={"X-Waygate-Actor": "ann"}, note="actor")
    s.get("/api/auth/me", headers={"X-Waygate-Actor": ""}, note="empty actor")
    for platform in ("cli", "sdk", "dashboard"):
        s.get("/api/auth/me", headers={"X-Waygate-Platform": platform}, note=f"platform {platform}")


def me_on_other_platforms(s):
    s.get("/api/auth/me", headers={"X-Waygate-Platform": ""}, note="empty")
    s.get("/api/auth/me", headers={"X-Waygate-Platform": "toaster"}, note="toaster")
    s.get("/api/auth/me", headers={"X-Waygate-App-Id": "open-app"}, note="app id")


def the_caller_is_audited(s):
    s.register("open-audit", "GET:/a")
    key = "open-audit:GET:/a"
    s.post(route(key, "disable"), {"reason": "one"})
    s.post(route(key, "enable"), {"reason": "two"}, headers={"X-Waygate-Actor": "ann", "X-Waygate-Platform": "dashboard"})
    s.post(route(key, "disable"), {"reason": "three"}, headers={"X-Waygate-Actor": ""})
    s.post("/api/global/enable", {"reason": "four"}, headers={"X-Waygate-Actor": "bob"})
    s.post("/api/global/disable", headers={"X-Waygate-Platform": "sdk"})
    s.new_audit()
