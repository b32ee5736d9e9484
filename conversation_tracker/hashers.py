"""How passwords are kept."""

from __future__ import annotations

from django.contrib.auth.hashers import Argon2PasswordHasher


class Argon2(Argon2PasswordHasher):
    """Argon2id with 19 MiB, two passes and one lane: what OWASP's Password Storage Cheat Sheet asks for at least.

    Django's own asks for 100 MiB, which anybody who signs in with any name takes, as often as he likes at once. A
    password that was kept with that is kept so when its owner signs in the next time.
    """

    time_cost, memory_cost, parallelism = 2, 19_456, 1
