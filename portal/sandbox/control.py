"""The sandbox's own pages on its plain address: change people, switch faults, read mails and issues."""

from pathlib import Path
from typing import Any, Final

from django.template import Context, Engine
from werkzeug.exceptions import HTTPException
from werkzeug.utils import redirect
from werkzeug.wrappers import Request, Response

from portal.sandbox import summaries as data
from portal.sandbox.actions import ACTIONS, Refused
from portal.sandbox.credentials import demo
from portal.sandbox.faults import KINDS
from portal.sandbox.names import DEPARTMENTS
from portal.sandbox.vendors.base import json_response, rules, whole
from portal.sandbox.world import World

_PAGES: Final = Path(__file__).parent / "pages"
_ROWS: Final = 25
_SOURCES: Final = ("adp", "bamboohr", "personio", "sage_hr", "staffcloud")
_VENDORS: Final = (*_SOURCES, "entra", "jira", "salesforce")


class Control:
    """Pages and their JSON twins. No sign-in: the sandbox listens on the loopback address only."""

    urls = rules(
        ("GET", "/", "people"),
        ("GET", "/people.json", "people_json"),
        ("GET", "/faults", "faults"),
        ("GET", "/credentials", "credentials"),
        ("GET", "/credentials.json", "credentials_json"),
        ("GET", "/jira", "jira"),
        ("GET", "/jira.json", "jira_json"),
        ("GET", "/jira/browse/<key>", "issue"),
        ("GET", "/salesforce", "salesforce"),
        ("GET", "/requests", "requests"),
        ("GET", "/requests.json", "requests_json"),
        ("GET", "/mailbox", "mailbox"),
        ("GET", "/mailbox.json", "mailbox_json"),
        ("GET", "/mailbox/<int:number>", "mail"),
        ("POST", "/control/<action>", "act"),
        ("GET", "/sandbox.css", "style"),
    )

    def __init__(self, world: World) -> None:
        self.world = world
        self._engine = Engine(dirs=[str(_PAGES)])

    def handle(self, request: Request) -> Response:
        """Answer one request to the control site."""
        adapter = self.urls.bind(request.host, path_info=request.path, default_method=request.method)
        try:
            view, arguments = adapter.match()
        except HTTPException as error:
            return Response(f"{error.name}\n", error.code, content_type="text/plain; charset=utf-8")
        answer: Response = getattr(self, view)(request, **arguments)
        return answer

    def people(self, request: Request) -> Response:
        """People, searched and paged."""
        query = request.args.get("q", "").strip()
        number = max(1, whole(request.args.get("page"), 1))
        people = data.find_people(self.world, query)
        rows = people[(number - 1) * _ROWS : number * _ROWS]
        context = {
            "people": [data.person(self.world, index) for index in rows],
            "departments": [known.name for known in DEPARTMENTS],
            "q": query,
            "total": len(people),
            "page": number,
            "previous": number - 1 if number > 1 else None,
            "next": number + 1 if number * _ROWS < len(people) else None,
        }
        return self._page("people", "People", context)

    def people_json(self, request: Request) -> Response:
        """`{total, people}`; `limit` (default 100) and `q` as on the page."""
        people = data.find_people(self.world, request.args.get("q", "").strip())
        limit = max(0, whole(request.args.get("limit"), 100))
        rows = [data.person(self.world, index) for index in people[:limit]]
        return json_response({"total": len(people), "people": rows})

    def faults(self, request: Request) -> Response:
        """Switches for faults."""
        active = [data.fault(fault) for fault in self.world.faults.values()]
        choices = {"vendors": _VENDORS, "kinds": KINDS, "sources": _SOURCES}
        return self._page("faults", "Faults", {"active": active, **choices})

    def credentials(self, request: Request) -> Response:
        """What to type into the portal."""
        sets = [(slug, list(values.items())) for slug, values in demo().items()]
        return self._page("credentials", "Demo credentials", {"sets": sets})

    def credentials_json(self, request: Request) -> Response:
        """The same for tests: ADP's certificate is made by the process that serves."""
        return json_response(demo())

    def jira(self, request: Request) -> Response:
        """All issues, newest first."""
        return self._page("jira", "Jira issues", {"issues": data.issues(self.world)})

    def jira_json(self, request: Request) -> Response:
        """`{issues}`, newest first, with descriptions and comments as text."""
        return json_response({"issues": data.issues(self.world)})

    def issue(self, request: Request, key: str) -> Response:
        """One issue and the buttons that move it."""
        issue = data.issue(self.world, key)
        if issue is None:
            return Response("There is no such issue.\n", 404, content_type="text/plain")
        return self._page("issue", f"{key} {issue['summary']}", {"issue": issue})

    def salesforce(self, request: Request) -> Response:
        """Accounts to look up."""
        return self._page("salesforce", "Salesforce accounts", {"accounts": self.world.accounts})

    def requests(self, request: Request) -> Response:
        """What the portal asked lately, newest first."""
        return self._page("requests", "Recent requests", {"lines": list(reversed(self.world.requests))[:200]})

    def requests_json(self, request: Request) -> Response:
        """`{requests}`, newest first."""
        return json_response({"requests": [line._asdict() for line in reversed(self.world.requests)]})

    def mailbox(self, request: Request) -> Response:
        """Mails, newest first."""
        return self._page("mailbox", "Mailbox", {"mails": list(reversed(self.world.mails))})

    def mailbox_json(self, request: Request) -> Response:
        """`{mails}`, newest first."""
        return json_response({"mails": [data.mail(mail) for mail in reversed(self.world.mails)]})

    def mail(self, request: Request, number: int) -> Response:
        """One mail; addresses in its text can be clicked."""
        mail = next((known for known in self.world.mails if known.number == number), None)
        if mail is None:
            return Response("There is no such mail.\n", 404, content_type="text/plain")
        context = {"mail": mail, "pieces": data.pieces(mail.text or data.visible(mail.html))}
        return self._page("mail", mail.subject, context)

    def act(self, request: Request, action: str) -> Response:
        """Do something; JSON for whoever accepts JSON, otherwise back to the page."""
        wants_json = request.accept_mimetypes.best == "application/json"
        chosen = ACTIONS.get(action)
        if chosen is None:
            return json_response({"error": f"There is no action {action}."}, 404)
        given = request.get_json() if request.is_json else request.form.to_dict()
        try:
            result, page = chosen(self.world, given)
        except Refused as refused:
            if wants_json:
                return json_response({"error": str(refused)}, 400)
            answer = self._page("refused", "That did not work", {"reason": str(refused)})
            answer.status_code = 400
            return answer
        if wants_json:
            return json_response(result)
        answer = redirect(page, 303)
        answer.autocorrect_location_header = False
        return answer

    def style(self, request: Request) -> Response:
        """The sandbox's own style sheet."""
        return Response((_PAGES / "sandbox.css").read_bytes(), content_type="text/css; charset=utf-8")

    def _page(self, name: str, title: str, context: dict[str, Any]) -> Response:
        values = Context({"title": title, "here": name, **context}, use_l10n=False, use_tz=False)
        return Response(
            self._engine.get_template(f"{name}.html").render(values), content_type="text/html; charset=utf-8"
        )
