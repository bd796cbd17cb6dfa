"""The tables: requests, their checklists and evidence, what was said and done, and the desk's own notes."""

from requests_app.models.checklist import Answer, AnswerChange, AnswerState, ChangeOf, Item
from requests_app.models.desk import Reminder, SavedView
from requests_app.models.evidence import Evidence
from requests_app.models.history import Event, Reveal
from requests_app.models.requests import Request, RequestQuerySet
from requests_app.models.talk import Message, Origin, Reach

__all__ = [
    "Answer",
    "AnswerChange",
    "AnswerState",
    "ChangeOf",
    "Event",
    "Evidence",
    "Item",
    "Message",
    "Origin",
    "Reach",
    "Reminder",
    "Request",
    "RequestQuerySet",
    "Reveal",
    "SavedView",
]
