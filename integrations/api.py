"""Connections and runs as JSON. Every field is named here; credentials have no serializer at all."""

from __future__ import annotations

from typing import ClassVar

from django.db.models import QuerySet
from rest_framework import generics, serializers
from rest_framework.pagination import CursorPagination

from integrations.models import Connection, Run
from portal.accounts.models import User


class NewestFirst(CursorPagination):
    ordering = "-pk"


class RunSerializer(serializers.ModelSerializer[Run]):
    id = serializers.UUIDField(source="public_id")
    connection = serializers.UUIDField(source="connection.public_id")
    state = serializers.CharField(source="job_state")

    class Meta:
        model = Run
        fields: ClassVar = [
            "id",
            "connection",
            "kind",
            "slot",
            "state",
            "phase",
            "outcome",
            "pages",
            "seen",
            "expected",
            "added",
            "changed",
            "deactivated",
            "returned",
            "matched",
            "unchanged",
            "held",
            "groups_made",
            "joined",
            "left_groups",
            "invited",
            "problem_count",
            "objections",
            "rules_digest",
            "plan_digest",
            "timings",
            "failure_code",
            "failure",
            "created_at",
            "started_at",
            "finished_at",
        ]


class ConnectionSerializer(serializers.ModelSerializer[Connection]):
    id = serializers.UUIDField(source="public_id")
    company = serializers.CharField(source="company.name")
    company_id = serializers.UUIDField(source="company.public_id")
    provider = serializers.CharField(source="provider_slug")
    provider_name = serializers.CharField(source="provider.name")

    class Meta:
        model = Connection
        fields: ClassVar = [
            "id",
            "company",
            "company_id",
            "provider",
            "provider_name",
            "kind",
            "state",
            "reason_code",
            "reason",
            "approved_at",
            "confirmed_at",
            "failing_since",
            "failures",
            "next_run_at",
            "last_success_at",
            "full_pass_at",
            "disconnected_at",
            "created_at",
        ]


class ConnectionList(generics.ListAPIView[Connection]):
    serializer_class = ConnectionSerializer
    pagination_class = NewestFirst

    def get_queryset(self) -> QuerySet[Connection]:
        return _connections(self.request.user)


class ConnectionDetail(generics.RetrieveAPIView[Connection]):
    serializer_class = ConnectionSerializer
    lookup_field = "public_id"

    def get_queryset(self) -> QuerySet[Connection]:
        return _connections(self.request.user)


class RunDetail(generics.RetrieveAPIView[Run]):
    serializer_class = RunSerializer
    lookup_field = "public_id"

    def get_queryset(self) -> QuerySet[Run]:
        user = self.request.user
        runs: QuerySet[Run] = Run.objects.for_actor(user) if isinstance(user, User) else Run.objects.none()
        return runs.select_related("connection")


def _connections(user: object) -> QuerySet[Connection]:
    found: QuerySet[Connection] = (
        Connection.objects.for_actor(user) if isinstance(user, User) else Connection.objects.none()
    )
    return found.select_related("company")
