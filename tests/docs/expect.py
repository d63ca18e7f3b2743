"""Compares what a command has printed with what a page says: by kind where it differs from run to run."""

import re

# What is never the same: times, durations, ids.
KINDS = [
    (re.compile(r"\b\d{4}-\d\d-\d\d[ T]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?: ?UTC|Z|[+-]\d\d:\d\d)?"), "‹time›"),
    (re.compile(r"\b\d+(?:\.\d+)? ?(?:ns|µs|ms|s)\b(?! *\d)"), "‹duration›"),
    (re.compile(r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b"), "‹id›"),
    (re.compile(r"\b[0-9a-f]{12,}\b"), "‹id›"),
    (re.compile(r"\b(?=[0-9A-Z]*[0-9])[0-9A-Z]{26}\b"), "‹id›"),
]


def loosely(line):
    """A line without what differs from run to run, with single blanks."""
    for pattern, kind in KINDS:
        line = pattern.sub(kind, line)
    return re.sub(r"\s+", " ", line).strip()


def pattern(expected):
    """`…` is anything within a line, and alone in a line any lines."""
    out = ""
    for line in expected:
        if line.strip() == "…":
            out += r"(?:[^\n]*\n)*"
        else:
            out += "[^\n]*".join(re.escape(part) for part in loosely(line).split("…"))
            out += "\n"
    return re.compile(out)


def fits(expected, printed, *, anywhere=False):
    """Whether the whole of what was printed is as expected, or with `anywhere` some lines of it one after another."""
    text = "".join(loosely(line) + "\n" for line in printed.splitlines() if line.strip())
    wanted = pattern([line for line in expected if line.strip()])
    if anywhere:
        return any(wanted.match(text, start) for start in line_starts(text))
    return wanted.fullmatch(text) is not None


def line_starts(text):
    return [0] + [at + 1 for at, sign in enumerate(text) if sign == "\n" and at + 1 < len(text)]
