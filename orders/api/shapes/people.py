"""What the order document says of who bought. The names are the wire's."""
# ruff: noqa: N815

from __future__ import annotations

from orders.api.shapes.base import Answer, Flag, MaybeText, Text


class ClientProfile(Answer):
    """Who bought; the e-mail address is an alias."""

    id: str = "clientProfileData"
    email: Text = ""
    firstName: MaybeText = None
    lastName: MaybeText = None
    documentType: MaybeText = None
    document: MaybeText = None
    phone: MaybeText = None
    corporateName: MaybeText = None
    tradeName: MaybeText = None
    corporateDocument: MaybeText = None
    stateInscription: MaybeText = None
    corporatePhone: MaybeText = None
    isCorporate: Flag = False
    userProfileId: Text = ""
    userProfileVersion: MaybeText = None
    customerClass: MaybeText = None
    customerCode: MaybeText = None


class CallCenterOperator(Answer):
    """Who took the order for its buyer."""

    id: MaybeText = None
    email: MaybeText = None
    userName: MaybeText = None


class ClientPreferences(Answer):
    """What the buyer prefers."""

    locale: Text = ""
    optinNewsLetter: Flag = False
