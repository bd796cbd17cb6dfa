"""The sandbox's mail server: real SMTP on a loopback port, every message ends in the world's mailbox."""

import logging
import socket
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from portal.sandbox.world import World


class Mailbox:
    """Handler that keeps what arrives."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Store one message. The name is the library's."""
        raw = envelope.content if isinstance(envelope.content, bytes) else (envelope.content or "").encode()
        message = message_from_bytes(raw, policy=policy.default)
        self._world.deliver(
            sender=str(message.get("From") or envelope.mail_from or ""),
            to=list(envelope.rcpt_tos),
            subject=str(message.get("Subject") or ""),
            text=_part(message, "plain"),
            html=_part(message, "html"),
        )
        return "250 Message accepted for delivery"


class MailServer(Controller):
    """aiosmtpd on a socket that is bound before the thread starts, so that port 0 can be asked for."""

    def __init__(self, world: World, host: str, port: int) -> None:
        logging.getLogger("mail.log").setLevel(logging.WARNING)  # it tells of every connection
        self._socket = socket.create_server((host, port))
        super().__init__(Mailbox(world), hostname=host, port=self._socket.getsockname()[1])

    def _create_server(self) -> Any:
        return self.loop.create_server(self._factory_invoker, sock=self._socket)

    def close(self) -> None:
        """Give the port back without ever having started."""
        self._socket.close()


def _part(message: EmailMessage, kind: str) -> str:
    part = message.get_body(preferencelist=(kind,))
    return str(part.get_content()) if part is not None else ""
