"""The sandbox as one WSGI application: finds the vendor by Host, applies its fault, writes the log."""

import time
from collections.abc import Callable, Iterable
from typing import Any

from werkzeug.wrappers import Request, Response

from portal.sandbox.control import Control
from portal.sandbox.faults import Fault
from portal.sandbox.vendors.adp import Adp
from portal.sandbox.vendors.bamboohr import BambooHr
from portal.sandbox.vendors.base import FAULT, Dropped, Vendor
from portal.sandbox.vendors.entra import Entra
from portal.sandbox.vendors.jira import Jira
from portal.sandbox.vendors.personio import Personio
from portal.sandbox.vendors.sagehr import SageHr
from portal.sandbox.vendors.salesforce import Salesforce
from portal.sandbox.vendors.staffcloud import StaffCloud
from portal.sandbox.world import RequestLine, World

VENDORS: tuple[type[Vendor], ...] = (
    Adp, BambooHr, Personio, SageHr, StaffCloud, Entra, Jira, Salesforce,
)  # fmt: skip
_CONTROL_HOSTS = ("127.0.0.1", "localhost", "[::1]")


class Application:
    """Callable WSGI application over one world. Raises Dropped where no answer is to be given."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._vendors = [vendor(world) for vendor in VENDORS]
        self._control = Control(world)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        request = Request(environ)
        response = self.answer(request)
        return response(environ, start_response)

    def answer(self, request: Request) -> Response:
        """The response to one request. Raises Dropped."""
        host = _host_name(request)
        if host in _CONTROL_HOSTS:
            return self._control.handle(request)
        vendor = next((known for known in self._vendors if known.hosts.fullmatch(host)), None)
        if vendor is None:
            return Response(f"The sandbox does not stand in for {host}.\n", 404, content_type="text/plain")
        status = 0
        try:
            response = self._with_fault(vendor, request)
            status = response.status_code
            return response
        finally:
            self.world.requests.append(RequestLine(host, request.method, request.path, status))

    def _with_fault(self, vendor: Vendor, request: Request) -> Response:
        sign_in = request.path in vendor.sign_in
        fault = self.world.take_fault(vendor.slug, request.method, request.path, sign_in=sign_in)
        if fault is None:
            return vendor.handle(request)
        if fault.kind in ("drop", "down"):
            raise Dropped(fault.kind)
        if fault.status is not None:
            return vendor.refuse(request, fault)
        if fault.kind == "slow":
            time.sleep(fault.seconds)
        request.environ[FAULT] = fault
        return _after(fault, vendor.handle(request))


def _after(fault: Fault, response: Response) -> Response:
    """What a fault does once the vendor has acted: lose the answer, or cut it in the middle."""
    if fault.kind == "drop_after":
        raise Dropped("the answer is lost, the effect is not")
    if fault.kind == "truncated" and response.status_code == 200:
        whole = response.get_data()
        response.set_data(whole[: len(whole) // 2])
    return response


def _host_name(request: Request) -> str:
    host = str(request.environ.get("HTTP_HOST", "")).lower()
    name, _, port = host.rpartition(":")
    return name if port.isdigit() else host
