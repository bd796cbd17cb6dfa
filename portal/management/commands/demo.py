"""`manage.py demo`: loads the demo people and prints how to sign in. Refused in production."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from portal import demo


class Command(BaseCommand):
    help = "Loads demo people and requests, and prints how to sign in."

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.PRODUCTION:
            raise CommandError("Demo people have a public password. They do not belong into production.")
        users = demo.load()
        self.stdout.write(f"Demo users, all with the password {demo.PASSWORD}")
        for someone in users:
            self.stdout.write(f"  {someone.email:<32} {someone.role.label}")
