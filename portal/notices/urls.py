"""The addresses of notices."""

from __future__ import annotations

from django.urls import path

from portal.notices import views

urlpatterns = [
    path("notices/", views.notice_list, name="notice_list"),
    path("notices/read/", views.notices_read, name="notices_read"),
    path("notices/preferences/", views.notice_preferences, name="notice_preferences"),
    path("notices/<int:pk>/", views.notice_open, name="notice_open"),
]
