"""List words that make a text hard to read: archaic words, and pronouns where the actor should be named.

`python -m tests.support.words PATH...` prints `file:line: word` and exits with 1 if it finds one. It reads Markdown
outside code, docstrings, comments, sentences in strings, names of tests, and descriptions in schema files. It does not
judge identifiers or code. Invariant: what it reads keeps its place in the file, so that each line number is right.
"""

from __future__ import annotations

import ast
import io
import os
import re
import sys
import tokenize
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SUFFIXES = (".md", ".py", ".ts", ".tsx", ".js", ".jsx", ".json", ".toml", ".yml", ".yaml", ".sh", ".service", ".conf")
# Written by tools; and the list itself.
SKIPPED = ("generated/", "clients/typescript/package-lock.json", "requirements/", "tests/support/words.py")
TOOLS = frozenset({"node_modules", "dist", "build", "__pycache__"})

WORDS = (
    *("whoever", "whosoever", "whomever", "whom", "anybody", "nobody", "somebody", "everybody", "no one", "someone"),
    *("everyone", "oneself", "one's own", "of its own", "of their own", "of his own", "anew", "afresh", "be it"),
    *("lest", "that which"),
    *("heed", "heeds", "heeded", "need not", "needs not", "need be", "thereof", "therein", "thereby", "thereto"),
    *("thence", "whence", "whither", "hither", "hitherto", "whereof", "wherein", "whereby", "herewith", "henceforth"),
    *("forthwith", "heretofore", "thus", "hence", "albeit", "nay", "ere", "unto", "upon", "amid", "ought", "shall"),
    *("naught", "nought", "nowise", "yonder", "none the less", "nonetheless", "in vain", "for want of"),
    *("save for", "as yet", "as it were", "its like", "all the same"),
    *("tell of", "tells of", "told of", "hear of", "hears of", "heard of", "know of", "knows of", "knew of"),
    *("speak of", "speaks of", "spoke of", "spoken of"),
    *("goes without saying", "without a word", "none but", "herd", "shelf", "shelves", "test who"),
)
# In lower case only: in capitals it is SQL.
CONJUNCTIONS = (", else", "; else", ": else", "or else", ", for it is")
_GAP = r"\s+"


def _any_of(words: Iterable[str]) -> str:
    return "|".join(_GAP.join(map(re.escape, word.split())) for word in words)


_FOUND = re.compile(
    # The first character decides quickly about most places.
    rf"(?<![\w-])(?=[{''.join(sorted({word[0] for word in WORDS}))}])"
    rf"(?:{_any_of(WORDS)})(?![\w-])"
    rf"|(?-i:{_any_of(CONJUNCTIONS)})\b",
    re.IGNORECASE,
)
# A line that quotes a name of others: its file and the whole line, without the space around it.
ALLOWED: frozenset[tuple[str, str]] = frozenset()

_INLINE_CODE = re.compile(r"`(?:[^`\n]|\n(?!\s*\n))*`")
_FENCE = re.compile(r"^( *)(```|~~~)[^\n]*\n.*?^ *\2[^\n]*$", re.MULTILINE | re.DOTALL)
_TARGET = re.compile(r"\]\([^)\n]*\)|<https?:[^>]*>|https?:\S+")
_TYPESCRIPT = re.compile(
    r"(?P<comment>//[^\n]*|/\*.*?\*/)"
    r'|(?P<text>"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'|`(?:[^`\\]|\\.)*`)',
    re.DOTALL,
)
_DESCRIPTION = re.compile(r'"(?:description|meaning|action|title|reconnect|\$comment)": "((?:[^"\\]|\\.)*)"')
_HASH = re.compile(r"(?<!\S)#+ ?[^\n]*")
_JOINS = str.maketrans("#/*>_", "     ")
"""What may stand between two words of prose beside white space: marks of comments, and a name's underlines."""


class _Page:
    """The text of a file in which a NUL stands for each character of code, so that no phrase spans code."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._shown = [c if c.isspace() else "\0" for c in text]
        self._starts = [0]
        for line in text.splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line))

    def place(self, line: int, column: int) -> int:
        return self._starts[line - 1] + column

    def show(self, start: int, end: int, *, markers: str = "") -> None:
        """Prose stands from `start` to `end`; at the head of each line, `markers` are no part of it."""
        prose = self._text[start:end]
        if markers:
            prose = re.sub(rf"(?m)^[ \t]*[{re.escape(markers)}]+|[*]/$", lambda found: " " * len(found[0]), prose)
        self._shown[start:end] = prose

    def prose(self) -> str:
        return "".join(self._shown)


def _markdown(text: str) -> str:
    page = _Page(text)
    page.show(0, len(text), markers=">")
    return _without(page.prose(), _FENCE, _TARGET)


def _python(text: str, sentences: bool) -> str:
    page = _Page(text)
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            page.show(page.place(*token.start), page.place(*token.end), markers="#:")
    lines = text.splitlines(keepends=True)

    def place(line: int, column: int) -> int:
        return page.place(line, len(lines[line - 1].encode()[:column].decode()))

    tree = ast.parse(text)
    names = []
    documents = {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.end_lineno is not None:
            if id(node) in documents or (sentences and node.value.count(" ") > 1):
                page.show(place(node.lineno, node.col_offset), place(node.end_lineno, node.end_col_offset or 0))
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            start = text.index(node.name, place(node.lineno, node.col_offset))
            names.append((start, start + len(node.name)))
    for start, end in names:
        page.show(start, end)
    prose = page.prose()
    for start, end in names:
        prose = prose[:start] + prose[start:end].replace("_", " ") + prose[end:]
    return prose


def _typescript(text: str) -> str:
    page = _Page(text)
    for found in _TYPESCRIPT.finditer(text):
        if found["comment"] is not None:
            page.show(*found.span(), markers="/*")
        elif found["text"].count(" ") > 1:
            page.show(found.start() + 1, found.end() - 1)
    return page.prose()


def _matches(text: str, pattern: re.Pattern[str], group: int, markers: str = "") -> str:
    page = _Page(text)
    for found in pattern.finditer(text):
        page.show(*found.span(group), markers=markers)
    return page.prose()


def _without(text: str, *patterns: re.Pattern[str]) -> str:
    for pattern in patterns:
        text = pattern.sub(lambda found: re.sub(r"\S", "\0", found[0]), text)
    return text


def prose_in(text: str, suffix: str, *, sentences: bool) -> str:
    """The prose of a file, each character in its place; NUL stands for all others."""
    match suffix:
        case ".md":
            prose = _markdown(text)
        case ".py":
            prose = _python(text, sentences)
        case ".ts" | ".tsx" | ".js" | ".jsx":
            prose = _typescript(text)
        case ".json":
            prose = _matches(text, _DESCRIPTION, 1)
        case _:
            prose = _matches(text, _HASH, 0, "#")
    return _without(prose, _INLINE_CODE)


def loosened(text: str) -> str:
    """A file's text in which each forbidden word of its prose is found, and those of its code: it is made quickly."""
    return text.replace("#:", "# ").translate(_JOINS)


def forbidden(prose: str) -> Iterator[tuple[int, str]]:
    for found in _FOUND.finditer(prose):
        yield prose.count("\n", 0, found.start()) + 1, " ".join(found[0].split())


def words_in(path: Path) -> Iterator[tuple[int, str]]:
    """Each forbidden word of a file, with its line."""
    text = path.read_text(encoding="utf-8")
    if next(forbidden(loosened(text)), None) is None:
        return
    name = path.relative_to(ROOT)
    # Tests are full of sample data; what the product says to people stands in strings.
    prose = prose_in(text, path.suffix, sentences=name.parts[0] != "tests")
    lines = text.splitlines()
    for line, word in forbidden(prose):
        if (name.as_posix(), lines[line - 1].strip()) not in ALLOWED:
            yield line, word


def files_below(paths: Iterable[Path]) -> Iterator[Path]:
    """The files of the project that are read, without what tools write."""
    for start in paths:
        if start.is_file():
            yield start
        for folder, folders, names in os.walk(start):
            folders[:] = sorted(name for name in folders if name[0] != "." and name not in TOOLS)
            for name in sorted(names):
                path = Path(folder, name)
                shown = path.relative_to(ROOT).as_posix()
                if (name.endswith(SUFFIXES) or name == "Makefile") and not shown.startswith(SKIPPED):
                    yield path


def main() -> int:
    here = [Path(path).resolve() for path in sys.argv[1:]] or [ROOT]
    count = 0
    for path in files_below(here):
        for line, word in words_in(path):
            count += 1
            print(f"{path.relative_to(ROOT)}:{line}: {word}")
    print(f"{count} forbidden words", file=sys.stderr)
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
