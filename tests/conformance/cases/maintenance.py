"""Global and service maintenance (http-api.md 5.9 and 5.11)."""

AUTH = True


def global_maintenance(s):
    s.get("/api/global")
    s.post(
        "/api/global/enable",
        {"reason": "deploy", "exempt_paths": ["/health", "GET:/x"], "include_force_active": True},
    )
    s.get("/api/global")
    s.post("/api/global/disable")
    s.get("/api/global")
    s.new_audit()


def global_without_a_body(s):
    s.post("/api/global/enable", {"exempt_paths": []})
    s.post("/api/global/disable")
    s.post("/api/global/enable")
    s.post("/api/global/disable")
    s.post("/api/global/enable", {})
    s.post("/api/global/disable", {"reason": "not looked at by the reference"})
    s.new_audit()


def global_is_replaced_as_a_whole(s):
    """What a second call leaves out is reset."""
    s.post("/api/global/enable", {"reason": "one", "exempt_paths": ["/a"], "include_force_active": True})
    s.post("/api/global/enable", {"reason": "two", "exempt_paths": ["/b"]})
    s.post("/api/global/enable", {"exempt_paths": []})
    s.post("/api/global/disable")
    s.new_audit()


def global_keeps_its_exemptions(s):
    s.post("/api/global/enable", {"reason": "one", "exempt_paths": ["/a"]})
    s.post("/api/global/enable", {"reason": "exemptions left out"})
    s.post("/api/global/disable")
    s.post("/api/global/enable", {"exempt_paths": None})
    s.post("/api/global/enable", {"exempt_paths": []})
    s.post("/api/global/disable")


def global_off_twice(s):
    s.post("/api/global/disable")
    s.post("/api/global/disable")
    s.new_audit()


def global_on_twice(s):
    for _ in range(2):
        s.post("/api/global/enable", {"reason": "same", "exempt_paths": []})
    s.post("/api/global/disable")
    s.new_audit()


def exemptions_that_match_nothing(s):
    for entry in ("health", "/health/", "get:/health", "*", "/nothing", "GET: /x", ""):
        s.post("/api/global/enable", {"exempt_paths": [entry]})
    s.post("/api/global/enable", {"exempt_paths": []})
    s.post("/api/global/disable")


def service_maintenance(s):
    s.register("maint-service", "GET:/a", "GET:/x")
    path = "/api/services/maint-service/maintenance"
    s.get(path)
    s.post(f"{path}/enable", {"reason": "svc", "exempt_paths": ["GET:/x"], "include_force_active": True})
    s.get(path)
    s.get("/api/global", note="the other scope is as it was")
    s.post(f"{path}/disable")
    s.get(path)
    s.new_audit()


def service_without_a_body(s):
    s.register("maint-plain", "GET:/a")
    for endpoint in ("enable", "disable"):
        s.post(f"/api/services/maint-plain/maintenance/{endpoint}")
    s.new_audit()


def service_twice(s):
    """The reference writes down changes that were none, and says what was before by rote."""
    s.register("maint-twice", "GET:/a")
    path = "/api/services/maint-twice/maintenance"
    for endpoint in ("disable", "enable", "enable", "disable"):
        s.post(f"{path}/{endpoint}", {"reason": "same", "exempt_paths": []})
    s.new_audit()


def unknown_service(s):
    s.get("/api/services/maint-nobody/maintenance")
    for endpoint in ("enable", "disable"):
        s.post(f"/api/services/maint-nobody/maintenance/{endpoint}")
    s.new_audit()


def impossible_service(s):
    for service in ("a%3Ab", "__waygate%3Aglobal__", "%C3%A9", "GET"):
        s.get(f"/api/services/{service}/maintenance")
        s.post(f"/api/services/{service}/maintenance/enable")


def switched_under_maintenance(s):
    """Switching a route works while a maintenance lies over it; the route's own status stays visible."""
    s.register("maint-over", "GET:/a")
    s.post("/api/services/maint-over/maintenance/enable", {"reason": "svc"})
    s.get("/api/routes?service=maint-over")
    s.post("/api/services/maint-over/maintenance/disable")
