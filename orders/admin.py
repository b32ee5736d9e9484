"""The operators' admin: stores and people can be changed, evidence can only be read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from orders import addresses, aliases, audit, clock, tasks
from orders.models import (
    Action,
    Alias,
    ApiKey,
    AuditEntry,
    Customer,
    Feed,
    Hook,
    HookDelivery,
    Membership,
    Order,
    ShopConnection,
    ShopDelivery,
    ShopDeliveryState,
    Store,
    TimelineEntry,
    User,
)
from orders.secrecy import Secret
from orders.shops import deliveries

if TYPE_CHECKING:
    _Admin = admin.ModelAdmin[Model]
    _StoreForm = forms.ModelForm[Store]
    _UserAdmin = DjangoUserAdmin[User]
    _UserCreation = AdminUserCreationForm[User]
    _UserChange = UserChangeForm[User]
    _Inline = admin.TabularInline[Membership, User]
else:
    _Admin = admin.ModelAdmin
    _StoreForm = forms.ModelForm
    _UserAdmin = DjangoUserAdmin
    _UserCreation = AdminUserCreationForm
    _UserChange = UserChangeForm
    _Inline = admin.TabularInline


class ReadOnly(_Admin):
    """Evidence: nobody adds, changes or deletes it here."""

    actions: Any = ()
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class Audited(_Admin):
    """What is changed here stands in the audit log, with the names of the changed fields."""

    def save_model(self, request: HttpRequest, obj: Model, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        self._record(request, obj, after=", ".join(form.changed_data) if change else "added")

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        for gone in formset.deleted_forms:
            if gone.instance.pk:
                self._record(request, gone.instance, after="deleted")
        super().save_formset(request, form, formset, change)
        for obj in formset.new_objects:
            self._record(request, obj, after="added")
        for obj, fields in formset.changed_objects:
            self._record(request, obj, after=", ".join(fields))

    def delete_model(self, request: HttpRequest, obj: Model) -> None:
        self._record(request, obj, after="deleted")
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Model]) -> None:
        for obj in queryset:
            self._record(request, obj, after="deleted")
        super().delete_queryset(request, queryset)

    def _record(self, request: HttpRequest, obj: Model, *, after: str) -> None:
        user = request.user if isinstance(request.user, User) else None
        store = obj if isinstance(obj, Store) and after != "deleted" else None
        subject = f"{obj._meta.verbose_name} {obj.pk}"
        audit.record(Action.ADMIN_CHANGED, subject=subject, after=after, user=user, store=store, now=timezone.now())


class LowerCaseEmail:
    """Of a form for a user: addresses are kept in lower case."""

    cleaned_data: dict[str, Any]

    def clean_email(self) -> str:
        """In lower case, before it is compared with those of others."""
        return str(self.cleaned_data["email"]).lower()


class StoreForm(_StoreForm):
    """A store's own address is sealed: it can be set here, not read."""

    new_sender_address = forms.CharField(
        label=_("Store’s own address"),
        required=False,
        help_text=_("Kept sealed, so it is not shown. Fill in to set it. It applies to orders placed from then on."),
    )

    class Meta:
        model = Store
        fields = (
            "account", "name", "tracking_domain", "mask_type", "sender_name", "time_zone", "locale",
        )  # fmt: skip

    def clean_new_sender_address(self) -> str:
        """Required for a new store, and an address."""
        value: str = self.cleaned_data["new_sender_address"]
        if not value and self.instance.pk:
            return ""
        try:
            return addresses.validated(value)
        except addresses.NotAnAddress as error:
            raise ValidationError(str(error)) from error

    def save(self, commit: bool = True) -> Store:
        if address := self.cleaned_data["new_sender_address"]:
            self.instance.sender_address = Secret.of(address)
        if self.instance.created_at is None:
            self.instance.created_at = timezone.now()
        former = self.initial.get("tracking_domain")
        if former and "tracking_domain" in self.changed_data:
            self.instance.former_domains = list(dict.fromkeys([*self.instance.former_domains, former]))
        return super().save(commit)


@admin.register(Store)
class StoreAdmin(Audited):
    """Tenants."""

    form: Any = StoreForm
    list_display = ("account", "name", "tracking_domain", "mask_type", "time_zone")
    search_fields = ("account", "name")
    readonly_fields = ("answered_to",)

    @admin.display(description=_("Former tracking domains"), empty_value="–")
    def answered_to(self, store: Store) -> str | None:
        """Where aliases of before live, which are answered to for as long as they work."""
        return ", ".join(store.former_domains) or None


@admin.register(User)
class UserAdmin(Audited, _UserAdmin):
    """People who sign in."""

    class Creation(LowerCaseEmail, _UserCreation):
        """A new user signs in with the address."""

        class Meta:
            model = User
            fields = ("email", "name")

    class Change(LowerCaseEmail, _UserChange):
        """What a user is called, and what he may do."""

    class MembershipInline(_Inline):
        """The user's roles in stores."""

        model = Membership
        extra = 0

    add_form = Creation
    form = Change  # type: ignore[assignment]  # the stubs want a form for any model
    inlines = (MembershipInline,)
    ordering = ("email",)
    list_display = ("email", "name", "is_active", "is_staff")
    list_filter = ("is_active", "is_staff")
    search_fields = ("email", "name")
    fieldsets = (
        (None, {"fields": ("email", "name", "password")}),
        (_("Rights"), {"fields": ("is_active", "is_staff", "is_superuser")}),
    )
    add_fieldsets = ((None, {"fields": ("email", "name", "usable_password", "password1", "password2")}),)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """The page for a new password saves the user by itself; only its log entry comes by here."""
        if request.resolver_match and request.resolver_match.url_name == "auth_user_password_change":
            self._record(request, obj, after="password")
        return super().log_change(request, obj, message)


@admin.register(Membership)
class MembershipAdmin(Audited):
    """Who is what in which store."""

    list_display = ("user", "store", "role")
    list_filter = ("role", "store")


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnly):
    """Systems' keys; made with `manage.py apikey`, since the token is shown once and never kept."""

    list_display = ("app_key", "store", "label", "created_at", "revoked_at")


@admin.register(Order)
class OrderAdmin(ReadOnly):
    """Orders; their pages show more."""

    list_display = ("number", "store", "status", "placed_at")
    list_filter = ("store", "status")
    search_fields = ("number", "marketplace_number")
    exclude = ("document",)


@admin.register(Customer)
class CustomerAdmin(ReadOnly):
    """Customers by their pseudonym only."""

    list_display = ("profile_id", "store", "locale", "created_at")
    fields = ("profile_id", "store", "locale", "created_at")


@admin.register(Alias)
class AliasAdmin(ReadOnly):
    """Aliases without their addresses; they can be retired before their time."""

    list_display = ("id", "store", "order", "party", "mask_type", "issued_at", "expires_at", "retired_at")
    list_filter = ("store", "party", "mask_type")
    fields = ("store", "order", "party", "mask_type", "fallback", "issued_at", "expires_at", "retired_at")
    list_select_related = ("store", "order")
    actions = ("retire_now",)

    @admin.action(description=_("Retire now"), permissions=["view"])
    def retire_now(self, request: HttpRequest, queryset: QuerySet[Alias]) -> None:
        """End the chosen aliases; mail to them is recorded and not relayed from this moment."""
        if not isinstance(request.user, User) or not request.user.is_superuser:
            return
        done = sum(
            aliases.retire(alias, user=request.user, reason="admin", now=timezone.now())
            for alias in queryset.select_related("store")
        )
        messages.success(request, _("%(count)d aliases retired.") % {"count": done})


@admin.register(TimelineEntry)
class TimelineEntryAdmin(ReadOnly):
    """What happened, and nothing that was said: that the order's page shows, masked for who belongs to it by now."""

    list_display = ("id", "store", "order", "kind", "occurred_at", "outcome", "reason")
    list_filter = ("kind", "outcome", "reason", "store")
    list_select_related = ("store", "order")
    exclude = ("subject", "first_words", "text", "html", "data", "fingerprint")


@admin.register(Feed)
class FeedAdmin(ReadOnly):
    """Feeds; systems configure their own."""

    list_display = ("id", "store", "api_key", "statuses", "kinds", "visibility_timeout", "retention", "changed_at")
    list_filter = ("store",)
    list_select_related = ("store", "api_key")


@admin.register(Hook)
class HookAdmin(ReadOnly):
    """Hooks, and how they fare. Their addresses are sealed."""

    list_display = ("id", "store", "api_key", "failures", "last_delivered_at", "last_problem", "last_problem_at")
    list_filter = ("store",)
    list_select_related = ("store", "api_key")
    exclude = ("url", "headers", "secret")


@admin.register(HookDelivery)
class HookDeliveryAdmin(ReadOnly):
    """What is on its way to hooks, was taken, or was given up."""

    list_display = (
        "id",
        "store",
        "hook",
        "state",
        "attempts",
        "problem",
        "created_at",
        "next_attempt_at",
        "settled_at",
    )
    list_filter = ("state", "store")
    list_select_related = ("store", "hook")
    exclude = ("body",)


@admin.register(ShopConnection)
class ShopConnectionAdmin(ReadOnly):
    """Connected shops; stores set them up in their settings."""

    list_display = ("id", "store", "kind", "name", "created_at", "removed_at")
    list_filter = ("kind", "store")
    list_select_related = ("store",)
    exclude = ("secret",)


@admin.register(ShopDelivery)
class ShopDeliveryAdmin(ReadOnly):
    """What shops have posted, and what became of it."""

    list_display = ("id", "store", "connection", "topic", "state", "outcome", "trouble", "attempts", "received_at")
    list_filter = ("state", "outcome", "trouble", "store")
    list_select_related = ("store", "connection")
    exclude = ("headers", "body", "fingerprint")
    actions = ("replay",)

    @admin.action(description=_("Replay"), permissions=["view"])
    def replay(self, request: HttpRequest, queryset: QuerySet[ShopDelivery]) -> None:
        """Let quarantined calls be tried anew."""
        if not isinstance(request.user, User) or not request.user.is_superuser:
            return
        waiting = queryset.select_related("store").filter(state=ShopDeliveryState.QUARANTINED)
        done = sum(deliveries.put_back(delivery, user=request.user, now=clock.now()) for delivery in waiting)
        tasks.wake_shops()
        messages.success(request, _("%(count)d shop calls put back to be tried anew.") % {"count": done})


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnly):
    """Who saw or changed what."""

    list_display = ("happened_at", "actor", "action", "store", "subject", "before", "after", "reason")
    list_filter = ("action", "store")
    list_select_related = ("store",)


admin.site.site_header = _("Conversation Tracker · operators")
admin.site.site_title = "Conversation Tracker"
