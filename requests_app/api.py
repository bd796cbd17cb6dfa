"""Requests as JSON, for staff. Answers and credentials are not part of it."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from rest_framework import generics, serializers
from rest_framework.pagination import CursorPagination

from portal.accounts.models import User
from requests_app.models import Request

FOR_STAFF = ("mrr", "mrr_currency")


class NewestFirst(CursorPagination):
    ordering = "-number"


class RequestSerializer(serializers.ModelSerializer[Request]):
    """The MRR is in the answer only for staff, whoever else the policy may let in one day."""

    id = serializers.UUIDField(source="public_id")
    company = serializers.CharField(source="company.name")
    company_id = serializers.UUIDField(source="company.public_id")
    lms_id = serializers.CharField(source="company.lms_id")
    mrr = serializers.DecimalField(source="company.mrr", max_digits=12, decimal_places=2)
    mrr_currency = serializers.CharField(source="company.mrr_currency")
    provider = serializers.CharField(source="provider_slug")
    provider_name = serializers.CharField(source="provider.name")
    stage_label = serializers.CharField(source="current_stage.label")
    owner = serializers.CharField(source="owner.name")
    connection = serializers.UUIDField(source="connection.public_id", default=None)

    class Meta:
        model = Request
        fields: ClassVar = [
            "number",
            "id",
            "company",
            "company_id",
            "lms_id",
            "mrr",
            "mrr_currency",
            "provider",
            "provider_name",
            "kind",
            "stage",
            "stage_label",
            "owner",
            "jira_key",
            "jira_status",
            "connection",
            "created_at",
            "stage_since",
            "submitted_at",
            "decided_at",
        ]

    def to_representation(self, instance: Request) -> dict[str, Any]:
        shown = super().to_representation(instance)
        asks = self.context["request"].user
        if not (isinstance(asks, User) and asks.is_desk_staff):
            for name in FOR_STAFF:
                shown.pop(name)
        return shown


class RequestList(generics.ListAPIView[Request]):
    serializer_class = RequestSerializer
    pagination_class = NewestFirst

    def get_queryset(self) -> QuerySet[Request]:
        return _requests(self.request.user)


class RequestDetail(generics.RetrieveAPIView[Request]):
    serializer_class = RequestSerializer
    lookup_field = "number"

    def get_queryset(self) -> QuerySet[Request]:
        return _requests(self.request.user)


def _requests(user: object) -> QuerySet[Request]:
    found: QuerySet[Request] = (
        Request.objects.for_actor(user) if isinstance(user, User) else Request.objects.none()
    )
    return found.select_related("company", "owner", "connection")
