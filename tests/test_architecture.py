"""Imports point one way; pyproject.toml says which, and these tests hold it to that."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parent.parent
LINT = Path(sys.executable).with_name("lint-imports")
PURE = (
    "conversation_tracker.authenticity.dkim",
    "conversation_tracker.authenticity.dmarc",
    "conversation_tracker.authenticity.lookup",
    "conversation_tracker.authenticity.spf",
    "conversation_tracker.mailflow.attached",
    "conversation_tracker.mailflow.bodies",
    "conversation_tracker.mailflow.cards",
    "conversation_tracker.mailflow.compose",
    "conversation_tracker.mailflow.decide",
    "conversation_tracker.mailflow.files",
    "conversation_tracker.mailflow.headers",
    "conversation_tracker.mailflow.leakgate",
    "conversation_tracker.mailflow.mask",
    "conversation_tracker.mailflow.parse",
    "conversation_tracker.mailflow.readings",
    "conversation_tracker.mailflow.shapes",
    "orders.addresses",
    "orders.masks",
    "orders.outcomes",
    "orders.quoting",
    "orders.spellings",
    "orders.validity",
)
# Loads one module without running its packages' own __init__, which connect Celery and so Django's settings.
LOADER = """
import importlib, sys, types
from pathlib import Path
for name in ("conversation_tracker", "conversation_tracker.authenticity", "conversation_tracker.mailflow", "orders"):
    package = types.ModuleType(name)
    package.__path__ = [str(Path(*name.split(".")))]
    sys.modules[name] = package
importlib.import_module(sys.argv[1])
print(sorted({name.partition(".")[0] for name in sys.modules} & {"django", "anymail", "celery", "ninja", "psycopg"}))
"""


def lint(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(LINT), "--no-cache", *arguments]
    return subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=120, check=False)


def test_every_import_contract_is_kept():
    found = lint()
    assert (found.returncode, "0 broken" in found.stdout) == (0, True), found.stdout


def test_a_broken_contract_is_noticed(tmp_path):
    """A contract that named nothing would be kept whatever we do."""
    contract = tmp_path / "contracts.ini"
    contract.write_text(
        "[importlinter]\nroot_packages =\n    conversation_tracker\n    orders\n"
        "[importlinter:contract:1]\nname = The other way round\ntype = forbidden\n"
        "source_modules =\n    conversation_tracker\nforbidden_modules =\n    orders\n"
    )
    assert lint("--config", str(contract)).returncode == 1


@pytest.mark.parametrize("module", PURE)
def test_pure_module_loads_without_django(module):
    found = subprocess.run(
        [sys.executable, "-c", LOADER, module], cwd=CHECKOUT, capture_output=True, text=True, timeout=60, check=False
    )
    assert (found.stdout.strip(), found.stderr) == ("[]", "")
