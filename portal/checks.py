"""System checks: the catalogue loads, the queue's settings hold together, and production has no development values."""

from __future__ import annotations

import base64
from math import ceil
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from integrations import catalog
from portal.kit import queue
from portal.kit.vault import Vault


@register("integrations")
def catalog_loads(**_: Any) -> list[CheckMessage]:
    try:
        catalog.load()
    except Exception as error:  # noqa: BLE001 - any broken card is reported as a check, with its reason
        return [Error(f"The catalogue of providers does not load: {error}", id="desk.E001")]
    return []


def shortest_retry(workers: int, queue_limit: int, timeout: int) -> int:
    """Seconds before a task may be delivered again (reliability-security.md §2.2, rule 16).

    The lock counts from when a task is fetched, so the wait in the worker's own queue uses it up.
    """
    return (ceil((queue_limit + 1) / workers) + 1) * (timeout + 3) + 60


@register("queue")
def queue_settings_hold(**_: Any) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    cluster: dict[str, Any] = settings.Q_CLUSTER
    alternatives = cluster.get("ALT_CLUSTERS", {})
    wanted = {
        "orm": "default",
        "bulk": 1,
        "ack_failures": True,
        "max_attempts": 1,
        "catch_up": False,
        "guard_cycle": 0.5,
    }
    found += [
        Error(f"Q_CLUSTER[{name!r}] must be {value!r}: reliability-security.md §2.4.", id="desk.E002")
        for name, value in wanted.items()
        if cluster.get(name) != value
    ]
    if missing := {job.cluster for job in queue.JOBS.values()} - set(alternatives):
        found.append(Error(f"Jobs name clusters without settings: {sorted(missing)}", id="desk.E003"))
    for name, options in alternatives.items():
        least = shortest_retry(options["workers"], options["queue_limit"], options["timeout"])
        if options["retry"] < least:
            found.append(Error(f"Cluster {name!r}: retry must be at least {least} seconds.", id="desk.E004"))
    return found


@register("security")
def production_is_safe(**_: Any) -> list[CheckMessage]:
    if not settings.PRODUCTION:
        return []
    found: list[CheckMessage] = []
    if settings.SANDBOX_URL:
        found.append(Error("SANDBOX_URL is for development. Unset it in production.", id="desk.E005"))
    if settings.SECRET_KEY.startswith("development-only"):
        found.append(Error("Set SECRET_KEY to a long random text.", id="desk.E006"))
    if set(Vault.from_text(settings.VAULT_KEYS).keys.values()) & {base64.urlsafe_b64decode("A" * 43 + "=")}:
        found.append(Error("Set VAULT_KEYS to id:base64 of 32 random bytes.", id="desk.E007"))
    if settings.DEBUG:
        found.append(Error("DEBUG must be off in production.", id="desk.E008"))
    if not settings.SITE_URL.startswith("https://"):
        found.append(Error("SITE_URL must begin with https:// in production.", id="desk.E009"))
    if not settings.JIRA_URL or not settings.SALESFORCE_DOMAIN:
        found.append(Warning("Jira or Salesforce is not configured yet.", id="desk.W001"))
    return found


@register("files")
def evidence_has_its_place(**_: Any) -> list[CheckMessage]:
    bucket = settings.EVIDENCE_S3_BUCKET
    named = ("ENDPOINT_URL", "REGION", "KEY", "SECRET")
    given = {name for name in named if getattr(settings, f"EVIDENCE_S3_{name}")}
    if given and not bucket:
        words = ", ".join(f"EVIDENCE_S3_{name}" for name in named if name in given)
        return [Error(f"Set EVIDENCE_S3_BUCKET, or unset {words}.", id="desk.E010")]
    if len(given & {"KEY", "SECRET"}) == 1:
        return [Error("Set both EVIDENCE_S3_KEY and EVIDENCE_S3_SECRET, or neither.", id="desk.E010")]
    if settings.PRODUCTION and not bucket:
        words = "Evidence is in a local folder (MEDIA_ROOT). With several hosts, set EVIDENCE_S3_BUCKET."
        return [Warning(words, id="desk.W002")]
    return []
