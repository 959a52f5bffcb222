"""The log of receipts says what was done, to whom only under the key, and where it was changed."""

import json
from pathlib import Path

import pytest

from onlineml.learners import GaussianNB
from onlineml.receipt import Receipt, refused
from onlineml.unlearning import AuditLog

DONE = Receipt("replayed", 0.0, 0.5, 40, "")


def filled(path: Path) -> AuditLog:
    audit = AuditLog(path, key=b"secret")
    for who, receipt in (("anna", DONE), (7, refused("no label 'anna'")), ("anna", DONE)):
        assert audit.record(receipt, id=who) is receipt
    return audit


def test_what_is_written_and_what_is_not(tmp_path: Path) -> None:
    audit = filled(tmp_path / "audit.jsonl")
    text = audit.path.read_text()
    assert "anna" not in text
    assert [entry["kind"] for entry in audit.entries()] == ["replayed", "refused", "replayed"]
    assert [entry["n"] for entry in audit.entries(id="anna")] == [0, 2]
    assert [entry["n"] for entry in audit.entries(id="7")] == []
    assert next(audit.entries(id=7))["bound"] is None
    other = AuditLog(audit.path, key=b"other")
    assert list(other.entries(id="anna")) == []


def test_it_goes_on_where_it_ended(tmp_path: Path) -> None:
    audit = filled(tmp_path / "audit.jsonl")
    again = AuditLog(audit.path)
    assert again.head == audit.head
    again.record(DONE, id="anna")
    assert len(again) == 4
    assert list(again.entries())[-1]["who"] is None
    assert AuditLog(audit.path).head == again.head != audit.head


def test_a_torn_line_at_the_end_is_no_entry(tmp_path: Path) -> None:
    audit = filled(tmp_path / "audit.jsonl")
    whole, head = audit.path.read_bytes(), audit.head
    for cut in (1, 30, len(whole.splitlines()[-1])):
        audit.path.write_bytes(whole + whole.splitlines()[-1][:cut])
        again = AuditLog(audit.path)
        assert again.head == head
        assert audit.path.stat().st_size == len(whole) + cut  # to read changes nothing
        again.record(DONE)
        assert AuditLog(audit.path).head == again.head != head
        assert audit.path.read_bytes().startswith(whole)


def test_what_another_has_written_is_not_touched(tmp_path: Path) -> None:
    audit = filled(tmp_path / "audit.jsonl")
    AuditLog(audit.path).record(DONE)
    more = audit.path.read_bytes()
    with pytest.raises(ValueError, match="one AuditLog"):
        audit.record(DONE)
    assert audit.path.read_bytes() == more
    audit.path.write_bytes(more[: len(more) // 2])
    with pytest.raises(ValueError, match="one AuditLog"):
        audit.record(DONE)
    with pytest.raises(ValueError, match="receipt"):
        audit.record("done")  # type: ignore[arg-type]


@pytest.mark.parametrize("line", [0, 1, 2])
@pytest.mark.parametrize("change", ["kind", "gone", "swapped", "torn"])
def test_a_changed_line_is_found(tmp_path: Path, line: int, change: str) -> None:
    path = filled(tmp_path / "audit.jsonl").path
    lines = path.read_text().splitlines()
    if change == "kind":
        entry = json.loads(lines[line])
        lines[line] = json.dumps(entry | {"kind": "exact"})
    elif change == "gone" and line < 2:
        del lines[line]
    elif change == "swapped" and line < 2:
        lines[line], lines[line + 1] = lines[line + 1], lines[line]
    elif change == "torn":
        lines[line] = lines[line][:20]
    else:
        head = AuditLog(path).head
        path.write_text("\n".join(lines[:-1]) + "\n")
        assert AuditLog(path).head != head  # cut off at the end: the head tells
        return
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(ValueError, match=f"line {line + 1}"):
        AuditLog(path)


def test_around_a_request(tmp_path: Path) -> None:
    model = GaussianNB().fit_many([[1.0], [2.0]], ["a", "b"])
    audit = AuditLog(tmp_path / "audit.jsonl")
    assert audit.record(model.unlearn_one([2.0], "b")).forgotten
    assert not audit.record(model.unlearn_one([2.0], "b")).forgotten
    assert [entry["rows"] for entry in audit.entries()] == [1, 0]
    with pytest.raises(ValueError, match="id"):
        next(audit.entries(id=1))
    with pytest.raises(ValueError, match="key"):
        AuditLog(tmp_path / "audit.jsonl", key="text")  # type: ignore[arg-type]
