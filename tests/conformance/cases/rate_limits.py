"""Rate limit policies (http-api.md 5.12-5.18)."""

from session import rate_limit, state

AUTH = True


def reads(s):
    """What is there before anything is set."""
    s.register("rates-read", "GET:/a")
    s.get("/api/rate-limits")
    s.get("/api/rate-limits/hits")
    s.get("/api/rate-limits/hits?limit=5&route=/a")
    s.get("/api/rate-limits/hits?limit=abc")
    s.get("/api/global-rate-limit")
    s.get("/api/services/rates-read/rate-limit")


def service_that_is_unknown(s):
    s.get("/api/services/rates-nobody/rate-limit")


def route_policy(s):
    own = {"service": "rates-route"}
    s.register("rates-route", state("GET:/rates-route", **own), state("POST:/rates-route", **own))
    with s.events() as events:
        s.post("/api/rate-limits", {"path": "/rates-route", "limit": "100/minute"})
        events.take("set")
        s.get("/api/rate-limits")
        body = {"path": "/rates-route", "method": "get", "limit": "5 per 2 minutes", "algorithm": "moving_window"}
        s.post("/api/rate-limits", {**body, "key_strategy": "global", "burst": 3})
        events.take("replaced")
        s.post("/api/rate-limits", {"path": "/rates-route", "method": "POST", "limit": "10/second;5/minute"})
        s.get("/api/rate-limits", unordered=True)
        s.delete(rate_limit("/rates-route", "reset?method=GET"))
        s.delete(rate_limit("/rates-route", "reset"))
        events.take("reset")
        s.delete(rate_limit("GET:/rates-route"))
        s.delete(rate_limit("post:/rates-route"))
        events.take("deleted")
    s.get("/api/rate-limits")
    s.new_audit()


def route_policy_of_a_service(s):
    """The reference refuses the short name, and files the long one where no client looks."""
    s.register("rates-service", "GET:/rates-service")
    s.post("/api/rate-limits", {"path": "/rates-service", "limit": "5/minute"})
    s.post("/api/rate-limits", {"path": "rates-service:GET:/rates-service", "limit": "5/minute"})
    s.get("/api/rate-limits")
    s.delete(rate_limit("GET:/rates-service"))
    s.delete(rate_limit("GET:rates-service:GET:/rates-service"))


def limit_texts(s):
    s.register("rates-limits", state("GET:/rates-limits", service="rates-limits"))
    good = ("100/minute", "5 per 2 minutes", "5per2minute", "10 / second", " 5/MINUTE ", "0/minute", "10/second;5/minute",
            "1/day,2/hour", "1/month|1/year", "1/0 minute")
    bad = ("", "100", "5/min", "10/week", "5//minute", "-1/minute", "1.5/minute", "unlimited", "1/minute;",
           "1/minute 2/hour", None, 5, ["5/minute"])
    for limit in good + bad:
        s.post("/api/rate-limits", {"path": "/rates-limits", "limit": limit})
        s.post("/api/global-rate-limit", {"limit": limit})
    s.delete("/api/global-rate-limit")


def route_policy_refused(s):
    s.register("rates-bad", state("GET:/rates-bad", service="rates-bad"))
    whole = {"path": "/rates-bad", "limit": "5/minute"}
    for body in ({}, {"path": "/rates-bad"}, {"limit": "5/minute"}, {**whole, "path": ""}, {**whole, "path": "/nothing"}):
        s.post("/api/rate-limits", body)
    for field, values in (
        ("path", (None, 1, ["/rates-bad"])),
        ("method", (None, 1, "", "BREW", "ALL", "POST")),
        ("algorithm", (None, "", "leaky", 1)),
        ("key_strategy", (None, "", "mood", 1, "custom")),
        ("burst", (None, -5, 1.9, "3", "many", True, [])),
    ):
        for value in values:
            s.post("/api/rate-limits", {**whole, field: value})
    for body in ([], "text", 1):
        s.post("/api/rate-limits", body)
    for content in (b"", b"{"):
        s.post("/api/rate-limits", content=content)


def deleting_nothing(s):
    s.delete(rate_limit("GET:/rates-nothing"))
    s.delete(rate_limit("/rates-nothing"))
    s.delete(rate_limit("/rates-nothing", "reset"))
    s.delete("/api/rate-limits/hits")
    for endpoint in ("", "/reset"):
        s.delete(f"/api/global-rate-limit{endpoint}")
        s.delete(f"/api/services/rates-read/rate-limit{endpoint}")
    for endpoint in ("enable", "disable"):
        s.post(f"/api/global-rate-limit/{endpoint}")
        s.post(f"/api/services/rates-read/rate-limit/{endpoint}")
    s.new_audit()


def global_policy(s):
    _policy(s, "/api/global-rate-limit", None)


def service_policy(s):
    s.register("rates-own", "GET:/a")
    _policy(s, "/api/services/rates-own/rate-limit", "rates-own")


def _policy(s, path, service):
    with s.events(service) as events:
        s.post(path, {"limit": "1000/minute"})
        events.take("set")
        s.get(path)
        body = {"limit": "5/second", "algorithm": "sliding_window", "key_strategy": "user", "on_missing_key": "block"}
        s.post(path, {**body, "burst": 2, "exempt_routes": ["/health", "GET:/x"]})
        events.take("replaced")
        for endpoint in ("disable", "enable"):
            s.post(f"{path}/{endpoint}")
            s.get(path, note=f"after {endpoint}")
            events.take(endpoint)
        s.delete(f"{path}/reset")
        s.delete(path)
        events.take("reset and deleted")
        s.get(path)
    for body in ({}, {"limit": ""}, {"limit": "5/minute", "exempt_routes": None}, {"limit": "5/minute", "burst": None}):
        s.post(path, body)
    s.new_audit()
