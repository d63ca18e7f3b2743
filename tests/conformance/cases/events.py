"""What a client of `GET /api/sdk/events` receives (http-api.md 6 and 7)."""

from session import route, state

AUTH = True


def head(s):
    """The head of the answer, and that a stream of nothing is silent."""
    with s.events() as events:
        events.take("nothing")


def every_mutation(s):
    s.register("events-all", "GET:/a")
    key = "events-all:GET:/a"
    with s.events("events-all") as events:
        for endpoint, body in (
            ("disable", {"reason": "é 😀"}),
            ("maintenance", {"reason": "two"}),
            ("env", {"envs": ["dev", "prod"]}),
            ("enable", {"reason": "three"}),
        ):
            s.post(route(key, endpoint), body)
            events.take(endpoint)
        maintenance = {"reason": "deploy", "exempt_paths": ["/health", "GET:/x"], "include_force_active": True}
        s.post("/api/global/enable", maintenance)
        events.take("global maintenance on")
        s.post("/api/global/disable")
        events.take("global maintenance off")
        s.post("/api/services/events-all/maintenance/enable", {"reason": "svc", "exempt_paths": ["/h"]})
        events.take("service maintenance on")
        s.post("/api/services/events-all/maintenance/disable")
        events.take("service maintenance off")


def registration(s):
    with s.events("events-register") as events:
        s.register("events-register", "GET:/a", state("events-register:GET:/b", status="disabled", reason="declared"))
        events.take("two new routes")
        s.register("events-register", "GET:/a", "GET:/c")
        events.take("one new route of two")
        s.register("events-register", state("events-register:GET:/old", status="deprecated", sunset_date="soon"))
        events.take("a deprecated route")


def windows(s):
    """A client is told of a window when it opens."""
    s.register("events-window", "GET:/a")
    window = {"start": "2099-01-01T00:00:00Z", "end": "2099-01-02T00:00:00Z", "reason": "upgrade"}
    with s.events("events-window") as events:
        s.post(route("events-window:GET:/a", "schedule"), window)
        events.take("schedule")
        s.delete(route("events-window:GET:/a", "schedule"))
        events.take("cancel")


def no_events(s):
    """What changes nothing is silent."""
    s.register("events-none", "GET:/a", state("events-none:GET:/health", force_active=True))
    with s.events("events-none") as events:
        s.post(route("events-none:GET:/unknown", "disable"))
        s.post(route("events-none:GET:/health", "disable"))
        s.register("events-none", "GET:/a")
        s.get(route("events-none:GET:/a"))
        s.post("/api/sdk/audit", {})
        events.take("reads and refusals")


def repeated_switches(s):
    s.register("events-repeat", "GET:/a")
    with s.events("events-repeat") as events:
        for _ in range(2):
            s.post(route("events-repeat:GET:/a", "disable"), {"reason": "same"})
        s.post("/api/services/events-repeat/maintenance/disable")
        events.take("a repeated disable and an off of nothing")


def other_services(s):
    """Whoever names its service hears of nobody else's."""
    s.register("events-mine", "GET:/a")
    s.register("events-theirs", "GET:/a")
    with s.events("events-mine") as events:
        s.post(route("events-theirs:GET:/a", "disable"), {"reason": "theirs"})
        s.post("/api/services/events-theirs/maintenance/enable", {"reason": "theirs"})
        s.post("/api/services/events-theirs/maintenance/disable")
        events.take("changes of another service")


def without_a_service(s):
    """Whoever names none hears of all."""
    s.register("events-one", "GET:/a")
    s.register("events-two", "GET:/a")
    with s.events() as events:
        for service in ("events-one", "events-two"):
            s.post(route(f"{service}:GET:/a", "disable"), {"reason": service})
            events.take(f"a change of {service}")
        s.post("/api/services/events-two/maintenance/enable", {"reason": "svc"})
        s.post("/api/services/events-two/maintenance/disable")
        events.take("service maintenance")


def replay_on_connect(s):
    """A client that connects during a maintenance is to obey it."""
    s.register("events-replay", "GET:/a")
    s.post(route("events-replay:GET:/a", "disable"), {"reason": "before"})
    s.post("/api/global/enable", {"reason": "deploy", "exempt_paths": []})
    with s.events("events-replay"):
        pass
    s.post("/api/global/disable")


def first_sync(s):
    """The list that an SDK asks for before it connects."""
    s.register("events-sync", "GET:/a")
    s.get("/api/routes?service=events-sync", headers={"X-Waygate-App-Id": "events-sync"}, unordered=True)
