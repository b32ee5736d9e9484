"""Every address of the site."""

from __future__ import annotations

from django.conf import settings
from django.contrib import admin
from django.contrib.auth import views as auth
from django.urls import include, path
from django.views.generic import RedirectView

from conversation_tracker import api as mail_api
from conversation_tracker import door, health, views
from orders import webhooks
from orders.api import api, read

mail_api.install(read.router)

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="orders:list"), name="home"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", health.metrics, name="metrics"),
    path(
        "sign-in/",
        auth.LoginView.as_view(template_name="sign_in.html", redirect_authenticated_user=True),
        name="sign-in",
    ),
    path("sign-out/", auth.LogoutView.as_view(), name="sign-out"),
    path("language/", include("django.conf.urls.i18n")),
    path("orders/<slug:account>/<slug:number>/order-mails/<int:pk>/resend/", views.resend, name="resend"),
    path("orders/<slug:account>/<slug:number>/write/", views.write, name="write"),
    path("orders/<slug:account>/<slug:number>/entries/<int:pk>/send-again/", views.send_again, name="send-again"),
    path("orders/", include("orders.urls")),
    path("settings/", include("settings_ui.urls")),
    path("admin/", admin.site.urls),
    # anymail's addresses: Mandrill has one for mails and reports, and by Mailgun's second it sends raw mail.
    path("anymail/mandrill/", door.webhook, {"provider": "mandrill", "channel": "inbound"}),
    path("anymail/mandrill/tracking/", door.webhook, {"provider": "mandrill", "channel": "inbound"}),
    path("anymail/mandrill", door.webhook, {"provider": "mandrill", "channel": "inbound"}),
    path("anymail/mandrill/tracking", door.webhook, {"provider": "mandrill", "channel": "inbound"}),
    path("anymail/mailgun/inbound_mime/", door.webhook, {"provider": "mailgun", "channel": "inbound"}),
    path("anymail/mailgun/inbound_mime", door.webhook, {"provider": "mailgun", "channel": "inbound"}),
    path("anymail/<slug:provider>/<slug:channel>/", door.webhook, name="webhook"),
    path("anymail/<slug:provider>/<slug:channel>", door.webhook),  # a POST cannot be redirected to the slash
    path("shops/<str:token>/<slug:kind>/", webhooks.shop, name="shop-webhook"),
    path("shops/<str:token>/<slug:kind>", webhooks.shop),  # a POST cannot be redirected to the slash
    path("api/", api.urls),
]
if settings.LOCAL:
    urlpatterns.append(path("mailbox/", include("conversation_tracker.local.urls")))
