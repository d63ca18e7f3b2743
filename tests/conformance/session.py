"""What a case works with: requests to one server, and what came of them, step by step."""

import base64
import itertools
import json
import queue
import re
import threading
from dataclasses import dataclass

import httpx

from servers import CREDENTIALS

TIMEOUT = 10
# Numbers the routes that tell a stream reader that everything before them has arrived.
MARKERS = itertools.count(1)
MARKER = ":GET:/marker/"
COMPARED_HEADERS = ("content-type", "allow", "location")


@dataclass(frozen=True)
class Observation:
    """What was seen in one step: by place (`status`, `body` …), the value that was there."""

    step: str
    seen: dict


class RoutePath(str):
    """The path of a route's endpoint, which shows the key that is encoded in it."""

    shown: str


def route(key, endpoint=""):
    """`/api/routes/{path_key}[/endpoint]`."""
    return _keyed("routes", key, endpoint)


def rate_limit(key, endpoint=""):
    """`/api/rate-limits/{path_key}[/endpoint]`."""
    return _keyed("rate-limits", key, endpoint)


def _keyed(collection, key, endpoint):
    encoded = base64.urlsafe_b64encode(key.encode()).decode().rstrip("=")
    tail = f"/{endpoint}" if endpoint else ""
    path = RoutePath(f"/api/{collection}/{encoded}{tail}")
    path.shown = f"/api/{collection}/<{key}>{tail}"
    return path


def state(path, **fields):
    """A route as the reference's SDK registers it; its service is the first part of the path."""
    return {
        "path": path,
        "service": path.partition(":")[0],
        "status": "active",
        "reason": "",
        "allowed_envs": [],
        "allowed_roles": [],
        "allowed_ips": [],
        "window": None,
        "sunset_date": None,
        "successor_path": None,
        "rollout_percentage": 100,
        "force_active": False,
        **fields,
    }


def connection(url):
    """A client that connects anew for each request: after an error of its own the reference closes what it kept open."""
    limits = httpx.Limits(max_keepalive_connections=0)
    return httpx.Client(base_url=url, timeout=TIMEOUT, trust_env=False, verify=False, limits=limits)


class Session:
    """One case at one server."""

    def __init__(self, url, auth):
        self.url = url
        self.observations = []
        self._client = connection(url)
        self.token = self.login() if auth else None
        self._audited = self._audit_ids()

    def close(self):
        self._client.close()

    def login(self, app_id=None, **fields):
        """A token, without a step of its own."""
        user, password = CREDENTIALS
        headers = {"X-Waygate-App-Id": app_id} if app_id else {}
        body = {"username": user, "password": password, **fields}
        answer = self._client.post("/api/auth/login", json=body, headers=headers)
        return answer.raise_for_status().json()["token"]

    def get(self, path, **request):
        return self.request("GET", path, **request)

    def post(self, path, json=None, **request):
        return self.request("POST", path, json=json, **request)

    def delete(self, path, **request):
        return self.request("DELETE", path, **request)

    def request(self, method, path, json=None, token=..., unordered=False, note="", **request):
        """A request that is a step. `token=None` sends none; `unordered` says that the order of a list means nothing; `note` tells steps apart
        that look alike."""
        answer = self.ask(method, path, json, token, **request)
        told = [method, getattr(path, "shown", path), _shown_body(json, request), note]
        self._observe(" ".join(part for part in told if part), _seen(answer, self.url, unordered))
        return answer

    def ask(self, method, path, json=None, token=..., headers=None, **request):
        """A request without a step of its own."""
        if json is not None:
            request["content"] = _encode(json)
        return self._client.request(method, str(path), headers={**self.headers(token), **(headers or {})}, **request)

    def register(self, app_id, *states):
        """Registers routes, given as keys within the service or as states."""
        whole = [state(f"{app_id}:{one}") if isinstance(one, str) else one for one in states]
        return self.post("/api/sdk/register", {"app_id": app_id, "states": whole})

    def note(self, step, **seen):
        """Writes down something that the case has found out."""
        self._observe(step, seen)

    def new_audit(self):
        """Writes down the audit entries since the last time, oldest first."""
        answer = self.ask("GET", "/api/audit?limit=1000")
        if answer.status_code != 200:
            return self.note("new audit entries", status=answer.status_code)
        new = [entry for entry in answer.json() if entry["id"] not in self._audited]
        self._audited.update(entry["id"] for entry in new)
        return self.note("new audit entries", audit=new[::-1])

    def events(self, app_id=None):
        """An open event stream, to be used in a `with`."""
        return EventStream(self, app_id)

    def mark(self, service):
        """Makes both servers send an event that a stream reader can wait for: a new route appears."""
        path = f"{service}{MARKER}{next(MARKERS)}"
        self.ask("POST", "/api/sdk/register", {"app_id": service, "states": [state(path)]})
        return path

    def headers(self, token=...):
        token = self.token if token is ... else token
        return {"X-Waygate-Token": token} if token else {}

    def _observe(self, step, seen):
        self.observations.append(Observation(step, seen))

    def _audit_ids(self):
        answer = self.ask("GET", "/api/audit?limit=1000")
        return {entry["id"] for entry in answer.json()} if answer.status_code == 200 else set()


class EventStream:
    """`GET /api/sdk/events`, read in the background."""

    def __init__(self, session, app_id):
        self._session = session
        self._marked_service = app_id or "marker"
        self._headers = {"X-Waygate-App-Id": app_id} if app_id else {}
        self._lines = queue.Queue()

    def __enter__(self):
        self._client = connection(self._session.url)
        headers = {**self._session.headers(), **self._headers}
        request = self._client.build_request("GET", "/api/sdk/events", headers=headers)
        self._answer = self._client.send(request, stream=True)
        threading.Thread(target=self._read, daemon=True).start()
        named = ("content-type", "cache-control", "x-accel-buffering")
        self._session.note("stream opened", status=self._answer.status_code, **{
            name: self._answer.headers.get(name, "absent") for name in named
        })
        events = self._until_marked(patience=0.2)
        self._session.note("events on connect", events=sorted(events, key=_subject))
        return self

    def __exit__(self, *_):
        self._answer.close()
        self._client.close()

    def take(self, after):
        """Writes down the events since the last time."""
        self._session.note(f"events after {after}", events=self._until_marked(patience=TIMEOUT))

    def _until_marked(self, patience):
        """The reference answers before it subscribes: only a marker that has arrived proves that the stream is on."""
        events, markers = [], set()
        for _ in range(max(1, round(TIMEOUT / patience))):
            markers.add(self._session.mark(self._marked_service))
            try:
                while True:
                    line = self._lines.get(timeout=patience)
                    event = json.loads(line)
                    path = event.get("payload", {}).get("path", "")
                    if path in markers:
                        return events
                    if MARKER not in path:
                        events.append({**event, "is_ascii": line.isascii()})
            except queue.Empty:
                continue
        raise TimeoutError(f"no event arrived within {TIMEOUT} s")

    def _read(self):
        try:
            for line in self._answer.iter_lines():
                if line.startswith("data:"):
                    self._lines.put(line.removeprefix("data:"))
        except (httpx.HTTPError, httpx.StreamError):
            pass  # The case is over, or the marker that it waits for will not come.


def _subject(event):
    """What an event is about: the path of a state, the key of a limit."""
    return event.get("payload", {}).get("path") or event.get("key", "")


def _encode(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def _shown_body(value, request):
    if value is not None:
        return json.dumps(value, separators=(",", ":"))
    if "content" in request:
        return repr(request["content"][:40])
    return ""


def _seen(answer, url, unordered):
    seen = {"status": answer.status_code}
    for name in COMPARED_HEADERS:
        if name in answer.headers:
            value = answer.headers[name].removeprefix(url)
            seen[name] = ", ".join(sorted(re.split(r"\s*,\s*", value))) if name == "allow" else value
    seen["body"] = _body(answer, unordered)
    return seen


def _body(answer, unordered):
    if "application/json" not in answer.headers.get("content-type", ""):
        return answer.text
    try:
        body = answer.json()
    except ValueError:
        return answer.text
    return sorted(body, key=lambda element: element["path"]) if unordered and isinstance(body, list) else body
