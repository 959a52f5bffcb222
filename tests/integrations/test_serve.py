"""The service over HTTP: what it answers, what it refuses, and what it saves."""

from __future__ import annotations

import json
import random
import threading
from pathlib import Path

import numpy as np
import pytest

from onlineml import chain, load, save
from onlineml.base import Classifier
from onlineml.detectors import ADWIN, HalfSpaceTrees
from onlineml.evaluation.worker.service import Service
from onlineml.learners import GaussianNB, LinearRegression, OnlineBagging
from onlineml.persistence import dumps
from onlineml.transforms import StandardScaler
from tests.examples import example

pytest.importorskip("fastapi")
testclient = pytest.importorskip("starlette.testclient")

from onlineml.integrations.serve import make_app  # noqa: E402 - after the extra is there

HERE = "http://127.0.0.1"


def client(service, **options):
    return testclient.TestClient(make_app(service, **options), base_url=HERE)


def row(i):
    return {"load": float(i % 9), "zone": "north" if i % 2 else "south"}


def lessons(n):
    return {"rows": [{"id": i, "x": row(i), "y": i % 9 > 4} for i in range(n)]}


@pytest.fixture
def taught():
    service = Service(GaussianNB(), window=10)
    with client(service) as http:
        assert http.post("/learn", json=lessons(90)).json() == {"accepted": 90, "refused": []}
        yield service, http


def state(service):
    return dumps(service.model)


# -------------------------------------------------------------------- verbs


def test_the_model_is_that_of_the_loop(taught):
    service, http = taught
    model = GaussianNB()
    for i in range(90):
        model.fit_one(row(i), i % 9 > 4)
    asked = [{"x": row(i)} for i in range(9)]
    said = http.post("/predict", json={"rows": asked}).json()["rows"]
    for one, answer in zip(asked, said):
        assert answer["prediction"] == model.predict_one(one["x"])
        due = dict(zip(map(str, model.classes_), model.predict_proba_one(one["x"])))
        assert answer["probabilities"] == pytest.approx(due)
    assert service.figures()["metrics"]["accuracy"] > 0.9


def test_predictions_change_nothing(taught):
    service, http = taught
    before, schema = state(service), service.model.schema_
    x = {"load": 3.5, "zone": "never seen", "new": 1}
    for more in ({}, {"id": "a"}):
        assert http.post("/predict", json={"rows": [{"x": x} | more]}).status_code == 200
    assert state(service) == before
    assert service.model.schema_ == schema


def test_labels_come_late(taught):
    service, http = taught
    twin = load_twin(service)
    http.post("/predict", json={"rows": [{"id": f"late-{i}", "x": row(i)} for i in range(5)]})
    assert service.figures()["waiting"] == 5
    rows = [{"id": f"late-{i}", "y": i > 2} for i in (3, 1)]
    assert http.post("/label", json={"rows": rows}).json()["accepted"] == 2
    twin.fit_one(row(3), True).fit_one(row(1), False)
    assert state(service) == dumps(twin)
    again = http.post("/label", json={"rows": rows})
    assert again.status_code == 404
    assert "no answer waits" in again.json()["detail"]
    assert service.figures()["scored"] == 92


def load_twin(service):
    return service.model.clone().set_state(service.model.get_state())


def test_what_waits_is_bounded():
    service = Service(GaussianNB(), max_pending=3)
    service.learn([({"a": float(i)}, i % 2, None) for i in range(9)])
    service.predict([({"a": 1.0}, i) for i in range(10)])
    figures = service.figures()
    assert (figures["waiting"], figures["expired"]) == (3, 7)
    assert service.label([(9, 1)])["accepted"] == 1
    with pytest.raises(ValueError, match="no answer waits"):
        service.label([(0, 1)])


def test_rows_are_forgotten(taught):
    service, http = taught
    asked = [{"id": 7}, {"x": row(8), "y": True}, {"id": "unknown"}]
    receipts = http.post("/forget", json={"rows": asked}).json()["receipts"]
    assert [receipt["kind"] for receipt in receipts] == ["exact", "exact", "refused"]
    assert receipts[2]["bound"] is None
    assert service.figures()["forgotten"] == 2


def test_a_bad_row_harms_no_other(taught):
    service, http = taught
    rows = [{"x": {"load": "much"}, "y": True}, {"x": row(1), "y": False}, {"x": row(1)}]
    answer = http.post("/learn", json={"rows": rows})
    assert answer.status_code == 200
    assert answer.json()["accepted"] == 1
    assert [one["row"] for one in answer.json()["refused"]] == [0, 2]
    assert "load" in answer.json()["refused"][0]["reason"]
    before = state(service)
    assert http.post("/learn", json={"rows": rows[:1]}).status_code == 422
    assert http.post("/predict", json={"rows": [{"x": [1.0, 2.0]}]}).status_code == 422
    assert http.post("/predict", json={"rows": [{"x": {"load": "much"}}]}).status_code == 422
    assert state(service) == before


def test_a_model_without_rows_takes_the_first_columns():
    service = Service(chain(StandardScaler(), LinearRegression()))
    with client(service) as http:
        body = {"rows": [{"id": 1, "x": [1.0, 2.0]}]}
        assert http.post("/predict", json=body).json() == {"rows": [{"id": 1, "prediction": 0.0}]}
        assert http.post("/label", json={"rows": [{"id": 1, "y": 3.5}]}).json()["accepted"] == 1
    assert service.figures()["learned"] == 1


def test_features_may_begin_with_null():
    service, rows = Service(GaussianNB()), [{"a": None, "b": 1.0, "c": None}]
    rows += [{"a": "text", "b": 2.0, "c": None}, {"a": "text", "b": 3.0, "c": 5.0}]
    with client(service) as http:
        for i, x in enumerate(rows[:2]):
            body = {"rows": [{"x": x, "y": i}]}
            assert http.post("/learn", json=body).json() == {"accepted": 1, "refused": []}
        asked = {"rows": [{"x": rows[2]}]}
        assert http.post("/predict", json=asked).status_code == 200
        assert service.model.schema_.undecided == {2}
        asked["rows"][0]["id"] = 7
        assert http.post("/predict", json=asked).json()["rows"][0]["prediction"] == 1
        assert http.post("/label", json={"rows": [{"id": 7, "y": 1}]}).json()["accepted"] == 1
        refused = http.post("/learn", json={"rows": [{"x": {"c": "text"}, "y": 1}]}).json()
        assert "expected a number" in str(refused)
    assert state(service) == dumps(GaussianNB().fit_many(rows, [0, 1, 1]))


def test_detectors_need_no_labels():
    rng = np.random.default_rng(0)
    service = Service(HalfSpaceTrees(n_trees=5, window_size=50, seed=1))
    with client(service) as http:
        rows = [{"x": x} for x in rng.uniform(size=(200, 2)).tolist()]
        assert http.post("/learn", json={"rows": rows}).json()["accepted"] == 200
        before = state(service)
        asked = {"rows": [{"x": [0.5, 0.5], "id": 1}, {"x": [9.0, 9.0], "id": 2}]}
        usual, strange = (one["score"] for one in http.post("/predict", json=asked).json()["rows"])
        assert strange > usual
        assert state(service) == before


@pytest.mark.parametrize("name", ["GraphRegressor", "GraphDetector", "MeanRegressor"])
def test_other_models(name):
    """They are asked for no probabilities; a graph says what it does not take."""
    service = Service(example(name), window=20)
    lessons = [({"a": i % 5, "b": 1.0}, float(i % 5), i) for i in range(60)]
    if name == "GraphDetector":
        lessons = [(x, None, row_id) for x, _, row_id in lessons]
    assert service.learn(lessons)["accepted"] == 60
    before = state(service)
    answer = service.predict([({"a": 3}, "late")])[0]
    assert np.isfinite(answer.get("score", answer.get("prediction")))
    assert state(service) == before
    if name.startswith("Graph"):
        with pytest.raises(ValueError, match="a graph learns rows that come with their labels"):
            service.label([("late", 1.0)])
    else:
        assert service.label([("late", 1.0)])["accepted"] == 1


def test_drift_is_told():
    service = Service(GaussianNB(), drift=ADWIN())
    rng = np.random.default_rng(1)
    for turned in (False, True):
        x = rng.normal(size=600)
        service.learn([({"a": float(a)}, bool((a > 0) != turned), None) for a in x])
    drifts = service.history.drifts
    assert drifts
    assert all(600 < place < 1200 for place in drifts)
    assert f"onlineml_drifts_total {len(drifts)}" in metrics_of(service)


def test_scores_and_the_inside_of_a_model_are_told(tmp_path):
    rng = np.random.default_rng(1)
    rows = [({"a": float(a)}, None, None) for a in rng.normal(size=250)]
    scored = Service(HalfSpaceTrees(n_trees=5, window_size=50, seed=1), window=100)
    scored.learn(rows)
    told = scored.figures()
    assert [place for place, _, _ in told["scores"]] == [100, 200]
    assert all(0.0 <= mean <= highest for _, mean, highest in told["scores"])
    assert told["insides"] == []

    path = tmp_path / "state.oml"
    service = Service(OnlineBagging(base=GaussianNB(), n_members=2, seed=1), path, window=100)
    for i in range(25):
        service.learn([(row, i % 2, None) for row, _, _ in rows[10 * i : 10 * i + 10]])
    service.save()
    found = service.figures()["insides"]
    assert [place for place, _ in found] == [100, 200]
    assert found[-1][1] == {
        name: value if isinstance(value, dict) else {"": value}
        for name, value in found[-1][1].items()
    }
    assert Service(service.model, path, window=100).figures()["insides"] == found
    assert 'onlineml_inside{name="' in metrics_of(service)


def metrics_of(service):
    with client(service) as http:
        return http.get("/metrics").text


# -------------------------------------------------------------------- views


def test_metrics_are_in_the_format_of_prometheus(taught):
    _, http = taught
    answer = http.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = answer.text.splitlines()
    assert "onlineml_learned_total 90" in lines
    assert 'onlineml_requests_total{path="/learn",status="200"} 1' in lines
    assert any(line.startswith('onlineml_quality_window{metric="accuracy"} ') for line in lines)
    for line in lines:
        assert line.startswith("# ") or float(line.rpartition(" ")[2]) is not None
    plain = http.get("/metrics.json").json()
    assert plain["learned"] == 90
    assert plain["task"] == "classification"


def test_windows_are_kept_for_the_page():
    service = Service(GaussianNB(), window=10)
    for i in range(0, 60, 5):
        service.learn([({"a": float(j % 2)}, j % 2, None) for j in range(i, i + 5)])
    assert [at for at, _ in service.figures()["windows"]] == [10, 20, 30, 40, 50, 60]
    with client(service, key="k") as http:
        page = http.get("/")
        assert page.status_code == 200
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert http.get("/metrics.json").status_code == 401


def test_openapi_tells_all(taught):
    _, http = taught
    paths = http.get("/openapi.json").json()["paths"]
    assert {"/predict", "/learn", "/label", "/forget", "/metrics", "/healthz"} <= set(paths)


# -------------------------------------------------------------------- refusals


def test_a_key_is_asked_for():
    with client(Service(GaussianNB()), key="sésame") as http:
        for headers in ({}, {"X-API-Key": "wrong"}, {"Authorization": "Basic c2VzYW1l"}):
            answer = http.post("/predict", content=b"no JSON", headers=headers)
            assert answer.status_code == 401
            assert "key" in answer.json()["detail"]
        for path in ("/metrics", "/docs", "/openapi.json"):
            assert http.get(path).status_code == 401
        assert http.get("/healthz").json() == {"status": "ok"}
        for name, value in (("X-API-Key", "sésame"), ("Authorization", "Bearer sésame")):
            assert http.get("/metrics", headers={name: value.encode()}).status_code == 200
        right = {"X-API-Key": "sésame".encode()}
        told = http.get("/openapi.json", headers=right).json()
        assert told["components"]["securitySchemes"]


def test_other_names_of_this_machine_are_refused_without_a_key():
    with client(Service(GaussianNB())) as http:
        for host in ("evil.example", "evil.example:8000", "127.0.0.1.evil.example", ""):
            assert http.get("/metrics", headers={"Host": host}).status_code == 421
        for host in ("localhost:8000", "[::1]:8000", "[::1]", "127.0.0.1"):
            assert http.get("/metrics", headers={"Host": host}).status_code == 200


def test_bodies_are_bounded():
    with client(Service(GaussianNB()), max_body=1000) as http:
        big = b'{"rows": [{"x": [' + b"1," * 600 + b"1]}]}"
        assert http.post("/predict", content=big).status_code == 413
        chunks = (big[i : i + 100] for i in range(0, len(big), 100))
        assert http.post("/predict", content=chunks).status_code == 413
        lies = {"Content-Length": "9" * 5000}
        assert http.post("/predict", content=b"{}", headers=lies).status_code == 413


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422),
        (b"{", 400),
        (b"[" * 100_000, 400),
        (b'{"rows": []}', 422),
        (b'{"rows": [{}]}', 422),
        (b'{"rows": [{"x": {}}]}', 422),
        (b'{"rows": [{"x": [NaN]}]}', 422),
        (b'{"rows": [{"x": [1e999]}]}', 422),
        (b'{"rows": [{"x": [1' + b"0" * 400 + b"]}]}", 422),
        (b'{"rows": [{"x": [1' + b"0" * 5000 + b"]}]}", 400),
        (b'{"rows": [{"x": [1], "id": 1e30}]}', 422),
        (b'{"rows": [{"x": [1], "id": true}]}', 422),
        (b'{"rows": [{"x": {"a": "\\ud800"}}]}', 422),
        (b'{"rows": [{"x": {"\\ud800": 1}}]}', 422),
        (b'{"rows": [{"x": {"load": 1}, "id": "\\udfff"}]}', 422),
        (b'{"rows": [{"x": {"load": 1}, "id": "' + b"i" * 1001 + b'"}]}', 422),
        (b'{"rows": [{"x": [1], "more": 1}]}', 422),
        (b'{"rows": [{"x": {"load": [1]}}]}', 422),
        (b"\xff\xfe", 400),
    ],
)
def test_malformed_bodies(taught, body, status):
    service, http = taught
    before = state(service)
    for path in ("/predict", "/learn"):
        answer = http.post(path, content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == status
        assert isinstance(answer.json()["detail"], str)
    assert state(service) == before


def test_what_is_wrong_with_a_value_is_said_in_words(taught):
    _, http = taught
    body = b'{"rows": [{"x": {"load": NaN}, "id": true}]}'
    answer = http.post("/predict", content=body, headers={"Content-Type": "application/json"})
    detail = answer.json()["detail"]
    assert detail.startswith("body.rows.0.x.load: Input should be a valid boolean, or: ")
    assert "finite number" in detail
    assert "; body.rows.0.id: " in detail
    assert "[" not in detail


def test_random_bodies_never_break_it(taught):
    _, http = taught
    draw = random.Random(1)
    atoms = [None, True, 0, -1, 2.5, 2**63, 10**30, "", "a", "\0", "é", float("nan"), [], {}, [[]]]

    def thing(depth):
        kind = draw.randrange(4) if depth else 0
        if kind == 1:
            return [thing(depth - 1) for _ in range(draw.randrange(3))]
        if kind > 1:
            names = draw.sample(["x", "y", "id", "load", "zone", "rows", "z"], draw.randrange(1, 4))
            return {name: thing(depth - 1) for name in names}
        return draw.choice(atoms)

    for _ in range(150):
        body = {"rows": [{"x": row(draw.randrange(9)), "id": 1} | {"y": thing(1)}, thing(3)]}
        body["rows"] = body["rows"][: draw.randrange(1, 3)]
        path = draw.choice(["/predict", "/learn", "/label", "/forget"])
        if path == "/label":
            body["rows"] = [{"id": 1, "y": thing(1)}]
        content = json.dumps(body if draw.random() < 0.8 else thing(3)).encode()
        answer = http.post(path, content=content, headers={"Content-Type": "application/json"})
        assert answer.status_code in (200, 400, 404, 422), (path, content, answer.text)
    assert http.get("/healthz").status_code == 200
    assert http.get("/metrics.json").status_code == 200


def test_forms_that_pages_can_send_are_refused(taught):
    """A page of another site may send plain text without asking first."""
    _, http = taught
    body = json.dumps({"rows": [{"x": row(1), "y": True}]}).encode()
    for kind in ({"Content-Type": "text/plain"}, {}):
        assert http.post("/learn", content=body, headers=kind).status_code == 422


# -------------------------------------------------------------------- state


def test_it_goes_on_where_it_was(tmp_path):
    path = tmp_path / "model.oml.serving"
    whole, first = Service(GaussianNB()), Service(GaussianNB(), path, drift=None)
    for service in (whole, first):
        service.learn([(row(i), i % 9 > 4, i) for i in range(50)])
        service.predict([(row(3), "late")])
    with client(first, checkpoint_seconds=1000.0):
        assert not path.exists()
    assert path.exists()  # when the application ends
    second = Service(GaussianNB(), path)
    assert second.resumed
    for service in (whole, second):
        service.label([("late", True)])
        service.forget([(7, None, None)])
    assert state(second) == state(whole)
    assert second.figures()["metrics"] == whole.figures()["metrics"]
    with pytest.raises(ValueError, match="whose state is in"):
        Service(chain(StandardScaler(), GaussianNB()), path)


def test_it_saves_now_and_then(tmp_path):
    path = tmp_path / "state"
    service = Service(GaussianNB(), path)
    with client(service, checkpoint_seconds=0.05) as http:
        http.post("/learn", json=lessons(5))
        for _ in range(200):
            if path.exists():
                break
            threading.Event().wait(0.02)
        assert isinstance(load(path), Classifier)
        assert http.get("/metrics.json").json()["checkpoint_age_seconds"] < 60


def test_two_services_do_not_share_a_file(tmp_path, caplog):
    path = tmp_path / "state"
    first, second = Service(GaussianNB(), path), Service(GaussianNB(), path)
    for service in (first, second):
        service.learn([(row(1), True, None)])
    first.save()
    with pytest.raises(OSError, match="another service writes it"):
        second.save()
    with client(second):
        pass
    assert "no checkpoint" in caplog.text
    assert second.figures()["unsaved"] == 1
    first.learn([(row(2), True, None)])
    first.save()
    assert Service(GaussianNB(), path).figures()["learned"] == 2


def test_requests_are_taken_one_at_a_time(taught):
    service, _ = taught
    n = service.figures()["learned"]

    def teach(first):
        for i in range(first, first + 25):
            service.learn([(row(i), i % 9 > 4, None)])
            service.predict([(row(i), f"{first}-{i}")])
            service.label([(f"{first}-{i}", True)])

    threads = [threading.Thread(target=teach, args=(100 * i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert service.figures()["learned"] == n + 8 * 50
    assert service.figures()["waiting"] == 0


def test_the_saved_model_stays_as_it_is(tmp_path):
    path = Path(save(GaussianNB(), tmp_path / "model.oml"))
    before = path.read_bytes()
    service = Service(load(path), tmp_path / "model.oml.serving")
    service.learn([(row(1), True, None)])
    service.save()
    assert path.read_bytes() == before
