"""Every address of the portal. Each name has a rule in portal.policy; a test walks both."""

from __future__ import annotations

from django.urls import include, path

from portal import api, audit_page, views

urlpatterns = [
    path("", views.home, name="home"),
    path("search/", views.search, name="search"),
    path("audit/", audit_page.audit_list, name="audit_list"),
    path("healthz", views.healthz, name="healthz"),
    path("readyz", views.readyz, name="readyz"),
    path("accounts/", include("portal.accounts.urls")),
    path("api/", include(api.urlpatterns)),
    path("", include("portal.notices.urls")),
    path("", include("requests_app.urls")),
    path("", include("integrations.urls")),
]

handler400 = "portal.views.bad_request"
handler403 = "portal.views.permission_denied"
handler404 = "portal.views.page_not_found"
handler500 = "portal.views.server_error"
