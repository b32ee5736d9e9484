"""The pages of store settings."""

from __future__ import annotations

from django.urls import path

from settings_ui import views

app_name = "settings_ui"
urlpatterns = [
    path("", views.stores, name="stores"),
    path("<slug:account>/orders/", views.orders, name="orders"),
    path("<slug:account>/times/", views.times, name="times"),
    path("<slug:account>/suppressions/", views.suppressions, name="suppressions"),
    path("<slug:account>/suppressions/<int:pk>/lift/", views.lift, name="lift"),
]
