"""The audit log: what is asked of it (http-api.md 5.8), and what services report (5.20)."""

import re

from session import route, state

AUTH = True
ENTRY = {
    "id": "5b0b1a4e-0000-4000-8000-000000000001",
    "timestamp": "2026-01-01T00:00:00Z",
    "path": "audit-report:GET:/a",
    "service": "audit-report",
    "action": "disable",
    "actor": "mallory",
    "platform": "dashboard",
    "reason": "reported",
    "previous_status": "active",
    "new_status": "disabled",
}


def filters(s):
    s.register("audit-filter", "GET:/a", "GET:/b")
    for path, endpoint in (("a", "disable"), ("b", "disable"), ("a", "enable"), ("b", "enable")):
        s.post(route(f"audit-filter:GET:/{path}", endpoint), {"reason": f"{endpoint} {path}"})
    s.get("/api/audit?service=audit-filter")
    s.get("/api/audit?route=audit-filter:GET:/a")
    s.get("/api/audit?route=audit-filter:GET:/b&service=audit-filter")
    s.get("/api/audit?route=audit-filter:GET:/a&service=other")
    s.get("/api/audit?route=nothing")
    s.get("/api/audit?service=")
    s.get("/api/audit?route=")


def limits(s):
    s.register("audit-limit", "GET:/a")
    for number in range(4):
        s.post(route("audit-limit:GET:/a", "disable"), {"reason": str(number)})
    for limit in ("3", "1", "0", "4", "100000"):
        s.get(f"/api/audit?route=audit-limit:GET:/a&limit={limit}")
    answer = s.ask("GET", "/api/audit")
    s.note("without a limit", at_most_50=len(answer.json()) <= 50)


def entry_forms(s):
    """Ids are unique texts; times are UTC with microseconds."""
    s.register("audit-form", "GET:/a")
    # So many that one of them has a fraction that ends in a nought.
    for number in range(40):
        s.ask("POST", route("audit-form:GET:/a", "disable"), {"reason": str(number)})
    entries = s.ask("GET", "/api/audit?route=audit-form:GET:/a").json()
    s.note(
        "entries",
        ids=len({entry["id"] for entry in entries}),
        newest_first=[entry["reason"] for entry in entries],
        forms=sorted({re.sub(r"\d", "0", entry["timestamp"]) for entry in entries if "." in entry["timestamp"]}),
    )


def limits_that_are_none(s):
    for limit in ("abc", "", "1e3", "1.5", "-1", "-100"):
        answer = s.ask("GET", f"/api/audit?limit={limit}")
        s.note(f"GET /api/audit?limit={limit}", status=answer.status_code)


def the_filter_comes_before_the_limit(s):
    s.register("audit-early", "GET:/a")
    s.register("audit-late", "GET:/a")
    s.post(route("audit-early:GET:/a", "disable"), {"reason": "early"})
    for number in range(5):
        s.post(route("audit-late:GET:/a", "disable"), {"reason": str(number)})
    s.get("/api/audit?service=audit-early&limit=1")


def catalogue(s):
    """One of each: action, path, service, before, after, actor, platform (http-api.md 7)."""
    s.register("audit-all", "GET:/a")
    key = "audit-all:GET:/a"
    s.post(route(key, "disable"), {"reason": "one"})
    s.post(route(key, "maintenance"), {"reason": "two"})
    s.post(route(key, "env"), {"envs": ["dev", "prod"]})
    s.post(route(key, "enable"), {"reason": "three"})
    s.post("/api/global/enable", {"reason": "four", "exempt_paths": ["/a"]})
    s.post("/api/global/enable", {"reason": "five", "exempt_paths": ["/a"]})
    s.post("/api/global/disable")
    s.post("/api/services/audit-all/maintenance/enable", {"reason": "six"})
    s.post("/api/services/audit-all/maintenance/disable")
    s.new_audit()


def what_leaves_no_entry(s):
    s.register("audit-none", "GET:/a")
    s.register("audit-none", "GET:/a")
    s.post("/api/auth/logout", token=s.login())
    s.post(route("audit-none:GET:/b", "disable"), {"reason": "unknown"})
    s.get("/api/routes?service=audit-none")
    s.new_audit()


def reports(s):
    """A service's report: taken, and never shown as the act of whom it names."""
    s.post("/api/sdk/audit", ENTRY)
    s.new_audit()


def reports_in_short(s):
    s.post("/api/sdk/audit", {key: ENTRY[key] for key in ("id", "timestamp", "path", "action")})
    s.post("/api/sdk/audit", {**ENTRY, "service": None, "previous_status": None, "new_status": None})
    s.post("/api/sdk/audit", {**ENTRY, "more": 1})


def reports_that_are_none(s):
    for name in ("id", "timestamp", "path", "action"):
        s.post("/api/sdk/audit", {key: value for key, value in ENTRY.items() if key != name})
    for name in ENTRY:
        s.post("/api/sdk/audit", {**ENTRY, name: ["x"]})
    for name in ("id", "path", "action", "actor", "platform", "reason"):
        s.post("/api/sdk/audit", {**ENTRY, name: None})
    s.post("/api/sdk/audit", {**ENTRY, "timestamp": "yesterday"})
    s.post("/api/sdk/audit", {**ENTRY, "new_status": "closed"})


def reports_in_other_forms(s):
    s.post("/api/sdk/audit", {**ENTRY, "timestamp": 1796200000})
    s.post("/api/sdk/audit", {**ENTRY, "timestamp": "2026-01-01"})


def declared_status_is_the_first_before(s):
    s.register("audit-declared", state("audit-declared:GET:/a", status="maintenance", reason="declared"))
    s.post(route("audit-declared:GET:/a", "enable"), {"reason": "done"})
    s.new_audit()
