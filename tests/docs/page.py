"""Reads a Markdown page: its fenced blocks with the notes before them, its headings, its links.

A note is a comment on the lines right before a block:

    <!-- file: NAME -->        the block is written to that file of the page's folder
    <!-- append: NAME -->      the same, after what is in the file
    <!-- not run: REASON -->   the block is only looked at
    <!-- eventually -->        commands are repeated until they print what is expected
    <!-- slow -->              its whole page is run by `scripts/docs --full` only

and a comment that begins with a line `<!-- run` holds commands, as a block `console` does, that readers need not see.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

FENCE = re.compile(r"^(\s*)(`{3,})\s*([^`]*)$")
NOTE = re.compile(r"^<!--\s*(file|append|not run|eventually|slow)(?::\s*(.*?))?\s*-->$")
LINK = re.compile(r"\[(?:[^\[\]`]|`[^`]*`)*\]\(([^()\s]+)\)")
HEADING = re.compile(r"^(#{1,6})\s+(.*?)\s*$")


class Malformed(Exception):
    """A page that does not say what is to be done with a block."""


@dataclass
class Block:
    """A fenced block, or a hidden one of commands."""

    language: str
    text: str
    line: int
    notes: dict[str, str] = field(default_factory=dict)


@dataclass
class Page:
    path: Path
    blocks: list[Block]
    anchors: set[str]
    links: list[tuple[int, str]]

    @property
    def slow(self):
        return any("slow" in block.notes for block in self.blocks)


def read(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    blocks, anchors, links = [], {}, []
    notes, number = {}, 0
    while number < len(lines):
        line = lines[number]
        number += 1
        fence = FENCE.match(line)
        if fence:
            indent, ticks, info = fence.groups()
            begin = number
            while number < len(lines) and lines[number].strip() != ticks:
                number += 1
            if number == len(lines):
                raise Malformed(f"{path}:{begin}: the block has no end")
            text = "".join(each.removeprefix(indent) + "\n" for each in lines[begin:number])
            number += 1
            blocks.append(Block(info.strip().split(",")[0], text, begin, notes))
            notes = {}
            continue
        if line.strip() == "<!-- run":
            begin = number
            while number < len(lines) and lines[number].strip() != "-->":
                number += 1
            if number == len(lines):
                raise Malformed(f"{path}:{begin}: the comment has no end")
            blocks.append(Block("console", "\n".join(lines[begin:number]) + "\n", begin))
            number += 1
            continue
        note = NOTE.match(line.strip())
        if note:
            notes[note[1]] = note[2] or ""
        elif line.strip():
            if line.strip().startswith("<!--"):
                raise Malformed(f"{path}:{number}: not a note that is known: `{line.strip()}`")
            if notes:
                raise Malformed(f"{path}:{number}: the note before this line belongs right before a block")
        heading = HEADING.match(line)
        if heading:
            anchor = slug(heading[2])
            again = anchors[anchor] = anchors.get(anchor, -1) + 1
            if again:
                anchors[f"{anchor}-{again}"] = 0
        plain = re.sub(r"(`+)(?:(?!\1).)*?\1", lambda code: code[0] if "](" not in code[0] else "", line)
        links += [(number, target) for target in LINK.findall(plain)]
    return Page(path, blocks, set(anchors), links)


def slug(heading):
    """The anchor of a heading, as GitHub and mdBook make it."""
    words = re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", lambda part: part[1] or "", heading).lower()
    return re.sub(r"[^\w\- ]", "", words).replace(" ", "-")


@dataclass
class Command:
    text: str
    expected: list[str]
    line: int
    # The next command looks at its exit code.
    may_fail: bool = False


def commands(block):
    """The commands of a block `console` (after `$ `, going on after `> `) with what they print, or of a block `sh`."""
    found = []
    if block.language != "console":
        for offset, line in enumerate(block.text.splitlines()):
            if found and found[-1].text.endswith("\\"):
                found[-1].text += "\n" + line
            elif line.strip() and not line.lstrip().startswith("#"):
                found.append(Command(line, [], block.line + 1 + offset))
        return found
    for offset, line in enumerate(block.text.splitlines()):
        if line.startswith("$ "):
            found.append(Command(line[2:], [], block.line + 1 + offset))
        elif found and not found[-1].expected and line.startswith("> "):
            found[-1].text += "\n" + line[2:]
        elif found:
            found[-1].expected.append(line)
        elif line.strip():
            raise Malformed(f"line {block.line + 1 + offset}: a block `console` begins with `$ `")
    for command, following in zip(found, found[1:]):
        command.may_fail = following.text.startswith("echo $?")
    for command in found:
        while command.expected and not command.expected[-1].strip():
            command.expected.pop()
    return found
