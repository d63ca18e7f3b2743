"""Methods, paths, content types and encodings (http-api.md 1)."""

from session import connection, route

AUTH = False


def head(s):
    for path in ("/api/routes", "/api/audit", "/api/global", "/api/services", "/api/rate-limits", "/api/auth/me"):
        s.request("HEAD", path)
    # On a connection of its own: the reference leaves it unusable.
    with connection(s.url) as client, client.stream("HEAD", "/api/sdk/events") as answer:
        s.note("HEAD /api/sdk/events", status=answer.status_code)


def options(s):
    for path in ("/api/routes", "/api/global/enable", "/api/sdk/events"):
        s.request("OPTIONS", path)


def method_not_allowed(s):
    for method, path in (
        ("PUT", "/api/routes"),
        ("POST", "/api/routes"),
        ("GET", "/api/global/enable"),
        ("DELETE", "/api/global"),
        ("PATCH", "/api/audit"),
        ("GET", "/api/auth/login"),
        ("GET", "/api/sdk/register"),
        ("POST", "/api/sdk/events"),
        ("PATCH", "/api/rate-limits"),
        ("GET", "/api/rate-limits/R0VUOi9h"),
        ("PUT", "/api/global-rate-limit"),
        ("POST", "/api/global-rate-limit/reset"),
        ("PUT", "/api/services/one/rate-limit"),
        ("POST", "/api/services"),
    ):
        s.request(method, path)
    for method, endpoint in (("PUT", ""), ("GET", "disable"), ("GET", "schedule"), ("PUT", "env")):
        s.request(method, route("GET:/a", endpoint))


def not_found(s):
    for path in ("/api/nothing", "/nothing", "/api", "/API/routes", "/api/Routes", "/api/routes/a/b/c", "/api//routes"):
        s.get(path)
    s.get("/api/services/a%2Fb/maintenance", note="an escaped slash splits the path")
    s.post("/api/global/toggle")
    # The standalone reference does not have these.
    for path in ("/api/flags", "/api/segments", "/api/flags/one", "/healthz"):
        s.get(path)


def trailing_slash(s):
    s.get("/api/routes/")
    s.get("/api/global/?a=b")
    s.post("/api/global/disable/")


def content_type_is_ignored(s):
    s.register("http-types", "GET:/a")
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1", "nonsense"):
        s.post(route("http-types:GET:/a", "disable"), {"reason": content_type}, headers={"Content-Type": content_type})


def json_encodings(s):
    s.register("http-json", "GET:/a")
    disable = route("http-json:GET:/a", "disable")
    s.post(disable, content=b'\xef\xbb\xbf{"reason": "after a byte order mark"}')
    s.post(disable, content=b'{"reason": "first", "reason": "the last one counts"}')
    s.post(disable, content=b' \n\t{"reason": "blanks around"}\r\n ')
    s.post(disable, content=b'{"reason": "\\u00e9 \\ud83d\\ude00 \\u2028", "more": [1, {"a": null}]}')
    s.post(disable, {"reason": "é 😀 \u2028 \u0085 \x7f"})
    s.get(route("http-json:GET:/a"))
    s.get("/api/routes?service=http-json")


def queries(s):
    s.register("http-query", "GET:/a")
    for query in ("service=none&service=http-query", "service=http-query&unknown=1", "service=http%2Dquery"):
        s.get(f"/api/routes?{query}")
    s.get("/api/routes?service=http-query#fragment")


def path_segments(s):
    """Service names are plain percent-encoded segments."""
    for service in ("http a b", "http&co", "http.x~y@z"):
        s.register(service, "GET:/a")
        s.get(f"/api/services/{service.replace(' ', '%20').replace('&', '%26')}/maintenance")
        s.post(f"/api/services/{service.replace(' ', '%20')}/maintenance/enable", {"reason": "x"})
        s.post(f"/api/services/{service.replace(' ', '%20')}/maintenance/disable")
    s.new_audit()
