"""Words of messages: what is too long is cut where it tells least."""

import pytest

from onlineml.schema import wrong
from onlineml.words import counted, shortened


def test_of_a_long_path_both_ends_are_told():
    path = "/data/" + "a-folder/" * 30 + "state.onl"
    said = str(wrong("path", path, "a file that exists"))
    assert said.startswith("path: got '/data/a-folder/")
    assert said.endswith("a-folder/state.onl', expected a file that exists")
    assert len(said) == len("path: got , expected a file that exists") + 80


@pytest.mark.parametrize("length", range(5, 12))
def test_a_text_is_as_long_as_it_may_be(length):
    text = "0123456789"
    cut = shortened(text, length)
    assert len(cut) == min(length, len(text))
    assert (cut == text) == (length >= len(text))


def test_one_thing_is_one():
    said = [counted(n, "stream(s)") for n in (0, 1, 1000)]
    assert said == ["0 streams", "1 stream", "1,000 streams"]
