"""Maintenance windows and schedules (http-api.md 5.4, 5.6, 5.7). All of them lie in 2099, so none opens here."""

from session import route, state

AUTH = True
START, END = "2099-01-01T10:00:00Z", "2099-01-01T12:00:00Z"
WINDOW = {"start": START, "end": END}


def schedule(s):
    """A planned window is no maintenance yet."""
    s.register("schedule-plan", "GET:/a")
    s.post(route("schedule-plan:GET:/a", "schedule"), {**WINDOW, "reason": "upgrade"})
    s.get(route("schedule-plan:GET:/a"))
    s.new_audit()


def schedule_without_a_reason(s):
    s.register("schedule-plain", "GET:/a")
    s.post(route("schedule-plain:GET:/a", "schedule"), WINDOW)


def maintenance_with_a_window(s):
    s.register("schedule-window", "GET:/a")
    s.post(route("schedule-window:GET:/a", "maintenance"), {**WINDOW, "reason": "upgrade"})
    s.get(route("schedule-window:GET:/a"))
    s.new_audit()


def maintenance_with_half_a_window(s):
    s.register("schedule-half", "GET:/a", "GET:/b")
    s.post(route("schedule-half:GET:/a", "maintenance"), {"start": START, "reason": "no end"})
    s.get(route("schedule-half:GET:/a"))
    s.post(route("schedule-half:GET:/b", "maintenance"), {"end": END, "reason": "from now on"})
    s.get(route("schedule-half:GET:/b"))


def cancel(s):
    """Takes the window back, and nothing else."""
    s.register("schedule-cancel", "GET:/a")
    s.post(route("schedule-cancel:GET:/a", "disable"), {"reason": "broken"})
    s.post(route("schedule-cancel:GET:/a", "schedule"), {**WINDOW, "reason": "upgrade"})
    s.delete(route("schedule-cancel:GET:/a", "schedule"))
    s.get(route("schedule-cancel:GET:/a"))
    s.new_audit()


def cancel_of_nothing(s):
    s.register("schedule-none", "GET:/a")
    s.delete(route("schedule-none:GET:/a", "schedule"))
    s.delete(route("schedule-none:GET:/unknown", "schedule"))
    s.delete(route("/schedule-none/unknown", "schedule"))
    s.new_audit()


def cancel_by_a_short_name(s):
    s.register("schedule-short", "GET:/schedule-short")
    s.post(route("schedule-short:GET:/schedule-short", "schedule"), WINDOW)
    s.delete(route("/schedule-short", "schedule"))
    s.get(route("schedule-short:GET:/schedule-short"))


def enable_ends_what_is_planned(s):
    s.register("schedule-enable", "GET:/a")
    s.post(route("schedule-enable:GET:/a", "schedule"), {**WINDOW, "reason": "upgrade"})
    s.post(route("schedule-enable:GET:/a", "enable"), {"reason": "no upgrade"})
    s.new_audit()


def disable_ends_what_is_planned(s):
    s.register("schedule-disable", "GET:/a")
    s.post(route("schedule-disable:GET:/a", "schedule"), {**WINDOW, "reason": "upgrade"})
    s.post(route("schedule-disable:GET:/a", "disable"), {"reason": "broken"})


def schedule_unknown(s):
    s.register("schedule-unknown", "GET:/a")
    for key in ("schedule-unknown:GET:/b", "/schedule-unknown", "GET:/schedule-unknown"):
        s.post(route(key, "schedule"), WINDOW)


def schedule_ambiguous(s):
    own = {"service": "schedule-two"}
    s.register("schedule-two", state("GET:/schedule-two", **own), state("POST:/schedule-two", **own))
    s.post(route("/schedule-two", "schedule"), WINDOW)


def schedule_by_a_short_name(s):
    own = {"service": "schedule-one"}
    s.register("schedule-one", state("GET:/schedule-one", **own))
    s.post(route("/schedule-one", "schedule"), {**WINDOW, "reason": "by a short name"})


def schedule_incomplete(s):
    s.register("schedule-part", "GET:/a")
    path = route("schedule-part:GET:/a", "schedule")
    for body in ({}, {"start": START}, {"end": END}, {"start": "", "end": END}, {"start": None, "end": END}):
        s.post(path, body)
    s.post(path, content=b"")
    s.post(path, content=b"{")
    for body in ([], "text", 1):
        s.post(path, body)
    s.new_audit()


def time_forms(s):
    """Every form of a time that the reference takes comes back as the same instant in UTC."""
    forms = (
        ("utc", "2099-01-01T10:00:00Z", "2099-01-01T12:00:00Z"),
        ("offset-zero", "2099-01-01T10:00:00+00:00", "2099-01-01T12:00:00+00:00"),
        ("naive", "2099-01-01T10:00:00", "2099-01-01T12:00:00"),
        ("fraction", "2099-01-01T10:00:00.123456Z", "2099-01-01T12:00:00.000Z"),
        ("no-seconds", "2099-01-01T10:00Z", "2099-01-01T12:00"),
        ("blank", "2099-01-01 10:00:00", "2099-01-01 12:00:00Z"),
        ("date", "2099-01-01", "2099-01-02"),
        ("basic", "20990101T100000Z", "20990101T120000Z"),
    )
    s.register("schedule-times", *(f"GET:/{name}" for name, _, _ in forms))
    for name, start, end in forms:
        s.post(route(f"schedule-times:GET:/{name}", "maintenance"), {"start": start, "end": end})


def time_with_an_offset(s):
    s.register("schedule-offset", "GET:/a")
    times = {"start": "2099-01-01T12:00:00+02:00", "end": "2099-01-01T17:30:00+05:30"}
    s.post(route("schedule-offset:GET:/a", "maintenance"), times)


def instants(s):
    """Fractions are microseconds."""
    s.register("schedule-fraction", "GET:/a")
    times = {"start": "2099-01-01T10:00:00.500Z", "end": "2099-01-01T12:00:00.123456789Z"}
    s.post(route("schedule-fraction:GET:/a", "maintenance"), times)


def times_that_are_none(s):
    s.register("schedule-wrong", "GET:/a")
    for endpoint in ("maintenance", "schedule"):
        for start in ("tomorrow", "2099-13-01", "2099-01-01T25:00:00Z", "10:00"):
            s.post(route("schedule-wrong:GET:/a", endpoint), {"start": start, "end": END})
    s.new_audit()


def windows_that_cannot_be(s):
    """The end before the start, nothing between them, and both past."""
    s.register("schedule-odd", "GET:/a")
    past = ("2020-01-01T00:00:00Z", "2020-01-02T00:00:00Z")
    for start, end in ((END, START), (START, START), past):
        s.post(route("schedule-odd:GET:/a", "maintenance"), {"start": start, "end": end})
    # Only these: the reference would carry the others out while the next cases run.
    for start, end in ((END, START), (START, START)):
        s.post(route("schedule-odd:GET:/a", "schedule"), {"start": start, "end": end})


def registered_window(s):
    """A window that is declared in code."""
    window = {"start": START, "end": END, "reason": "declared"}
    s.register("schedule-code", state("schedule-code:GET:/a", status="maintenance", reason="declared", window=window))
    s.get(route("schedule-code:GET:/a"))
