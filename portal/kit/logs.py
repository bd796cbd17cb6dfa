"""Log lines: JSON in production, readable in development, redacted everywhere, with the request's id."""

from __future__ import annotations

import logging
from contextvars import ContextVar
from typing import Any

import structlog

from portal.kit.redact import redact

request_id: ContextVar[str] = ContextVar("request_id", default="")


class RedactFilter(logging.Filter):
    """Folds the arguments into the message and takes out what looks like a secret or a forged line."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = redact(record.getMessage()).replace("\r", "\\r").replace("\n", "\\n")
        record.args = ()
        return True


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
            event[name] = redact(value)
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
