"""Write docs/contract.md from the JSON Schema of the contract's own blocks: `make contract-page`."""

import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from event_data.contract.shape import BOOKS, schema

PAGE = Path(__file__).parents[2] / "docs" / "contract.md"


def page() -> str:
    """Return the whole page; its introduction, up to the first block, is written there by hand."""
    blocks = schema("urn:blocks")
    lines = [PAGE.read_text("utf-8").partition("\n## ")[0]]
    value = blocks["$defs"]["value"]
    for name, block in (blocks["properties"] | {name: blocks["$defs"][name] for name in BOOKS}).items():
        lines += [f"## {block['title']}: `{name}`\n", _paragraph(block["description"] + _default(block))]
        lines += _table(block.get("items", block), set(block.get("items", block).get("required", ())))
        for example in block.get("examples", ())[:1]:
            entry = yaml.safe_dump([{"property": name, "value": example}], sort_keys=False, allow_unicode=True)
            lines += ["```yaml", entry.rstrip(), "```\n"]
        if name == "columnRoles":
            lines += [f"### {value['title']}\n", _paragraph(value["description"]), *_table(value, set())]
    rule = blocks["$defs"]["rule"]
    implementation = rule["properties"]["implementation"]
    lines += [f"## {rule['title']}\n", _paragraph(rule["description"]), *_table(rule, set())]
    entry = yaml.safe_dump(
        {"type": "custom", "engine": "validate_dataframework", "implementation": implementation["examples"][0]},
        sort_keys=False,
    )
    lines += ["```yaml", "quality:", *_indented(entry), "```\n", "The checks:\n"]
    lines += [_paragraph(", ".join(f"`{name}`" for name in blocks["$defs"]["check"]["enum"]) + ".")]
    return "\n".join(lines).rstrip() + "\n"


def _paragraph(text: str) -> str:
    return textwrap.fill(text, 118, break_long_words=False, break_on_hyphens=False) + "\n"


def _indented(text: str) -> Iterator[str]:
    for number, line in enumerate(text.rstrip().splitlines()):
        yield ("    " if number else "  - ") + line


def _table(block: Any, needed: set[str]) -> list[str]:
    """Return a table of a block's keys, and an empty line; nothing for a block without keys."""
    rows = [row for name, entry in block.get("properties", {}).items() for row in _rows(name, entry, name in needed)]
    return ["| key | value | meaning |", "|---|---|---|", *rows, ""] if rows else []


def _rows(name: str, entry: Any, needed: bool) -> Iterator[str]:
    if "description" in entry:
        values = [v for v in entry.get("enum", ()) if v == v.upper() or v.upper() not in entry["enum"]]
        kind = ", ".join(f"`{value}`" for value in values) or _kind(entry)
        example = "".join(f" For example `{_inline(value)}`." for value in entry.get("examples", ())[:1])
        meaning = f"{'Needed. ' * needed}{entry['description']}{_default(entry)}{example}"
        escaped = meaning.replace("|", "\\|")
        yield f"| `{name}` | {kind} | {escaped} |"
    for key, inner in entry.get("properties", {}).items():
        yield from _rows(f"{name}.{key}", inner, False)


def _kind(entry: Any) -> str:
    if entry.get("$ref") == "#/$defs/value":
        return "[value](#where-a-value-is)"
    words = {"string": "text", "integer": "whole number", "array": "list", "object": "mapping", "number": "number"}
    types = entry.get("type", "text")
    return " or ".join(words.get(one, one) for one in ([types] if isinstance(types, str) else types))


def _default(entry: Any) -> str:
    return f" Default: `{_inline(entry['default'])}`." if entry.get("default") not in (None, []) else ""


def _inline(value: object) -> str:
    """Return a value as YAML in one line."""
    text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=1000, sort_keys=False)
    return text.removesuffix("...\n").strip()


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
