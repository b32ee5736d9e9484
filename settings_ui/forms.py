"""The forms of store settings."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from conversation_tracker.message_center import choices, senders
from conversation_tracker.message_center.choices import Sender
from conversation_tracker.message_center.defaults import Source
from orders import addresses, customers, feeds, hook_care, hooks, telling
from orders.models import ApiKey, Feed, MaskType, ShopKind, Status, Store
from orders.models.feed import LONGEST_INVISIBLE, LONGEST_KEPT, SHORTEST_KEPT
from orders.shops import connections

MOST_MINUTES = 30 * 24 * 60
MOST_HOURS = 60 * 24
DAY = 86_400  # seconds


class MaskTypeForm(forms.Form):
    """Hard or Soft."""

    mask_type = forms.ChoiceField(
        label=_("Conversation mask type"),
        choices=MaskType.choices,
        widget=forms.RadioSelect,
        error_messages={"required": _("Choose Hard or Soft."), "invalid_choice": _("Choose Hard or Soft.")},
    )

    def chosen(self) -> MaskType:
        """The choice of a valid form."""
        return MaskType(self.cleaned_data["mask_type"])


class TimesForm(forms.Form):
    """How long an order may be cancelled, and when its customer is reminded of the payment."""

    cancellation_window = forms.IntegerField(
        label=_("Cancellation window in minutes"),
        min_value=0,
        max_value=MOST_MINUTES,
        error_messages={
            "required": _("Write a whole number, 0 or more."),
            "invalid": _("Write a whole number, 0 or more."),
            "min_value": _("Write a whole number, 0 or more."),
            "max_value": _("At most 43,200 minutes: 30 days."),
        },
    )
    payment_pending_after = forms.IntegerField(
        label=_("Hours until a payment still awaited is mailed"),
        min_value=0,
        max_value=MOST_HOURS,
        error_messages={
            "required": _("Write a whole number, 0 or more."),
            "invalid": _("Write a whole number, 0 or more."),
            "min_value": _("Write a whole number, 0 or more."),
            "max_value": _("At most 1,440 hours: 60 days."),
        },
    )


class OneLine(forms.CharField):
    """A text that goes into a header: on one line, without control characters."""

    def clean(self, value: Any) -> Any:
        cleaned = super().clean(value)
        if not cleaned.isprintable():
            raise forms.ValidationError(_("Write it on one line, without control characters."), code="line")
        return cleaned


class AddressField(forms.CharField):
    """An e-mail address."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=320, **options)

    def clean(self, value: Any) -> Any:
        cleaned = super().clean(value)
        return _address(cleaned) if cleaned else cleaned


class AddressesField(forms.CharField):
    """E-mail addresses, one a line or with commas between them; in Python a list."""

    MOST = 10

    def clean(self, value: Any) -> Any:
        written = super().clean(value) or ""
        found = [_address(one.strip()) for one in re.split(r"[,;\s]+", written) if one.strip()]
        if len(found) > self.MOST:
            raise forms.ValidationError(_("Name at most ten addresses."), code="many")
        return list(dict.fromkeys(found))


def _address(text: str) -> str:
    try:
        return addresses.validated(text)
    except addresses.NotAnAddress as error:
        raise forms.ValidationError(_("“%(value)s” is not an e-mail address."), params={"value": text}) from error


class TemplateForm(forms.Form):
    """The four texts of a template in one language; ``message_center.checking`` says what is wrong inside them."""

    subject = forms.CharField(label=_("Subject"), max_length=1_000)
    preheader = forms.CharField(label=_("Preheader"), max_length=1_000, required=False)
    html = forms.CharField(label=_("HTML"), widget=forms.Textarea, strip=False)
    text = forms.CharField(label=_("Text"), widget=forms.Textarea, strip=False)
    note = forms.CharField(label=_("Note"), max_length=200, required=False)
    based_on = forms.IntegerField(min_value=0, max_value=2_000_000_000)

    def source(self) -> Source:
        """What was written, with one kind of line end. Only of a valid form."""
        said = {
            name: self.cleaned_data[name].replace("\r\n", "\n") for name in ("subject", "preheader", "html", "text")
        }
        return Source(**said)


class SendingForm(forms.Form):
    """Whether and how a mail is sent."""

    is_enabled = forms.BooleanField(label=_("Send this mail"), required=False)
    sender = forms.ChoiceField(label=_("Sender"), required=False)
    cc = AddressesField(label=_("CC"), max_length=4_000, required=False)
    bcc = AddressesField(label=_("BCC"), max_length=4_000, required=False)

    def __init__(self, *args: Any, store: Store, **options: Any) -> None:
        super().__init__(*args, **options)
        self._store = store
        chosen = self.fields["sender"]
        if isinstance(chosen, forms.ChoiceField):
            known = ((str(sender.pk), sender.name) for sender in senders.of(store))
            chosen.choices = [("", _("The default sender")), *known]

    def chosen(self) -> Sender | None:
        """The sender; None for the default one. Only of a form that was cleaned."""
        pk = self.cleaned_data.get("sender")
        return senders.find(self._store, int(pk)) if pk else None

    def clean(self) -> None:
        """No copy goes to the mailbox that the mail itself comes from."""
        own = customers.real_digest(choices.mailbox(self._store, self.chosen()))
        for name in ("cc", "bcc"):
            for address in self.cleaned_data.get(name, ()):
                if customers.real_digest(address) == own:
                    said = _("“%(value)s” is the sender’s own mailbox. Name another address, or choose another sender.")
                    self.add_error(name, forms.ValidationError(said, params={"value": address}))


class SenderForm(forms.Form):
    """A sender's name and address."""

    name = OneLine(label=_("Name"), max_length=200)
    address = AddressField(label=_("Address"))
    is_default = forms.BooleanField(label=_("Make it the default sender"), required=False)


def _check_secret(secret: str) -> str:
    if secret and len(secret) < connections.SHORTEST_SECRET:
        raise forms.ValidationError(_("Enter at least %(count)d characters.") % {"count": connections.SHORTEST_SECRET})
    if not secret.isascii() or not secret.isprintable() or " " in secret:
        raise forms.ValidationError(_("Use printable characters only, without spaces."))
    return secret


class ShopForm(forms.Form):
    """A shop to connect."""

    kind = forms.ChoiceField(
        label=_("Shop software"),
        choices=ShopKind.choices,
        error_messages=dict.fromkeys(("required", "invalid_choice"), _("Choose the shop’s software.")),
    )
    name = forms.CharField(
        label=_("Name of the shop"),
        max_length=100,
        help_text=_("For example its address, shop.example.com. It is what the timeline calls it."),
        error_messages={"required": _("Give the shop a name.")},
    )
    secret = forms.CharField(
        label=_("Secret"),
        required=False,
        max_length=connections.LONGEST_SECRET,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text=_("For WooCommerce, leave it empty and one is made. For Shopify, enter it once Shopify shows it."),
    )

    def clean_secret(self) -> str:
        """Long enough not to be guessed."""
        return _check_secret(self.cleaned_data["secret"])


class HeadersField(forms.CharField):
    """Headers, one a line; in Python a dictionary, or None when nothing was written."""

    widget = forms.Textarea

    def clean(self, value: Any) -> Any:
        found: dict[str, str] = {}
        for line in (super().clean(value) or "").splitlines():
            name, colon, text = (part.strip() for part in line.partition(":"))
            if not name and not colon:
                continue
            if not colon or not hooks.may_be_header(name) or not hooks.may_be_value(text):
                raise forms.ValidationError(_("Write each header on its own line: “Authorization: Bearer …”."))
            found[name] = text
        if len(found) > hooks.MOST_HEADERS:
            raise forms.ValidationError(_("At most %(count)d headers.") % {"count": hooks.MOST_HEADERS})
        return found or None


class _ChoiceForm(forms.Form):
    """What a key wants to hear of."""

    statuses = forms.MultipleChoiceField(
        label=_("Statuses"),
        choices=Status.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("None chosen: every change of status."),
    )
    kinds = forms.MultipleChoiceField(
        label=_("Other events"),
        choices=[(kind.value, kind.value) for kind in telling.OTHERS],
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )


class _KeyField(forms.ChoiceField):
    """One of these API keys; in Python the key."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            label=_("API key"),
            error_messages=dict.fromkeys(("required", "invalid_choice"), _("Choose an API key.")),
            **options,
        )
        self._keys: dict[str, ApiKey] = {}

    def offer(self, keys: Sequence[ApiKey]) -> None:
        """Let one of these be chosen."""
        self._keys = {str(key.pk): key for key in keys}
        self.choices = [(pk, f"{key.app_key} ({key.label})") for pk, key in self._keys.items()]

    def clean(self, value: Any) -> ApiKey:
        return self._keys[super().clean(value)]


class _NewForm(forms.Form):
    """Something for one of these keys."""

    def __init__(self, *args: Any, keys: Sequence[ApiKey], **options: Any) -> None:
        super().__init__(*args, **options)
        if isinstance(chosen := self.fields["key"], _KeyField):
            chosen.offer(keys)

    def chosen_key(self) -> ApiKey:
        """Only of a valid form."""
        key: ApiKey = self.cleaned_data["key"]
        return key


def _number(label: Any, least: int, most: int, *, initial: int) -> forms.IntegerField:
    words = format_lazy(_("Write a whole number from {least} to {most}."), least=least, most=most)
    said = dict.fromkeys(("required", "invalid", "min_value", "max_value"), words)
    return forms.IntegerField(label=label, min_value=least, max_value=most, initial=initial, error_messages=said)


class HookForm(_ChoiceForm):
    """Where a hook posts to, and what."""

    url = forms.CharField(
        label=_("Target"),
        max_length=2_000,
        help_text=_("An https address on the internet. It is sent a ping and has to answer it with 200."),
        error_messages={"required": _("Enter the address to post to.")},
    )
    headers = HeadersField(
        label=_("Headers to send along"),
        required=False,
        max_length=10_000,
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false", "autocomplete": "off"}),
        help_text=_("One on a line. They are kept sealed. Empty: those there are stay, for the same host."),
    )

    field_order: tuple[str, ...] = ("url", "statuses", "kinds", "headers")

    def wish(self) -> hook_care.Wish:
        """What was entered. Only of a valid form."""
        said = self.cleaned_data
        return hook_care.Wish(said["url"].strip(), said["statuses"], said["kinds"], said["headers"])


class NewHookForm(_NewForm, HookForm):
    """A hook for a key that has none."""

    key = _KeyField(help_text=_("Each key has one hook."))
    field_order = ("key", "url", "statuses", "kinds", "headers")


class FeedForm(_ChoiceForm):
    """What waits in a feed, and for how long."""

    visibility_timeout = _number(
        _("Seconds for which an item that was read is hidden from others"), 1, LONGEST_INVISIBLE, initial=240
    )
    days = _number(
        _("Days for which an item is kept that nobody commits"),
        SHORTEST_KEPT // DAY,
        LONGEST_KEPT // DAY,
        initial=SHORTEST_KEPT // DAY,
    )

    @staticmethod
    def said_of(feed: Feed) -> dict[str, Any]:
        """What the form shows of a feed."""
        return {
            "statuses": feed.statuses, "kinds": feed.kinds, "visibility_timeout": feed.visibility_timeout,
            "days": feed.retention // DAY,
        }  # fmt: skip

    def wanted(self, feed: Feed | None = None) -> feeds.Wanted:
        """What was entered. Only of a valid form. Of a feed that there is, what was not changed stays to the second."""
        said = self.cleaned_data
        choice = telling.chosen(said["statuses"], said["kinds"], before=feed)
        is_kept = feed is not None and feed.retention // DAY == said["days"]
        retention = feed.retention if feed is not None and is_kept else said["days"] * DAY
        return feeds.Wanted(choice, said["visibility_timeout"], retention)


class NewFeedForm(_NewForm, FeedForm):
    """A feed for a key that has none."""

    key = _KeyField(help_text=_("Each key has one feed."))
    field_order = ("key", "statuses", "kinds", "visibility_timeout", "days")


class SecretForm(forms.Form):
    """Another secret for a shop."""

    secret = forms.CharField(max_length=connections.LONGEST_SECRET)

    def clean_secret(self) -> str:
        """Long enough not to be guessed."""
        return _check_secret(self.cleaned_data["secret"])
