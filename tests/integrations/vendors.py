"""The cards against the sandbox over HTTP, for the tests of sources."""

from __future__ import annotations

import atexit
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache

from integrations import catalog
from integrations.provider import Kind, Page, Provider, Record, Source
from portal.kit.http import Egress, Http
from portal.sandbox.credentials import demo
from portal.sandbox.server import Running, serve
from portal.sandbox.world import World

# Card -> the stand-in's name; where they are the same nothing is said.
STAND_INS = {
    "adp_workforce_now": "adp",
    "adp_totalsource": "adp",
    "adp_comprehensive_services": "adp",
    "microsoft_entra_id": "entra",
}
HRIS = [card.slug for card in catalog.providers(Kind.HRIS)]


@dataclass
class Vendor:
    """One card, its stand-in, working credentials, and a session whose pauses are only noted."""

    card: Provider
    world: World
    egress: Egress
    settings: dict[str, str]
    pauses: list[float] = field(default_factory=list)

    @property
    def name(self) -> str:
        return STAND_INS.get(self.card.slug, self.card.slug)

    @property
    def source(self) -> Source:
        assert self.card.source is not None
        return self.card.source

    def other(self, name: str) -> dict[str, str]:
        """Credentials of another way in, by the name under which the sandbox has them."""
        return dict(demo()[name])

    def session(self) -> Http:
        return self.egress.session()

    def read(self) -> list[Page]:
        return list(self.source.pages(self.session(), self.settings))

    def records(self) -> list[Record]:
        return [record for page in self.read() for record in page.records]


@contextmanager
def standing_in(slug: str, size: int = 130) -> Iterator[Vendor]:
    running, pauses = _running(size), list[float]()
    egress = Egress(sandbox_url=running.url, wait=pauses.append)
    name = STAND_INS.get(slug, slug)
    try:
        yield Vendor(catalog.get(slug), running.world, egress, dict(demo()[name]), pauses)
    finally:
        running.world.reset()


@cache
def _running(size: int) -> Running:
    """Starting one takes longer than a test; every test leaves the world as it was."""
    running = serve(World(size=size, seed=1), port=0, smtp_port=0)
    atexit.register(running.stop)
    return running
