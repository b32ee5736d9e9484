"""The pages of orders."""

from __future__ import annotations

from django.urls import path

from orders import views

app_name = "orders"
_ORDER = "<slug:account>/<slug:number>/"
urlpatterns = [
    path("", views.order_list, name="list"),
    path("search/", views.search, name="search"),
    path(_ORDER, views.order_detail, name="detail"),
    path(f"{_ORDER}entries/<int:pk>/body/", views.entry_body, name="entry-body"),
    path(f"{_ORDER}entries/<int:pk>/text/", views.entry_text, name="entry-text"),
    path(f"{_ORDER}comment/", views.comment, name="comment"),
    path(f"{_ORDER}requests/<int:pk>/answer/", views.answer_request, name="answer-request"),
    path(f"{_ORDER}alerts/<int:pk>/dismiss/", views.dismiss_alert, name="dismiss-alert"),
    path(f"{_ORDER}attachments/<int:pk>/", views.attachment, name="attachment"),
]
