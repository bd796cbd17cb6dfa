"""Log lines: JSON in production, readable in development, redacted everywhere, with the request's id."""

from __future__ import annotations

import logging
import re
from contextvars import ContextVar
from typing import Any

import structlog

from portal.kit.redact import redact

_UNPRINTED = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_OF_MANY_LINES = frozenset({"exception", "stack"})
request_id: ContextVar[str] = ContextVar("request_id", default="")


class RedactFilter(logging.Filter):
    """Folds the arguments into the message and takes out what looks like a secret or a forged line."""

    def filter(self, record: logging.LogRecord) -> bool:
        # Neither a line break of any kind nor a terminal's own signs: nobody forges a line (T28).
        record.msg = _UNPRINTED.sub(_escaped, redact(record.getMessage()))
        record.args = ()
        return True


def _escaped(match: re.Match[str]) -> str:
    return match.group().encode("unicode_escape").decode()


def _add_request_id(
    _logger: Any, _name: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    if value := request_id.get():
        event["request_id"] = value
    return event


def _redact_values(_logger: Any, _name: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """What came by `extra` and the traceback; the message itself went through the filter."""
    for name, value in event.items():
        if name != "event" and isinstance(value, str):
            kept = redact(value)
            event[name] = kept if name in _OF_MANY_LINES else _UNPRINTED.sub(_escaped, kept)
    return event


def formatter(*, as_json: bool) -> logging.Formatter:
    """Built by logging.config from settings.LOGGING."""
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if as_json
        else structlog.dev.ConsoleRenderer(colors=False, pad_event_to=0)
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.stdlib.ExtraAdder(),
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _add_request_id,
        ],
        processors=[
            structlog.processors.format_exc_info,
            _redact_values,
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            renderer,
        ],
    )
