"""The JSON API: read-only, for the session of the person who asks, scoped as the pages are."""

from __future__ import annotations

from django.urls import path

from integrations.api import ConnectionDetail, ConnectionList, RunDetail
from requests_app.api import RequestDetail, RequestList

urlpatterns = [
    path("requests/", RequestList.as_view(), name="api_request_list"),
    path("requests/<int:number>/", RequestDetail.as_view(), name="api_request_detail"),
    path("connections/", ConnectionList.as_view(), name="api_connection_list"),
    path("connections/<uuid:public_id>/", ConnectionDetail.as_view(), name="api_connection_detail"),
    path("runs/<uuid:public_id>/", RunDetail.as_view(), name="api_run_detail"),
]
