"""What the runner itself promises: nothing unlisted passes, and nothing stale stays."""

import tempfile
import unittest

import allowed
from compare import Difference, differences, odd_refusals
from session import Observation


def between(reference, ours):
    found = differences("m.case", [Observation("step", reference)], [Observation("step", ours)])
    return [(one.place, one.reference, one.ours) for one in found]


class Comparison(unittest.TestCase):
    def test_keys_types_and_values_count(self):
        self.assertEqual(between({"body": {"a": 1}}, {"body": {"a": 1}}), [])
        self.assertEqual(between({"body": {"a": 1}}, {"body": {"a": True}}), [("body.a", 1, True)])
        self.assertEqual(between({"body": {"a": None}}, {"body": {}}), [("body.a", None, "absent")])
        self.assertEqual(between({"body": [{"b": "x"}]}, {"body": [{"b": "y"}]}), [("body[0].b", "x", "y")])

    def test_of_what_is_made_up_only_the_type_counts(self):
        self.assertEqual(between({"body": {"id": "a"}}, {"body": {"id": "b"}}), [])
        self.assertEqual(between({"body": {"id": "a"}}, {"body": {"id": 7}}), [("body.id", "text", "number")])
        self.assertEqual(between({"body": {"id": "a"}}, {"body": {}}), [("body.id", "a", "absent")])

    def test_another_status_is_one_difference(self):
        self.assertEqual(between({"status": 200, "body": {}}, {"status": 404, "body": 1}), [("status", 200, 404)])

    def test_settings_inside_a_reason_are_compared_as_such(self):
        self.assertEqual(between({"reason": '{"a":1}'}, {"reason": '{ "a": 1 }'}), [])

    def test_refusals_have_one_shape(self):
        good = Observation("step", {"status": 404, "body": {"error": "text", "code": "text"}})
        bad = Observation("step", {"status": 404, "body": {"error": "text"}})
        self.assertEqual(len(list(odd_refusals("m.case", [good, bad]))), 1)


class List(unittest.TestCase):
    def load(self, text):
        with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
            file.write(text)
            file.flush()
            return allowed.load(file.name)

    def test_an_entry_allows_what_it_names_and_no_more(self):
        (entry,) = self.load('[[difference]]\nfixes = "control B01"\nwhy = "x"\ncase = "m.*"\nat = "body[*].a"\nours = "null"')
        self.assertTrue(entry.allows(Difference("m.case", "step", "body[3].a", 1, None)))
        self.assertFalse(entry.allows(Difference("n.case", "step", "body[3].a", 1, None)))
        self.assertFalse(entry.allows(Difference("m.case", "step", "body[3].b", 1, None)))
        self.assertFalse(entry.allows(Difference("m.case", "step", "body[3].a", 1, 2)))

    def test_every_pattern_has_to_be_met(self):
        (entry,) = self.load('[[difference]]\nfixes = "control B01"\nwhy = "x"\ncase = ["m.a", "m.b"]')
        self.assertEqual(entry.stale(), ["all of it"])
        entry.allows(Difference("m.a", "step", "status", 200, 404))
        self.assertEqual(entry.stale(), ['case = "m.b"'])

    def test_an_entry_says_what_it_fixes_and_why(self):
        for text in ('why = "x"', 'fixes = "control B01"', 'fixes = "taste"\nwhy = "x"', 'fixes = "control B01"\nwhy = "x"\nany = 1'):
            with self.assertRaises(SystemExit):
                self.load(f"[[difference]]\n{text}")


if __name__ == "__main__":
    unittest.main()
