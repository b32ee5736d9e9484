"""The pages of store settings."""

from __future__ import annotations

from django.urls import path

from settings_ui import hook_views, sender_views, shop_views, template_views, views

app_name = "settings_ui"
urlpatterns = [
    path("", views.stores, name="stores"),
    path("<slug:account>/orders/", views.orders, name="orders"),
    path("<slug:account>/times/", views.times, name="times"),
    path("<slug:account>/suppressions/", views.suppressions, name="suppressions"),
    path("<slug:account>/suppressions/<int:pk>/lift/", views.lift, name="lift"),
    path("<slug:account>/templates/", template_views.templates, name="templates"),
    path("<slug:account>/templates/<slug:key>/", template_views.template, name="template"),
    path("<slug:account>/templates/<slug:key>/sending/", template_views.sending, name="template-sending"),
    path("<slug:account>/templates/<slug:key>/preview/", template_views.preview, name="template-preview"),
    path("<slug:account>/templates/<slug:key>/default/", template_views.back_to_default, name="template-default"),
    path("<slug:account>/templates/<slug:key>/versions/<int:number>/", template_views.version, name="template-version"),
    path(
        "<slug:account>/templates/<slug:key>/versions/<int:number>/restore/",
        template_views.restore,
        name="template-restore",
    ),
    path("<slug:account>/senders/", sender_views.list_all, name="senders"),
    path("<slug:account>/senders/<int:pk>/", sender_views.edit, name="sender"),
    path("<slug:account>/senders/<int:pk>/default/", sender_views.make_default, name="sender-default"),
    path("<slug:account>/senders/<int:pk>/remove/", sender_views.remove, name="sender-remove"),
    path("<slug:account>/senders/<int:pk>/test/", sender_views.test, name="sender-test"),
    path("<slug:account>/domains/<str:name>/", sender_views.domain, name="domain"),
    path("<slug:account>/hooks/", hook_views.hooks_and_feeds, name="hooks"),
    path("<slug:account>/hooks/<int:pk>/", hook_views.change, name="hook"),
    path("<slug:account>/hooks/<int:pk>/ping/", hook_views.ping, name="hook-ping"),
    path("<slug:account>/hooks/<int:pk>/secret/", hook_views.show_secret, name="hook-secret"),
    path("<slug:account>/hooks/<int:pk>/secret/replace/", hook_views.replace_secret, name="hook-replace-secret"),
    path("<slug:account>/hooks/<int:pk>/switch/", hook_views.switch, name="hook-switch"),
    path("<slug:account>/hooks/<int:pk>/remove/", hook_views.remove, name="hook-remove"),
    path("<slug:account>/feeds/", hook_views.set_up_feed, name="feeds"),
    path("<slug:account>/feeds/<int:pk>/", hook_views.change_feed, name="feed"),
    path("<slug:account>/feeds/<int:pk>/remove/", hook_views.remove_feed, name="feed-remove"),
    path("<slug:account>/shops/", shop_views.shops, name="shops"),
    path("<slug:account>/shops/<int:pk>/secret/", shop_views.show_secret, name="shop-secret"),
    path("<slug:account>/shops/<int:pk>/secret/replace/", shop_views.replace_secret, name="shop-replace-secret"),
    path("<slug:account>/shops/<int:pk>/disconnect/", shop_views.disconnect, name="shop-disconnect"),
    path("<slug:account>/shops/<int:pk>/connect/", shop_views.connect_again, name="shop-connect-again"),
]
