"""What differs between two servers in one case."""

import json
from dataclasses import dataclass

ABSENT = "absent"
# Made up by the server, or meant for a person: only their type is compared.
FREE = {"id", "timestamp", "token", "expires_at", "error"}


@dataclass(frozen=True)
class Difference:
    case: str
    step: str
    place: str
    reference: object
    ours: object


def differences(case, reference, ours):
    """The differences between two lists of observations of one case."""
    found = []
    for expected, actual in zip(reference, ours, strict=True):
        assert expected.step == actual.step, f"{case} does not ask both servers the same: {expected.step}, {actual.step}"
        found += [Difference(case, expected.step, *difference) for difference in _in_step(expected.seen, actual.seen)]
    return found


def odd_refusals(case, observations):
    """Every refusal of ours has one shape, which no entry of the list can excuse."""
    for one in observations:
        body = one.seen.get("body")
        if one.seen.get("status", 0) < 400 or body in (None, ""):
            continue
        if not isinstance(body, dict) or not all(isinstance(body.get(key), str) for key in ("error", "code")):
            yield f"{case}: {one.step}: the refusal is not {{error: text, code: text}}: {body!r}"


def _in_step(expected, actual):
    found = []
    status = (expected.get("status"), actual.get("status"))
    if status[0] != status[1]:
        # What belongs to another status is another answer altogether.
        return [("status", *status)]
    for place in sorted(expected.keys() | actual.keys()):
        pair = expected.get(place, ABSENT), actual.get(place, ABSENT)
        if place == "body" and expected.get("content-type") != actual.get("content-type"):
            continue
        found += _values(place, *pair)
    return found


def _values(place, expected, actual):
    expected, actual = _decoded(expected, actual)
    if isinstance(expected, dict) and isinstance(actual, dict):
        for key in [*expected, *(key for key in actual if key not in expected)]:
            inner = f"{place}.{key}"
            if key in FREE and key in expected and key in actual:
                if type(expected[key]) is not type(actual[key]):
                    yield inner, _type(expected[key]), _type(actual[key])
            else:
                yield from _values(inner, expected.get(key, ABSENT), actual.get(key, ABSENT))
    elif isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        for index, pair in enumerate(zip(expected, actual)):
            yield from _values(f"{place}[{index}]", *pair)
    elif isinstance(expected, list) and isinstance(actual, list):
        yield f"{place}.length", len(expected), len(actual)
    elif expected != actual or type(expected) is not type(actual):
        yield place, expected, actual


def _decoded(*values):
    """Two texts that are both JSON objects are compared as objects: that is how settings travel in `reason`."""
    try:
        decoded = [json.loads(value) for value in values if isinstance(value, str)]
    except ValueError:
        return values
    return decoded if len(decoded) == 2 and all(isinstance(value, dict) for value in decoded) else values


def _type(value):
    return {dict: "object", list: "list", str: "text", bool: "boolean", type(None): "null"}.get(type(value), "number")
