"""Registration (http-api.md 5.19)."""

from session import route, state

AUTH = False


def new_routes(s):
    """One of each status that a decorator can declare."""
    s.register(
        "register-new",
        "GET:/active",
        state("register-new:GET:/maintenance", status="maintenance", reason="declared"),
        state("register-new:GET:/disabled", status="disabled", reason="declared"),
        state("register-new:GET:/gated", status="env_gated", allowed_envs=["dev"]),
        state("register-new:GET:/force", force_active=True),
        state("register-new:GET:/old", status="deprecated", sunset_date="soon", successor_path="/new"),
        "/any",
        "GET:/items/{item_id}",
    )
    s.get("/api/routes?service=register-new", unordered=True)
    s.new_audit()


def server_wins(s):
    s.register("register-wins", "GET:/a", "GET:/b")
    s.post(route("register-wins:GET:/a", "disable"), {"reason": "incident"})
    s.register("register-wins", "GET:/a", "GET:/b", "GET:/c")
    s.get("/api/routes?service=register-wins", unordered=True)


def a_changed_declaration(s):
    """What no operator has switched follows the code; the reference keeps what it heard first."""
    s.register("register-code", "GET:/a")
    s.register("register-code", state("register-code:GET:/a", status="maintenance", reason="new code"))


def force_active_follows_the_code(s):
    s.register("register-force", state("register-force:GET:/a", force_active=True))
    s.register("register-force", "GET:/a")
    s.post(route("register-force:GET:/a", "disable"), {"reason": "x"})


def twice_in_a_batch(s):
    path = "register-twice:GET:/a"
    s.register("register-twice", state(path), state(path, status="disabled", reason="second"))
    s.get(route(path))


def service_left_out(s):
    for index, service in enumerate((None, "")):
        s.register("register-own", state(f"register-own:GET:/{index}", service=service))
    short = state("register-own:GET:/short")
    s.register("register-own", {"path": short["path"]})
    s.get("/api/routes?service=register-own", unordered=True)


def without_a_prefix(s):
    s.post("/api/sdk/register", {"app_id": "register-bare", "states": [{"path": "GET:/register-bare"}]})
    s.get("/api/routes?service=register-bare")


def unknown_fields(s):
    s.register("register-more", {**state("register-more:GET:/a"), "more": 1})
    s.post("/api/sdk/register", {"app_id": "register-more", "states": [], "more": 1})


def invalid_elements(s):
    """Skipped; ours says which and why, and takes the others."""
    bad = (
        {},
        [],
        "GET:/a",
        None,
        {"path": None},
        {"path": 1},
        state("register-bad:GET:/1", status="closed"),
        state("register-bad:GET:/2", status=None),
        state("register-bad:GET:/3", reason=None),
        state("register-bad:GET:/4", reason=1),
        state("register-bad:GET:/5", allowed_envs=None),
        state("register-bad:GET:/6", allowed_envs=[1]),
        state("register-bad:GET:/7", window={"start": "2099-01-01T00:00:00Z"}),
        state("register-bad:GET:/8", window="now"),
        state("register-bad:GET:/9", force_active="maybe"),
        state("register-bad:GET:/10", force_active=None),
        state("register-bad:GET:/11", sunset_date=1),
        state("register-bad:GET:/12", service=1),
        state("register-bad:GET:/13", rollout_percentage="all"),
        state("register-bad:GET:/14", allowed_roles="admin"),
    )
    for element in bad:
        s.post("/api/sdk/register", {"app_id": "register-bad", "states": [element]})
    s.register("register-bad", "GET:/good", {}, "GET:/also-good")
    s.get("/api/routes?service=register-bad", unordered=True)


def lax_flags(s):
    s.register("register-lax", state("register-lax:GET:/a", force_active="true"))
    s.register("register-lax", state("register-lax:GET:/b", rollout_percentage="100"))


def of_another_service(s):
    """The reference takes it; ours lets nobody plant rules elsewhere."""
    s.register("register-mine", state("register-theirs:GET:/a"))
    s.register("register-mine", state("register-mine:GET:/b", service="register-theirs"))
    s.get("/api/routes?service=register-theirs")


def reserved_names(s):
    for path, service in (
        ("__waygate:global__", None),
        ("__waygate:svc_global:register-plain__", "register-plain"),
        ("register-plain:__waygate:global__", "register-plain"),
    ):
        s.register("register-plain", state(path, service=service, reason='{"enabled":false}'))
    s.get("/api/routes?service=register-plain")
    s.get("/api/global")


def doubled_prefixes(s):
    """What the reference's SDK pushes when its own service switches a route."""
    s.register("register-twin", "GET:/a")
    s.register("register-twin", state("register-twin:register-twin:GET:/a", service="register-twin", status="disabled"))
    s.get("/api/routes?service=register-twin", unordered=True)


def unusable_app_ids(s):
    for app_id in ("", None, 1, ["a"], "a:b", "a\nb", "__waygate:x", "x" * 5000):
        s.post("/api/sdk/register", {"app_id": app_id, "states": []})
    s.post("/api/sdk/register", {"states": []})


def states_of_a_wrong_type(s):
    for states in ("text", 1, {}, True):
        s.post("/api/sdk/register", {"app_id": "register-type", "states": states})
    s.post("/api/sdk/register", {"app_id": "register-type", "states": None})
    s.post("/api/sdk/register", {"app_id": "register-type"})


def a_batch_as_the_sdk_sends_it(s):
    """A hundred routes, then the same again."""
    routes = [f"GET:/{number}" for number in range(100)]
    s.register("register-batch", *routes)
    s.register("register-batch", *routes)
