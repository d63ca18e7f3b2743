"""Asks the reference server and ours the same, and compares what they answer."""

import argparse
import importlib
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import allowed
from compare import differences, odd_refusals
from servers import reference_command, running, waygate_command
from session import Session

HERE = Path(__file__).resolve().parent
WORKERS = 4


@dataclass(frozen=True)
class Transcript:
    """What one case has seen at one server, and why it broke off there, if it did."""

    observations: list
    failure: Exception | None


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--waygate", metavar="BINARY", help="our server; without it the reference is compared with itself")
    parser.add_argument("--show-allowed", action="store_true", help="print the allowed differences as well")
    parser.add_argument("only", nargs="*", metavar="MODULE[.CASE]", help="run these, not all")
    args = parser.parse_args()

    started = time.monotonic()
    cases = chosen(args.only)
    ours = (lambda auth: waygate_command(args.waygate, auth)) if args.waygate else reference_command
    entries = allowed.load(HERE / "differences.toml") if args.waygate else []
    found, problems = compare(cases, ours, args.waygate is not None)

    # A list, not a generator: each entry is to know every difference that it allows.
    unlisted = [one for one in found if not any([entry.allows(one) for entry in entries])]
    # Where not every case was compared, not every entry can be met.
    stale = [] if args.only or problems else [(entry, pattern) for entry in entries for pattern in entry.stale()]
    if args.show_allowed:
        show("allowed differences", [one for one in found if one not in unlisted])
    show("differences that are not in differences.toml", unlisted)
    for entry, pattern in stale:
        print(f"stale entry of differences.toml, “{entry.why}”: no difference meets {pattern}")
    for problem in problems:
        print(problem)
    print(f"{len(cases)} cases, {len(found)} differences, {len(unlisted)} not allowed, {len(stale)} stale entries, "
          f"{len(problems)} other problems, {time.monotonic() - started:.1f} s")
    return 1 if unlisted or stale or problems else 0


def chosen(only):
    """The cases by name: the public functions of the modules in `cases/`."""
    found = []
    for path in sorted((HERE / "cases").glob("[!_]*.py")):
        module = importlib.import_module(f"cases.{path.stem}")
        own = [one for name, one in vars(module).items() if not name.startswith("_") and callable(one)]
        found += [(f"{path.stem}.{one.__name__}", one) for one in own if one.__module__ == module.__name__]
    selected = [one for one in found if not only or one[0] in only or one[0].partition(".")[0] in only]
    if not selected:
        sys.exit(f"no such case; there are {', '.join(name for name, _ in found)}")
    return selected


def compare(cases, ours, ours_is_waygate):
    """The differences of every case, and what else is wrong."""
    modules = {}
    for name, case in cases:
        modules.setdefault(sys.modules[case.__module__], []).append((name, case))
    with ThreadPoolExecutor(WORKERS) as workers:
        sides = [
            workers.submit(observe, command(module.AUTH), module.AUTH, members)
            for module, members in modules.items()
            for command in (reference_command, ours)
        ]
        seen = [side.result() for side in sides]
    found, problems = [], []
    for members, reference, actual in zip(modules.values(), seen[::2], seen[1::2]):
        for name, case in members:
            more_found, more_problems = judge(name, case, reference[name], actual[name], ours_is_waygate)
            found += more_found
            problems += more_problems
    return found, problems


def judge(name, case, reference, actual, ours_is_waygate):
    """The differences of one case, and what else is wrong with it."""
    sides = {"the reference": reference, "ours": actual}
    if failures := [f"{name} broke off at {server}: {one.failure!r}" for server, one in sides.items() if one.failure]:
        return [], failures
    problems = list(odd_refusals(name, actual.observations)) if ours_is_waygate else []
    pending = getattr(case, "pending", None) if ours_is_waygate else None
    if pending is None:
        return differences(name, reference.observations, actual.observations), problems
    if all(one.seen.get("status") != 501 for one in actual.observations):
        problems.append(f"{name} is marked as pending ({pending}), but nothing in it answers 501 any more")
    return [], problems


def observe(command, auth, members):
    """Runs cases against one server; what each has seen, by name."""
    seen = {}
    with running(command) as url:
        for name, case in members:
            session = Session(url, auth)
            failure = None
            try:
                case(session)
            except Exception as problem:
                failure = problem
            finally:
                session.close()
            seen[name] = Transcript(session.observations, failure)
    return seen


def show(title, found):
    if not found:
        return
    print(f"{title}:")
    for case in dict.fromkeys(one.case for one in found):
        print(f"\n  {case}")
        for step in dict.fromkeys(one.step for one in found if one.case == case):
            print(f"    {shortened(step)}")
            for one in found:
                if (one.case, one.step) == (case, step):
                    print(f"      {one.place:30} reference {shown(one.reference):30} ours {shown(one.ours)}")
    print()


def shown(value):
    return shortened(json.dumps(value, ensure_ascii=False))


def shortened(text):
    return text if len(text) <= 160 else f"{text[:160]}…"


if __name__ == "__main__":
    sys.exit(main())
