"""The reviewed list of differences (differences.toml)."""

import re
import tomllib
from dataclasses import dataclass, field

# Where a defect is described; see README.md.
SOURCES = re.compile(r"(semantics B\d+|control B\d\d|delivery A\d\d|defects G\d+|http-api \d+(\.\d+)*|issue \d+)")
FIELDS = {"fixes", "why", "case", "step", "at", "reference", "ours"}
ANY = object()


@dataclass
class Allowed:
    """One entry. Every pattern of it must be met by a difference, or the entry is stale."""

    fixes: list
    why: str
    patterns: dict
    reference: object
    ours: object
    met: set = field(default_factory=set)

    def allows(self, difference):
        places = {"case": difference.case, "step": difference.step, "at": difference.place}
        matching = {
            (name, pattern)
            for name, patterns in self.patterns.items()
            for pattern in patterns
            if _matches(pattern, places[name])
        }
        values = self.reference in (ANY, difference.reference) and self.ours in (ANY, difference.ours)
        if not values or {name for name, _ in matching} != self.patterns.keys():
            return False
        self.met |= matching
        return True

    def stale(self):
        """The patterns that no difference has met."""
        all_patterns = [(name, pattern) for name, patterns in self.patterns.items() for pattern in patterns]
        unmet = [f'{name} = "{pattern}"' for name, pattern in all_patterns if (name, pattern) not in self.met]
        return ["all of it"] if len(unmet) == len(all_patterns) else unmet


def load(path):
    with open(path, "rb") as file:
        entries = tomllib.load(file).get("difference", [])
    return [_entry(entry) for entry in entries]


def _entry(entry):
    fixes = _list(entry.get("fixes", []))
    unknown = entry.keys() - FIELDS
    if unknown or not fixes or not entry.get("why") or not all(SOURCES.fullmatch(source) for source in fixes):
        raise SystemExit(f"differences.toml: an entry needs `fixes` and `why`, and knows only {sorted(FIELDS)}: {entry}")
    patterns = {name: _list(entry.get(name, "*")) for name in ("case", "step", "at")}
    values = [None if value == "null" else value for value in (entry.get("reference", ANY), entry.get("ours", ANY))]
    return Allowed(fixes, entry["why"], patterns, *values)


def _list(value):
    return value if isinstance(value, list) else [value]


def _matches(pattern, text):
    """`*` stands for any text; everything else for itself."""
    return re.fullmatch(".*".join(re.escape(part) for part in pattern.split("*")), text, re.DOTALL) is not None
