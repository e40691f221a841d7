#!/usr/bin/env python3
"""A preprocessor of mdBook (`book.toml`): replaces links that only rustdoc or the repository resolves.

`[x](crate::Cache::stats)` becomes a search in the documentation of larder, and a link to a file that is no page of the book
becomes one to the repository.
"""
import json
import posixpath
import re
import sys

DOCUMENTATION = "https://docs.rs/larder/latest/larder/?search="
REPOSITORY = "https://github.com/larder-rs/larder/blob/main/"
LINK = re.compile(r"(?<=\]\()([^)\s]+)(?=\))|(?<=\]: )(\S+)$", re.M)


def chapters(items):
    for item in items:
        chapter = item.get("Chapter") if isinstance(item, dict) else None
        if chapter:
            yield chapter
            yield from chapters(chapter["sub_items"])


def target(link, page, pages):
    item = re.fullmatch(r"(?:\w+@)?crate::([\w:]+)", link)
    if item:
        return DOCUMENTATION + item.group(1)
    path, _, anchor = link.partition("#")
    if not path or re.match(r"\w+:", path):
        return link
    path = posixpath.normpath(posixpath.join("docs", posixpath.dirname(page), path))
    if path in pages or not path.endswith(".md") and path.startswith("docs/"):
        return link
    return REPOSITORY + path + ("#" + anchor if anchor else "")


def main():
    if sys.argv[1:2] == ["supports"]:
        return
    _context, book = json.load(sys.stdin)
    all_chapters = list(chapters(book.get("items") or book["sections"]))
    pages = {posixpath.join("docs", chapter["path"]) for chapter in all_chapters if chapter["path"]}
    for chapter in all_chapters:
        page = chapter["path"] or ""
        chapter["content"] = LINK.sub(lambda found: target(found.group(0), page, pages), chapter["content"])
    json.dump(book, sys.stdout)


main()
