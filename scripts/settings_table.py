"""Print the table of settings for docs/operations.md from the settings class itself (``--example``: .env.example)."""

from __future__ import annotations

import sys

from pydantic import SecretStr

from svc.settings import PREFIX, Settings


def _default(value: object) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return str(value).lower() if isinstance(value, bool) else str(value)


def table() -> str:
    """A Markdown table: setting, default, meaning."""
    rows = ["| setting | default | meaning |", "|---|---|---|"]
    rows += [f"| `{PREFIX}{name.upper()}` | {f'`{_default(field.default)}`' if _default(field.default) else '–'} "
             f"| {field.description} |" for name, field in Settings.model_fields.items()]
    return "\n".join(rows)


def example() -> str:
    """The text of ``.env.example``."""
    head = "# Copy to .env and change what you need. Every setting with its default; see docs/operations.md.\n"
    return head + "".join(f"\n# {field.description}\n# {PREFIX}{name.upper()}={_default(field.default)}\n"
                          for name, field in Settings.model_fields.items())


if __name__ == "__main__":
    print(example() if "--example" in sys.argv else table())
