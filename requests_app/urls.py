"""The addresses of requests: the desk's pages and the customer's part."""

from __future__ import annotations

from django.urls import path

from requests_app.views import customer, detail, evidence, links, lists, moves, new, review, topics

urlpatterns = [
    path("my-work/", lists.my_work_page, name="my_work"),
    path("requests/", lists.request_list, name="request_list"),
    path("requests/new/", new.request_new, name="request_new"),
    path("requests/companies/", new.company_search, name="company_search"),
    path("requests/<int:number>/", detail.request_detail, name="request_detail"),
    path("requests/<int:number>/status/", detail.request_status, name="request_status"),
    path("requests/<int:number>/ticket/", detail.request_ticket, name="request_ticket"),
    path("requests/<int:number>/review/", review.request_review, name="request_review"),
    path("requests/<int:number>/move/", moves.request_move, name="request_move"),
    path("requests/<int:number>/retry/", moves.request_retry, name="request_retry"),
    path("requests/<int:number>/invite/", links.request_invite, name="request_invite"),
    path(
        "requests/<int:number>/links/<int:pk>/revoke/", links.request_link_revoke, name="request_link_revoke"
    ),
    path("requests/<int:number>/<slug:topic>/", topics.request_topic, name="request_topic"),
    path("evidence/<uuid:public_id>/", evidence.evidence_file, name="evidence"),
    path("your/<uuid:public_id>/", customer.customer_request, name="customer_request"),
    path("your/<uuid:public_id>/hand-back/", customer.customer_hand_back, name="customer_hand_back"),
    path("your/<uuid:public_id>/<slug:topic>/", customer.customer_topic, name="customer_topic"),
]
