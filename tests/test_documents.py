"""What the documents point at is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted([*CHECKOUT.glob("*.md"), *CHECKOUT.glob("docs/**/*.md")])
ARCHITECTURE = CHECKOUT / "ARCHITECTURE.md"
PACKAGES = ("conversation_tracker", "orders", "settings_ui")
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[[^\]]*\]\((?P<target>[^)\s]+)\)")
HEADING = re.compile(r"^#+ +(?P<words>.+)$", re.MULTILINE)
NAMED = re.compile(r"`(?P<path>[\w./-]+)`")
CLAIM = re.compile(r"`(?P<path>tests/[\w/]+\.py)::(?P<test>\w+)`")


def text_of(document: Path) -> str:
    """The document without its blocks of code."""
    return FENCED.sub("", document.read_text(encoding="utf-8"))


def anchors(document: Path) -> set[str]:
    """The headings as a link names them."""
    return {
        re.sub(r"[^\w\- ]", "", found["words"].lower()).strip().replace(" ", "-")
        for found in HEADING.finditer(text_of(document))
    }


def links() -> list[tuple[Path, str]]:
    return [(document, found["target"]) for document in DOCUMENTS for found in LINK.finditer(text_of(document))]


def the_map() -> str:
    return text_of(ARCHITECTURE).partition("\n## The map\n")[2].partition("\n## ")[0]


def mapped() -> list[str]:
    """The paths that the map names, from the root of the checkout."""
    named = [found["path"] for found in NAMED.finditer(the_map())]
    return [path for path in named if path.partition("/")[0] in {*PACKAGES, "templates", "tests"}]


def modules() -> list[str]:
    """The modules that somebody may look for."""
    return sorted(
        str(path.relative_to(CHECKOUT))
        for package in PACKAGES
        for path in (CHECKOUT / package).rglob("*.py")
        if path.name not in {"__init__.py", "apps.py"} and "migrations" not in path.parts
    )


def test_there_are_documents():
    names = {"README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/providers/postmark.md"}
    assert names <= {str(document.relative_to(CHECKOUT)) for document in DOCUMENTS}


@pytest.mark.parametrize(
    ("document", "target"), links(), ids=lambda value: value.name if isinstance(value, Path) else value
)
def test_a_relative_link_leads_somewhere(document: Path, target: str):
    path, _, anchor = target.partition("#")
    if "://" in path or path.startswith("mailto:"):
        return
    found = (document.parent / path).resolve() if path else document
    assert found.is_relative_to(CHECKOUT), target
    assert found.exists(), target
    assert not anchor or anchor in anchors(found), target


def test_every_path_of_the_map_exists():
    assert mapped() != []
    assert [path for path in mapped() if not (CHECKOUT / path).exists()] == []


def test_every_module_has_its_place_on_the_map():
    assert [module for module in modules() if module not in mapped()] == []


@pytest.mark.parametrize("claim", [found[0] for found in CLAIM.finditer(text_of(ARCHITECTURE))])
def test_a_test_that_holds_an_invariant_exists(claim: str):
    path, _, name = claim.strip("`").partition("::")
    tree = ast.parse((CHECKOUT / path).read_text())
    assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
