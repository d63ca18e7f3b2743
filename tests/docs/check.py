"""What can be said of pages without running them: blocks that can be read, links that lead somewhere, a complete book."""

import json
import os
import re
import subprocess
import tomllib
from pathlib import Path

from page import LINK, Malformed, commands

# Nothing to check in the first, or checked by others: `rust` by the doctests of the crates that include the page.
PLAIN = ("text", "ini", "http")


def everything(root, pages):
    found = []
    for page in pages:
        place = page.path.relative_to(root)
        found += [f"{place}:{block.line}: {problem}" for block in page.blocks for problem in block_problems(block)]
        found += [f"{place}:{line}: {problem}" for line, problem in link_problems(root, page, pages)]
    return [*found, *rust_problems(root, pages), *book_problems(root, pages)]


def block_problems(block):
    language = block.language
    if "not run" in block.notes and not block.notes["not run"]:
        yield "a block that is not run needs a reason: `<!-- not run: … -->`"
    try:
        if language in ("console", "sh", "bash"):
            commands(block)
        elif language == "json":
            json.loads(block.text)
        elif language == "jsonl":
            [json.loads(line) for line in block.text.splitlines()]
        elif language == "toml":
            tomllib.loads(block.text)
        elif language == "python":
            compile(block.text, "block", "exec")
        elif language == "yaml":
            yield from yaml_problems(block.text)
        elif language == "rust" or language in PLAIN:
            pass
        else:
            yield f"nobody knows what to do with a block of the language `{language}`"
    except (ValueError, SyntaxError, Malformed) as error:
        yield f"the block is no {language}: {error}"


def yaml_problems(text):
    """Read by the Python peer, which has a reader of YAML."""
    python = Path(os.environ.get("WAYGATE_PEER_VENV", Path(__file__).parents[2] / "target/peer-venv")) / "bin/python"
    reading = "import sys, yaml; list(yaml.safe_load_all(sys.stdin))"
    done = subprocess.run([python, "-c", reading], input=text, text=True, capture_output=True)
    if done.returncode:
        yield f"the block is no yaml: {done.stderr.strip().splitlines()[-1]}"


def link_problems(root, page, pages):
    anchors = {each.path: each.anchors for each in pages}
    docs = root / "docs"
    for line, target in page.links:
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        place = (page.path.parent / file).resolve() if file else page.path
        if not place.exists():
            yield line, f"`{target}` leads nowhere"
        elif docs in page.path.parents and docs not in place.parents:
            yield line, f"`{target}` leads out of the book, where it would be broken"
        elif anchor and place in anchors and anchor not in anchors[place]:
            yield line, f"`{target}`: there is no such heading; there are {', '.join(sorted(anchors[place]))}"


def rust_problems(root, pages):
    """Rust is compiled where a crate includes the page for its doctests."""
    included = set()
    for source in root.glob("crates/*/src/lib.rs"):
        for path in re.findall(r'include_str!\("([^"]+\.md)"\)', source.read_text(encoding="utf-8")):
            included.add((source.parent / path).resolve())
    for page in pages:
        if any(block.language == "rust" for block in page.blocks) and page.path not in included:
            yield f"{page.path.relative_to(root)}: no crate includes it (crates/waygate-sdk/src/lib.rs does so for others): its Rust is not compiled"


def book_problems(root, pages):
    summary = root / "docs/SUMMARY.md"
    named = [(summary.parent / target).resolve() for target in LINK.findall(summary.read_text(encoding="utf-8"))]
    there = {page.path for page in pages if summary.parent in page.path.parents} - {summary}
    for path in sorted(there - set(named)):
        yield f"{path.relative_to(root)}: docs/SUMMARY.md does not name it"
    for path in sorted({path for path in named if named.count(path) > 1}):
        yield f"docs/SUMMARY.md names {path.relative_to(root)} twice"
