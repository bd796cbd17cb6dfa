"""A small sandbox that really serves, and a client that reaches it the way the portal's egress does."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from requests.adapters import HTTPAdapter

from portal.sandbox.server import Running, serve
from portal.sandbox.world import World

CERTIFICATE = {"X-Sandbox-Client-Cert": "ab" * 32}


class ToSandbox(HTTPAdapter):
    """Sends every request to one address over plain HTTP, with the vendor's own Host header."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        assert request.url is not None
        request.headers["Host"] = urlsplit(request.url).netloc
        request.url = self.url + request.path_url
        return super().send(request, *args, **kwargs)


def session(url: str) -> requests.Session:
    """A session whose https:// calls all end in the sandbox."""
    made = requests.Session()
    made.mount("https://", ToSandbox(url))
    return made


@pytest.fixture
def world() -> World:
    """120 current people and 5 former ones: two pages for the vendors that give 100."""
    return World(size=120)


@pytest.fixture
def sandbox(world: World) -> Iterator[Running]:
    with serve(world, port=0, smtp_port=0) as running:
        yield running


@pytest.fixture
def http(sandbox: Running) -> Iterator[requests.Session]:
    with session(sandbox.url) as made:
        yield made
