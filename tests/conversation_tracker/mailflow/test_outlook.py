"""Texts of Outlook."""

from __future__ import annotations

import time

import pytest

from conversation_tracker.mailflow import outlook

HEAD = bytes(8) + b"LZFu" + bytes(4)


@pytest.mark.parametrize(
    ("packed", "text"),
    [
        (  # [MS-OXRTFCP] §4.1.1
            "2d0000002b0000004c5a4675f1c5c7a703000a007263706731323542320af32068656c090020627705b06c647d0a800fa0",
            rb"{\rtf1\ansi\ansicpg1252\pard hello world}" + b"\r\n",
        ),
        (  # §4.1.2: it refers to what it is about to write
            "1a0000001c0000004c5a4675e2d44b51410004205758595a0d6e7d010eb0",
            rb"{\rtf1 WXYZWXYZWXYZWXYZWXYZ}",
        ),
    ],
)
def test_a_text_is_unpacked_wherever_it_stands(packed: str, text: bytes) -> None:
    assert list(outlook.texts(b"before" + bytes.fromhex(packed) + b"behind")) == [text]


@pytest.mark.parametrize(
    "content",
    [
        HEAD,
        HEAD + b"\0" * 3_000_000,
        HEAD + (b"\xff" + b"\0\xcf\xff\xff" * 4) * 400_000,
        b"LZFu\0\0\0\0" * 400_000,
        (HEAD + b"\0abcdefgh" * 9) * 9_000,
    ],
    ids=range(5),
)
def test_hostile_texts_take_no_longer_than_the_limit(content: bytes) -> None:
    began = time.process_time()
    assert sum(map(len, outlook.texts(content))) <= outlook.LARGEST + 200
    assert time.process_time() - began < 5
