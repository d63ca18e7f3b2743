"""Bodies that are none, and fields of a wrong type (http-api.md 1.2, 5.3-5.11; control B01, B02, B47).

The reference stores some of this and then answers 500 to everybody, so each kind has routes of its own and only what
concerns the request itself is asked after it.
"""

from session import route

AUTH = False
BROKEN = (b"{", b"nonsense", b"reason=x", b'{"reason": "x",}', b'{"reason": NaN}', b'{"reason": "\xff"}', b" ")
NO_OBJECTS = ([], "text", 1, True, [{"reason": "x"}])
TYPES = (None, 1, 1.5, True, ["x"], {"a": "b"})


def absent_bodies(s):
    """Only an absent body is an empty one."""
    s.register("bad-absent", *(f"GET:/{endpoint}" for endpoint in ("enable", "disable", "maintenance", "env")))
    for endpoint in ("disable", "enable", "maintenance", "env"):
        s.post(route(f"bad-absent:GET:/{endpoint}", endpoint), content=b"")
    for path in ("/api/global/enable", "/api/global/disable"):
        s.post(path, content=b"")
    for path in ("/api/sdk/register", "/api/sdk/audit"):
        s.post(path, content=b"")


def broken_json(s):
    s.register("bad-json", *(f"GET:/{endpoint}" for endpoint in ("enable", "disable", "maintenance", "env")))
    for content in BROKEN:
        for endpoint in ("disable", "enable", "maintenance", "env"):
            s.post(route(f"bad-json:GET:/{endpoint}", endpoint), content=content)
        s.post("/api/global/enable", content=content)
        s.post("/api/services/bad-json/maintenance/enable", content=content)
        s.post("/api/sdk/register", content=content)
        s.post("/api/sdk/audit", content=content)
    s.post("/api/global/disable")
    s.post("/api/services/bad-json/maintenance/disable")


def no_objects(s):
    s.register("bad-list", *(f"GET:/{endpoint}" for endpoint in ("enable", "disable", "maintenance", "env")))
    for body in NO_OBJECTS:
        for endpoint in ("disable", "enable", "maintenance", "env"):
            s.post(route(f"bad-list:GET:/{endpoint}", endpoint), body)
        s.post("/api/global/enable", body)
        s.post("/api/services/bad-list/maintenance/enable", body)
        s.post("/api/sdk/register", body)
        s.post("/api/sdk/audit", body)
    s.post("/api/global/disable")
    s.post("/api/services/bad-list/maintenance/disable")


def body_of_a_disable_that_needs_none(s):
    s.post("/api/global/disable", content=b"{")
    s.post("/api/global/disable", [])


def reason(s):
    for endpoint in ("disable", "enable", "maintenance"):
        for index, value in enumerate(TYPES):
            s.register("bad-reason", f"GET:/{endpoint}/{index}")
            s.post(route(f"bad-reason:GET:/{endpoint}/{index}", endpoint), {"reason": value})


def reason_of_a_refused_request(s):
    """A refused request changes nothing."""
    s.register("bad-refused", "GET:/a")
    s.post(route("bad-refused:GET:/a", "disable"), {"reason": None})
    seen = s.ask("GET", route("bad-refused:GET:/a"))
    s.note("afterwards", route_status=seen.json().get("status") if seen.status_code == 200 else seen.status_code)


def reason_with_a_window(s):
    window = {"start": "2099-01-01T00:00:00Z", "end": "2099-01-02T00:00:00Z"}
    for index, value in enumerate(TYPES):
        s.register("bad-reason-window", f"GET:/m/{index}", f"GET:/s/{index}")
        s.post(route(f"bad-reason-window:GET:/m/{index}", "maintenance"), {**window, "reason": value})
        s.post(route(f"bad-reason-window:GET:/s/{index}", "schedule"), {**window, "reason": value})


def times(s):
    for index, value in enumerate(TYPES):
        s.register("bad-times", f"GET:/m/{index}", f"GET:/s/{index}")
        body = {"start": value, "end": "2099-01-02T00:00:00Z", "reason": "x"}
        s.post(route(f"bad-times:GET:/m/{index}", "maintenance"), body)
        s.post(route(f"bad-times:GET:/s/{index}", "schedule"), body)


def envs(s):
    s.register("bad-envs", "GET:/a")
    for value in (None, "prod", 1, True, {"prod": True}):
        s.post(route("bad-envs:GET:/a", "env"), {"envs": value})


def envs_left_out(s):
    s.register("bad-envs-none", "GET:/a")
    s.post(route("bad-envs-none:GET:/a", "env"), {})


def envs_items(s):
    for index, value in enumerate((None, 1, True, {"a": 1}, ["prod"], "")):
        s.register("bad-envs-items", f"GET:/{index}")
        s.post(route(f"bad-envs-items:GET:/{index}", "env"), {"envs": ["prod", value]})


def maintenance_fields(s):
    s.register("bad-maintenance", "GET:/a")
    for path in ("/api/global", "/api/services/bad-maintenance/maintenance"):
        for value in TYPES:
            s.post(f"{path}/enable", {"reason": value})
        for value in ("/health", 1, True, {"/health": 1}, [1], [None], [["/health"]]):
            s.post(f"{path}/enable", {"exempt_paths": value})
        for value in (None, [], {}, "maybe", 2):
            s.post(f"{path}/enable", {"include_force_active": value})
        s.post(f"{path}/disable")


def flags_in_other_forms(s):
    """Texts and numbers that the reference reads as true or false."""
    for value in ("true", "no", 1, 0):
        s.post("/api/global/enable", {"include_force_active": value})
    s.post("/api/global/disable")


def text_that_is_no_unicode(s):
    """Half of a surrogate pair; stored, it takes the route list and the audit log down for everybody."""
    s.register("bad-unicode", "GET:/a")
    for half in (b"\\ud83d", b"\\udc00", b"\\ud83d x"):
        s.post(route("bad-unicode:GET:/a", "disable"), content=b'{"reason": "' + half + b'"}')


def lists_after_all_this(s):
    s.get("/api/routes?service=bad-absent", unordered=True)
    s.get("/api/audit?limit=1&route=bad-absent:GET:/disable")
