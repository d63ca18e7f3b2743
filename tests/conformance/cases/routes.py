"""Routes: listed, read and switched, and how they are named (http-api.md 4 and 5.1-5.5)."""

import base64

from session import route, state

AUTH = True


def listing(s):
    s.get("/api/routes?service=routes-list", note="none yet")
    s.register("routes-list", "GET:/a", "POST:/a", "GET:/items/{item_id}", "/any")
    s.get("/api/routes?service=routes-list", unordered=True)
    s.get("/api/routes?service=ROUTES-LIST", note="exact match only")
    s.get("/api/routes?service=routes", note="no prefix match")


def listing_of_everything(s):
    """An empty service is no filter; settings are no routes."""
    s.register("routes-all-1", "GET:/a")
    s.register("routes-all-2", "GET:/a")
    s.post("/api/services/routes-all-1/maintenance/enable", {"reason": "x"})
    for query in ("", "?service="):
        listed = {one["path"] for one in s.ask("GET", f"/api/routes{query}").json()}
        s.note(
            f"GET /api/routes{query}",
            both={"routes-all-1:GET:/a", "routes-all-2:GET:/a"} <= listed,
            reserved=any("__waygate" in path for path in listed),
        )
    s.post("/api/services/routes-all-1/maintenance/disable")


def services(s):
    s.register("routes-service-b", "GET:/a")
    s.register("routes-service-a", "GET:/a", "GET:/b")
    names = s.ask("GET", "/api/services").json()
    ours = [name for name in names if name.startswith("routes-service-")]
    s.note("GET /api/services", ours=ours, sorted=names == sorted(set(names)))


def read_exact(s):
    s.register("routes-read", "GET:/a", state("routes-read:POST:/a", status="disabled", reason="declared"))
    s.get(route("routes-read:GET:/a"))
    s.get(route("routes-read:POST:/a"))


def read_unknown(s):
    s.register("routes-unknown", "GET:/a")
    for key in ("routes-unknown:GET:/nothing", "no-such-service:GET:/a", "/routes-unknown/nothing", "GET:/routes-unknown"):
        s.get(route(key))


def read_by_a_short_name(s):
    s.register("routes-short", "GET:/routes-short")
    for key in ("/routes-short", "GET:/routes-short", "routes-short:/routes-short"):
        s.get(route(key))
    s.register("routes-short", "POST:/routes-short")
    s.get(route("/routes-short"), note="ambiguous now")


def read_of_reserved(s):
    s.get(route("__waygate:global__"))
    s.get(route("__waygate:svc_global:routes__"))


def enable_and_disable(s):
    s.register("routes-switch", "GET:/a")
    key = "routes-switch:GET:/a"
    for endpoint, body in (
        ("disable", {"reason": "first"}),
        ("disable", {"reason": "second"}),
        ("disable", {}),
        ("disable", None),
        ("enable", {"reason": "back"}),
        ("enable", None),
    ):
        s.post(route(key, endpoint), body)
        s.get(route(key))
    s.new_audit()


def repeated_switch(s):
    s.register("routes-repeat", "GET:/a")
    key = "routes-repeat:GET:/a"
    for _ in range(3):
        s.post(route(key, "disable"), {"reason": "same"})
    s.new_audit()


def maintenance(s):
    s.register("routes-maint", "GET:/a")
    key = "routes-maint:GET:/a"
    s.post(route(key, "maintenance"), {"reason": "one"})
    s.post(route(key, "maintenance"))
    s.post(route(key, "disable"), {"reason": "two"})
    s.post(route(key, "maintenance"), {"reason": "three"})
    s.post(route(key, "enable"), {"reason": "four"})
    s.get(route(key))
    s.new_audit()


def env_gate(s):
    s.register("routes-env", "GET:/a")
    key = "routes-env:GET:/a"
    s.post(route(key, "env"), {"envs": ["dev", "prod"]})
    s.get(route(key))
    s.post(route(key, "env"), {"envs": ["prod"]})
    s.post(route(key, "env"), {"envs": []})
    s.post(route(key, "env"), {"envs": ["staging"]})
    s.post(route(key, "enable"), {"reason": "open"})
    s.new_audit()


def env_gate_order(s):
    """Environments come back as a set."""
    s.register("routes-env-order", "GET:/a")
    s.post(route("routes-env-order:GET:/a", "env"), {"envs": ["b", "a"]})
    s.post(route("routes-env-order:GET:/a", "env"), {"envs": ["a", "a"]})


def env_gate_keeps_the_reason(s):
    s.register("routes-env-reason", "GET:/a")
    key = "routes-env-reason:GET:/a"
    s.post(route(key, "disable"), {"reason": "incident"})
    s.post(route(key, "env"), {"envs": ["prod"]})
    s.post(route(key, "disable"), {"reason": "again"})


def deprecated(s):
    """A deprecation lives through switches."""
    fields = {"status": "deprecated", "sunset_date": "Sat, 01 Jan 2028 00:00:00 GMT", "successor_path": "/v2/a"}
    s.register("routes-old", state("routes-old:GET:/a", **fields))
    key = "routes-old:GET:/a"
    s.get(route(key))
    s.post(route(key, "disable"), {"reason": "broken"})
    s.post(route(key, "enable"), {"reason": "fixed"})
    s.new_audit()


def force_active(s):
    s.register("routes-force", state("routes-force:GET:/health", force_active=True))
    key = "routes-force:GET:/health"
    for endpoint, body in (
        ("disable", {"reason": "x"}),
        ("enable", None),
        ("maintenance", {"reason": "x"}),
        ("env", {"envs": ["prod"]}),
        ("schedule", {"start": "2099-01-01T00:00:00Z", "end": "2099-01-02T00:00:00Z"}),
    ):
        s.post(route(key, endpoint), body)
    s.get(route(key))
    s.new_audit()


def switch_unknown(s):
    s.register("routes-nothing", "GET:/a")
    for key in ("routes-nothing:GET:/b", "routes-nothing:POST:/a", "no-such-service:GET:/a", "GET:/routes-nothing", "/routes-nothing"):
        for endpoint, body in (("disable", None), ("enable", None), ("maintenance", None), ("env", {"envs": ["a"]})):
            s.post(route(key, endpoint), body)
    s.new_audit()


def switch_by_a_short_name(s):
    """The guide's `waygate enable /api/payments`: one match acts, several are told."""
    s.register("routes-name", "GET:/routes-name")
    for key in ("/routes-name", "GET:/routes-name", "routes-name:/routes-name"):
        s.post(route(key, "disable"), {"reason": key})
    s.register("routes-name", "POST:/routes-name")
    for key in ("/routes-name", "routes-name:/routes-name"):
        s.post(route(key, "enable"), {"reason": "ambiguous"})
    s.register("routes-name-2", "GET:/routes-name")
    s.post(route("GET:/routes-name", "enable"), {"reason": "in two services"})
    s.new_audit()


def unprefixed_routes(s):
    """Routes registered as an embedded application names them: `METHOD:/path`, of a service."""
    own = {"service": "routes-bare"}
    s.register("routes-bare", state("GET:/routes-bare", **own), state("POST:/routes-bare", **own))
    s.register("routes-bare", state("GET:/routes-bare/only", **own))
    s.get("/api/routes?service=routes-bare", unordered=True)
    s.post(route("GET:/routes-bare", "disable"), {"reason": "exact"})
    s.post(route("/routes-bare/only", "disable"), {"reason": "the only method"})
    s.post(route("/routes-bare", "disable"), {"reason": "ambiguous"})
    s.new_audit()


def path_level_routes(s):
    """An exact path-level route is meant before any of its methods."""
    s.register("routes-path", "/a", "GET:/a")
    s.post(route("routes-path:/a", "disable"), {"reason": "the path"})
    s.get(route("routes-path:GET:/a"))
    s.get(route("routes-path:/a"))


def names_of_templates(s):
    s.register("routes-tpl", "GET:/items/{item_id}", "GET:/files/{p:path}", "GET:/é?>", "GET:/", "GET:/a/")
    for path in ("/items/{item_id}", "/files/{p:path}", "/é?>", "/", "/a/"):
        s.post(route(f"routes-tpl:GET:{path}", "disable"), {"reason": path})
    for path in ("/items/5", "/ITEMS/{item_id}", "/items/{id}", "/a"):
        s.post(route(f"routes-tpl:GET:{path}", "disable"), {"reason": path})


def method_in_small_letters(s):
    s.register("routes-case", "GET:/a")
    s.post(route("routes-case:get:/a", "disable"), {"reason": "x"})


def path_key_forms(s):
    """Padding is optional, escaped or not, and the standard alphabet is taken too."""
    s.register("routes-b64", "GET:/?>", "GET:/abc")
    signs, padded = (base64.urlsafe_b64encode(f"routes-b64:GET:{path}".encode()).decode() for path in ("/?>", "/abc"))
    for encoded in (signs, signs.replace("-", "+"), padded, padded.rstrip("="), padded.replace("=", "%3D")):
        s.get(f"/api/routes/{encoded}")


def path_key_undecodable(s):
    for encoded in ("A", "AAAAA", "_w", "gICA"):
        s.get(f"/api/routes/{encoded}")
        s.post(f"/api/routes/{encoded}/disable")
        s.delete(f"/api/routes/{encoded}/schedule")


def path_key_of_nonsense(s):
    """Texts that decode, but name nothing that could be a route."""
    for text in ("!!!!", "%C3%A9"):
        s.get(f"/api/routes/{text}")
    for key in ("a", "GET", "a:b:c:d:/x", "BREW:/a", "GET/a"):
        s.get(route(key))
        s.post(route(key, "disable"))


def reserved_names(s):
    """The reference keeps settings as routes, and lets everybody rewrite them as such."""
    key = "__waygate:global__"
    s.post("/api/global/enable", {"reason": "planned"})
    s.post(route(key, "disable"), {"reason": '{"enabled":false}'})
    s.post(route(key, "env"), {"envs": ["prod"]})
    s.get("/api/global")
    s.post("/api/global/disable")
    s.new_audit()
