"""Evidence: of every upload a picture that we drew for people to see, and the sealed original that nobody does (T15)."""

from __future__ import annotations

import hashlib
import uuid
from contextlib import suppress
from datetime import timedelta

from django.core.files.base import ContentFile
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from integrations.provider import Audience, Owner
from portal.accounts import limits
from portal.accounts.models import User
from portal.accounts.services import scope_of
from portal.audit.services import record
from portal.kit.errors import RetryLater
from portal.kit.keys import vault
from portal.kit.pictures import Picture
from portal.kit.vault import Place
from requests_app.models import Evidence, Item, Reach, Request
from requests_app.services.kinds import InvalidAnswer
from requests_app.services.uploads import Read, Upload, read_upload

UPLOADS_AN_HOUR = 30  # of one company (reliability-security.md T10)


def store_evidence(req: Request, upload: Upload, *, by: User) -> Evidence:
    """Keeps the upload as a new PNG under a random name; the same picture again is the one we have.

    `by` must be allowed to see the request; whether they may answer the item is for give_answer. Call it outside
    transactions: it takes seconds, and a rollback that it does not see would leave its files behind.

    Raises InvalidAnswer with a sentence.
    """
    if not Request.objects.for_actor(by).filter(pk=req.pk).exists():
        raise InvalidAnswer(_("You cannot add files to this request."))
    read = read_upload(upload)
    _count(req)
    picture = read.picture()
    digest = hashlib.sha256(picture.png).hexdigest()
    try:
        return _held(req, digest) or _kept(req, read, picture, digest, by)
    except RetryLater:
        raise InvalidAnswer(
            _("This file cannot be kept just now. Please upload it again in a minute.")
        ) from None


def open_original(evidence: Evidence, *, by: User | None = None) -> bytes:
    """The bytes as they were uploaded; b"" where none are kept. For support in a shell, recorded; no page calls it.

    Treat them as hostile. `by` None is the system. Raises SecretUnreadable, and FileNotFoundError if the file is lost.
    """
    if not evidence.original:
        return b""
    with transaction.atomic():
        record(
            "evidence.original_opened",
            by=by,
            company_id=evidence.req.company_id,
            subject=str(evidence.req),
            details={"evidence": str(evidence.public_id), "name": evidence.name},
        )
    with evidence.original.open("rb") as file:
        return vault().decrypt_bytes(file.read(), _place(evidence))


def words_of(evidence: Evidence) -> str:
    """ "The first 5 of 12 pages are shown.", or "" where all of the file is seen."""
    return evidence.pages_words


def _count(req: Request) -> None:
    try:
        limits.take("upload", str(req.company_id), most=UPLOADS_AN_HOUR, per=timedelta(hours=1))
    except limits.RateLimited as limited:
        words = _("There were too many files within an hour. Please upload this one %(wait)s.")
        raise InvalidAnswer(words % {"wait": limited.wait}) from None


def _held(req: Request, digest: str) -> Evidence | None:
    return Evidence.objects.filter(req=req, sha256=digest).first()


def _kept(req: Request, read: Read, picture: Picture, digest: str, by: User) -> Evidence:
    """Both files, then the row that names them. Without the row they are taken away again."""
    new = Evidence(
        req=req,
        sha256=digest,
        name=read.name,
        content_type="image/png",
        size=len(picture.png),
        pages=picture.pages,
        original_type=read.kind.value,
        original_size=len(read.content),
        uploaded_by=by,
    )
    sealed = vault().encrypt_bytes(read.content, _place(new))
    try:
        new.file.save(f"{uuid.uuid4().hex}.png", ContentFile(picture.png), save=False)
        new.original.save(f"{uuid.uuid4().hex}.sealed", ContentFile(sealed), save=False)
        with transaction.atomic(durable=True):
            new.save(force_insert=True)
    except BaseException as error:
        _discard(new)
        # Two uploads of one picture at the same moment: the other one came first.
        if isinstance(error, IntegrityError) and (held := _held(req, digest)):
            return held
        raise
    return new


def _discard(evidence: Evidence) -> None:
    for file in (evidence.file, evidence.original):
        if file:
            with suppress(
                RetryLater
            ):  # the store is away: nothing more can be done, and nothing leads to the file
                file.delete(save=False)


def _place(evidence: Evidence) -> Place:
    """Where the original belongs: it opens nowhere else."""
    req = evidence.req
    return Place(str(req.company_id), "evidence", str(req.public_id), str(evidence.public_id))


def evidence_for(user: User) -> QuerySet[Evidence]:
    """The files of the requests that this person may see."""
    return Evidence.objects.filter(req__in=Request.objects.for_actor(user))


def may_see(user: User, evidence: Evidence) -> bool:
    """Staff see every file of such a request. A customer admin sees what is theirs: what they uploaded, what answers one
    of their items, what stands in the conversation with them; never what an internal note alone holds.
    """
    if user.is_desk_staff or evidence.uploaded_by_id == user.pk:
        return True
    if evidence.messages.filter(reach=Reach.CUSTOMER).exists():
        return True
    items = Item.objects.filter(req=evidence.req_id, owner=Owner.CUSTOMER, answer__evidence=evidence)
    scope = scope_of(user, evidence.req.public_id)
    return any(
        item.is_visible_to(Audience.CUSTOMER) and (scope is None or item.key in scope) for item in items
    )
