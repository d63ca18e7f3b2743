"""The harness itself: what it has to notice, it notices."""

import tempfile
import unittest
from pathlib import Path

import check
from expect import fits
from page import Malformed, commands, read, slug
from session import Failed, Session
import os


def page(text):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "page.md"
        path.write_text(text, encoding="utf-8")
        return read(path)


def run(text, **options):
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        (folder / "home").mkdir()
        session = Session(folder, {"PATH": os.environ["PATH"]}, **options)
        try:
            for block in page(text).blocks:
                for command in commands(block):
                    session.run(command, "eventually" in block.notes)
        finally:
            session.close()


class Expecting(unittest.TestCase):
    def test_lines_are_compared_by_kind(self):
        self.assertTrue(fits(["3/3 enforcing, 12 ms"], "3/3 enforcing, 1.5 s\n"))
        self.assertTrue(fits(["at 2026-11-25 04:10:45 UTC"], "at 2027-01-01 00:00:00 UTC"))
        self.assertTrue(fits(["NAME   ID"], "NAME ID  \n"))
        self.assertFalse(fits(["3/3 enforcing, 12 ms"], "2/3 enforcing, 12 ms"))

    def test_an_ellipsis_stands_for_anything_and_a_missing_line_for_nothing(self):
        self.assertTrue(fits(["a … d"], "a b c d"))
        self.assertTrue(fits(["a", "…", "z"], "a\nb\nc\nz"))
        self.assertTrue(fits(["a", "…"], "a"))
        self.assertFalse(fits(["a", "z"], "a\nb\nz"))
        self.assertFalse(fits(["a"], "a\nb"))
        self.assertFalse(fits(["a", "b"], "a"))
        self.assertTrue(fits(["b"], "a\nb\nc", anywhere=True))
        self.assertFalse(fits(["d"], "a\nb\nc", anywhere=True))


class Reading(unittest.TestCase):
    def test_blocks_notes_links_and_anchors(self):
        read = page("# A `b` & c\n\n[x](y.md#z) `[not](a link)`\n\n<!-- file: f.toml -->\n```toml\na = 1\n```\n")
        self.assertEqual(read.anchors, {"a-b--c"})
        self.assertEqual(read.links, [(3, "y.md#z")])
        self.assertEqual((read.blocks[0].language, read.blocks[0].notes), ("toml", {"file": "f.toml"}))

    def test_what_says_nothing_is_refused(self):
        for text in ("<!-- runs -->\n", "<!-- file: a -->\ntext\n```sh\n```\n", "```sh\n", "<!-- run\n$ a\n"):
            with self.assertRaises(Malformed, msg=text):
                page(text)

    def test_blocks_that_cannot_be_read_are_named(self):
        for language, text in (("json", "{"), ("toml", "a ="), ("python", "def"), ("", "x"), ("console", "no prompt")):
            block = page(f"```{language}\n{text}\n```\n").blocks[0]
            self.assertTrue(list(check.block_problems(block)), language)

    def test_slugs(self):
        self.assertEqual(slug("`waygate env set`"), "waygate-env-set")
        self.assertEqual(slug("What … says: [all](x.md)"), "what--says-all")

    def test_commands_go_on_over_lines(self):
        block = page("```console\n$ cat <<E\n> a\n> E\na\n$ b\n```\n").blocks[0]
        self.assertEqual([(each.text, each.expected) for each in commands(block)], [("cat <<E\na\nE", ["a"]), ("b", [])])


class Running(unittest.TestCase):
    def test_a_shell_keeps_what_was_set_and_says_how_things_ended(self):
        run("```console\n$ export A=1; cd /\n$ echo $A $PWD\n1 /\n$ false\n$ echo $?\n1\n```\n")

    def test_a_failure_is_noticed(self):
        for text in ("$ false", "$ echo a\nb", "$ nobody-has-this", "$ exit 3"):
            with self.assertRaises(Failed, msg=text):
                run(f"```console\n{text}\n```\n")

    def test_a_failure_that_is_shown_is_meant(self):
        run("```console\n$ echo 'error: so'; false\nerror: so\n```\n")

    def test_what_hangs_is_given_up(self):
        with self.assertRaises(Failed):
            run("```console\n$ sleep 60\n```\n", patience=0.2)

    def test_what_runs_on_is_waited_for(self):
        run("```console\n$ (sleep 0.1; echo at last; sleep 60) &\nat last\n$ echo on\non\n```\n")
        with self.assertRaises(Failed):
            run("```console\n$ echo other &\nat last\n```\n", patience=0.3)

    def test_what_is_typed_arrives(self):
        run("```console\n$ read -r a; echo $a  # password: secret\nsecret\n```\n")

    def test_repeated_until_it_fits(self):
        run("<!-- eventually -->\n```console\n$ echo x >>f; wc -l <f\n3\n```\n")


if __name__ == "__main__":
    unittest.main()
