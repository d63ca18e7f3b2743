"""Runs the browser tests: `run.py [NAME]`. See scripts/browser."""

import sys
import time
import unittest

import test_access
import test_fleet
import test_foresight
import test_hostile
import test_gallery
import test_live
import test_operate
import test_plain
import test_traffic
import test_truth
import test_walk
from stage import PICTURES, Check, Stage

MODULES = (test_walk, test_truth, test_fleet, test_live, test_operate, test_traffic, test_foresight, test_hostile, test_plain, test_access,
           test_gallery)


def tests(named):
    loader = unittest.TestLoader()
    for module in MODULES:
        for group in loader.loadTestsFromModule(module):
            yield from (test for test in group if named in test.id())


def main(arguments):
    if arguments and arguments[0] == "--figures":
        import figures

        return figures.main()
    if arguments and arguments[0] == "--tour":
        arguments = ["test_readme_leads"]
    if arguments and arguments[0] == "--pictures":
        arguments = ["test_every_page_is_seen"]
    begun = time.monotonic()
    suite = unittest.TestSuite(tests(arguments[0] if arguments else ""))
    Check.stage = Stage()
    try:
        result = unittest.TextTestRunner(verbosity=2 if arguments else 1, buffer=True).run(suite)
    finally:
        Check.stage.stop()
    failed = len(result.failures) + len(result.errors)
    print(f"pictures are in {PICTURES}; {time.monotonic() - begun:.0f} s")
    print(f"browser: {result.testsRun - failed - len(result.skipped)} passed, {failed} failed, {len(result.skipped)} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
