"""Addresses of connections, runs and the directory. By public id: numbers would tell how many there are."""

from __future__ import annotations

from django.urls import path

from integrations.views import connections, credentials, directory, runs

urlpatterns = [
    path("connections/", connections.connection_list, name="connection_list"),
    path("connections/<uuid:public_id>/", connections.connection_detail, name="connection_detail"),
    path("connections/<uuid:public_id>/status/", connections.connection_status, name="connection_status"),
    path("connections/<uuid:public_id>/sync/", connections.connection_sync, name="connection_sync"),
    path(
        "connections/<uuid:public_id>/credentials/",
        credentials.connection_credentials,
        name="connection_credentials",
    ),
    path("runs/<uuid:public_id>/", runs.run_detail, name="run_detail"),
    path("runs/<uuid:public_id>/progress/", runs.run_progress, name="run_progress"),
    path("directory/", directory.directory, name="directory"),
    path("people/<uuid:public_id>/", directory.person_detail, name="person_detail"),
]
