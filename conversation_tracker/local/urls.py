"""The local mailbox's pages."""

from __future__ import annotations

from django.urls import path

from conversation_tracker.local import views

app_name = "mailbox"
urlpatterns = [
    path("", views.people, name="people"),
    path("write/", views.write, name="write"),
    path("people/<slug:person>/", views.person, name="person"),
    path("mails/<int:pk>/", views.mail, name="mail"),
    path("mails/<int:pk>/body/", views.body, name="body"),
    path("mails/<int:pk>/files/<int:position>/", views.file, name="file"),
]
