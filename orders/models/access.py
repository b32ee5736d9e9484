"""Who may do what: users, their roles in stores, and the keys of systems."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _


class UserManager(BaseUserManager["User"]):
    """Creates users, who sign in with their e-mail address."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        """Add a user; the address is compared without regard to case."""
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        """Add an operator, who may use /admin/."""
        return self.create_user(email, password, **{**fields, "is_staff": True, "is_superuser": True})

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email=(username or "").strip().lower())


class User(AbstractBaseUser, PermissionsMixin):
    """A person who signs in: store staff or an operator."""

    email = models.EmailField(_("e-mail address"))
    name = models.CharField(_("name"), max_length=200)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)
    joined_at = models.DateTimeField(auto_now_add=True)

    objects = UserManager()
    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["email"], name="user_email_is_unique"),
            models.CheckConstraint(condition=models.Q(email=Lower("email")), name="user_email_is_lower_case"),
        ]

    def __str__(self) -> str:
        return self.name or self.email

    def get_short_name(self) -> str:
        """The name shown in the page header."""
        return str(self)


class Role(models.TextChoices):
    """What a user is in a store; orders.access says what each may do."""

    ADMIN = "admin", _("Store admin")
    SUPPORT = "support", _("Support")
    VIEWER = "viewer", _("Viewer")


class Membership(models.Model):
    """A user's role in one store."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="memberships")
    store = models.ForeignKey("orders.Store", models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=8, choices=Role.choices)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "store"], name="membership_is_one_per_user_and_store"),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="membership_role_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.store} · {self.role}"


class ApiKey(models.Model):
    """A system's key to one store: sent as X-VTEX-API-AppKey and X-VTEX-API-AppToken. The token is kept as digest."""

    store = models.ForeignKey("orders.Store", models.CASCADE, related_name="api_keys")
    app_key = models.CharField(max_length=100)
    token_digest = models.BinaryField(max_length=32)
    label = models.CharField(max_length=200)
    may_answer = models.BooleanField(default=False, db_default=False)  # may write mails to the parties of orders
    may_reveal = models.BooleanField(default=False, db_default=False)  # is answered with real addresses; audited
    created_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["app_key"], name="api_key_is_unique")]

    def __str__(self) -> str:
        return self.app_key
