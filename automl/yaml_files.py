"""YAML files as people write them: plain data, each thing said once, and nothing that grows while it is read."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from automl import untrusted
from automl.errors import InputError

LARGEST_FILE = 1_000_000
DEEPEST = 20
MOST_PARTS = 50_000


class _Loader(yaml.SafeLoader):
    """Refuses a key that a mapping has already, of which YAML would take the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[Any] = set()
        for key, _ in node.value:
            name = (key.tag, key.value) if isinstance(key, yaml.ScalarNode) else None
            if name is None:
                raise yaml.constructor.ConstructorError(None, None, "a key is no single word", key.start_mark)
            if name in seen:
                problem = f"the key {key.value!r} occurs twice"
                raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
            seen.add(name)
        return super().construct_mapping(node, deep=deep)


def read(path: Path) -> Any:
    """What a file says.

    Raises:
        InputError: it is too large, too deep, no UTF-8 or not valid YAML, or it has aliases, tags or repeated keys.
        FileNotFoundError: there is none.
    """
    # A link that the user has made is as good as the file.
    content = untrusted.content(path.resolve(), most=LARGEST_FILE)
    try:
        text = content.decode("utf-8")
        _check(text, path)
        return yaml.load(text, Loader=_Loader)  # noqa: S506  a safe loader's heir
    except UnicodeDecodeError:
        raise InputError(f"{path.name} is not UTF-8 text. Save it as UTF-8.") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise InputError(f"{path.name}{place}: not valid YAML: {problem}. Indent with spaces, never tabs.") from None
    except (ValueError, OverflowError) as error:
        raise InputError(f"{path.name}: a value cannot be read: {str(error)[:100]}. Write it shorter.") from None


def _check(text: str, path: Path) -> None:
    """Looks at the parts one by one, before any is made of another."""
    depth = 0
    for parts, event in enumerate(yaml.parse(text, Loader=yaml.SafeLoader)):
        if isinstance(event, yaml.AliasEvent):
            raise InputError(f"{path.name}: aliases (*name) are not allowed. Write the values out.")
        if (tag := getattr(event, "tag", None)) is not None:
            raise InputError(f"{path.name}: the tag {tag!r} is not allowed. Write plain values.")
        depth += isinstance(event, (yaml.SequenceStartEvent, yaml.MappingStartEvent))
        depth -= isinstance(event, (yaml.SequenceEndEvent, yaml.MappingEndEvent))
        if depth > DEEPEST or parts > MOST_PARTS:
            raise InputError(f"{path.name} is nested too deeply, or has too many parts. Write it in a few dozen lines.")
