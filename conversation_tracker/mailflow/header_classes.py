"""Make Python's class for each kind of header once, and not anew for each header of each mail.

``email.headerregistry`` composes a class with ``type()`` whenever a header is set or looked up, twice for each header
that anymail sets. That took a tenth of the time of settling a mail, and left the classes to the garbage collector.
"""

from __future__ import annotations

from email import policy
from email.headerregistry import BaseHeader, HeaderRegistry


class Lasting(HeaderRegistry):
    """The standard registry with a memory. The classes hold no state of a header, so headers may share them."""

    def __init__(self) -> None:
        super().__init__()
        self._made: dict[type, type[BaseHeader]] = {}

    def __getitem__(self, name: str) -> type[BaseHeader]:
        kind = self.registry.get(name.lower(), self.default_class)
        if kind not in self._made:
            self._made[kind] = super().__getitem__(name)
        return self._made[kind]


def install() -> None:
    """Use it in the policy with which anymail reads mails; set as EmailPolicy itself sets it, who refuses others."""
    object.__setattr__(policy.default, "header_factory", Lasting())
