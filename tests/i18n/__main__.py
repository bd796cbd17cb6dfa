"""`python -m tests.i18n`: brings the German catalogue up to date; exit code 1 while a message has no German text."""

from __future__ import annotations

import importlib
import os
import sys

import django


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    django.setup()
    messages = importlib.import_module("tests.i18n.messages")  # it needs the apps
    catalog = messages.update()
    left = messages.missing(catalog)
    for message in left:
        print("no German text:", message.id)
    print(f"{len(catalog)} messages, {len(left)} without a German text")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
