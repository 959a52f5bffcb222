"""One budget of privacy for several learners: what they spend together, refusals, files."""

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from onlineml.checks import assert_same_state
from onlineml.graph import Graph, Label, Sample, chain
from onlineml.learners import (
    AdwinBagging,
    BandedNoise,
    CertifiedLogisticRegression,
    LinearRegression,
    LossFilter,
    MLPClassifier,
    OnlineBagging,
    OnlineBoosting,
    OnlineSmoothBoost,
    SoftmaxRegression,
    TreeAggregation,
)
from onlineml.odometer import Step, epsilon_of, rho_of
from onlineml.persistence import dumps, load, loads, save
from onlineml.shared_budget import Claim, see_room
from onlineml.transforms import MinMaxScaler
from onlineml.unlearning import BudgetSpentError, PrivacyOdometer, Replayable, Sharded

X = np.random.default_rng(0).normal(size=(400, 3))
Y = (X[:, 0] > 0).astype(int)


def shared(epsilon: float = 2.0) -> PrivacyOdometer:
    return PrivacyOdometer(epsilon=epsilon, delta=1e-5, rule="concentrated")


def softmax(odometer: PrivacyOdometer, **more: Any) -> SoftmaxRegression:
    given = {"noise_multiplier": 12.0, "period": 20, "seed": 1, "odometer": odometer, **more}
    return SoftmaxRegression(privacy=TreeAggregation(**given))


def net(odometer: PrivacyOdometer, **more: Any) -> MLPClassifier:
    given = {"noise_multiplier": 8.0, "period": 30, "bands": 5, "seed": 1, "odometer": odometer}
    return MLPClassifier(
        hidden=(4,), optimizer="sgd", seed=1, privacy=BandedNoise(**{**given, **more})
    )


def refuses(model: Any, call: Any) -> None:
    """A call that is refused leaves the model and the odometer as they were."""
    odometer = model.privacy.odometer
    before, spent = copy.deepcopy(model.get_state()), odometer.spent
    with pytest.raises(BudgetSpentError, match=r"privacy\.odometer.* of 2, "):
        call(model)
    assert_same_state(before, model.get_state())
    assert odometer.spent == spent


def test_two_learners_spend_of_one_budget_until_neither_is_granted_more() -> None:
    odometer = shared()
    one, other = softmax(odometer), net(odometer)
    paid, i = 0.0, 0
    while True:
        model = (one, other)[i % 2]
        cost = (0.5 / 12.0**2, 0.5 / 8.0**2)[i % 2] * (1, 2)[i % 2]
        if epsilon_of(paid + cost, 1e-5) > 2.0:
            break
        model.fit_many(X[: (20, 60)[i % 2]], Y[: (20, 60)[i % 2]])
        paid, i = paid + cost, i + 1
        assert odometer.spent == (pytest.approx(epsilon_of(paid, 1e-5)), 1e-5)
    assert i > 3
    assert odometer.spent[0] <= 2.0
    assert one.odometer.spent[0] < odometer.spent[0] > other.odometer.spent[0]
    refuses((one, other)[i % 2], lambda m: m.fit_many(X[:60], Y[:60]))


@pytest.mark.parametrize("make", [softmax, net])
def test_a_refusal_leaves_everything_as_it_was(make: Any) -> None:
    """By chunk, by row and before the first row; what has been paid for is still learned."""
    odometer = shared()
    model, late = make(odometer), make(odometer)
    period = model.privacy.period
    model.fit_many(X[: period - 2], Y[: period - 2])
    odometer.spend(rho=rho_of(2.0, 1e-5) - odometer._rho)
    refuses(late, lambda m: m.fit_one(X[0], 0))
    assert not late.is_started
    refuses(model, lambda m: m.fit_many(X[:3], Y[:3]))
    refuses(model, lambda m: m.predict_fit_many(X[:3], Y[:3]))
    model.fit_many(X[:3], Y[:3], weight=[1.0, 0.0, 1.0])
    refuses(model, lambda m: m.fit_one(X[0], int(Y[0])))
    refuses(model, lambda m: m.fit_one(X[0], 7))
    refuses(model, lambda m: m.fit_one(X[0], int(Y[0]), weight=2.0))
    model.fit_one(X[0], int(Y[0]), weight=0.0)
    assert model.n_steps_[0] == period
    model.predict_one(X[0])


def test_rows_one_by_one_pay_what_chunks_pay() -> None:
    states, spent = [], []
    for by_row in (False, True):
        odometer = shared()
        models = softmax(odometer), net(odometer)
        for model in models:
            if by_row:
                for x, y in zip(X[:100], Y[:100].tolist()):
                    model.fit_one(x, y)
            else:
                model.fit_many(X[:100], Y[:100])
        states.append([model.get_state() for model in models])
        spent.append((odometer.spent, odometer.n_steps))
    assert_same_state(*states)
    assert spent[0] == spent[1]
    assert spent[0][1] == 5 + 4


def test_no_two_learners_have_the_same_noise() -> None:
    """Of the same seed too: the difference of both would show what rows they did not share."""
    odometer = shared(8.0)
    first, second = softmax(odometer), softmax(odometer)
    assert repr(first) == repr(second)
    for model in (first, second):
        model.fit_many(X[:40], Y[:40])
    a, b = first.history_.ravel(), second.history_.ravel()
    assert abs(np.corrcoef(a[a != 0], b[a != 0])[0, 1]) < 0.5
    alone = [SoftmaxRegression(privacy=TreeAggregation(seed=1)).fit_many(X, Y) for _ in "12"]
    assert_same_state(alone[0].get_state(), alone[1].get_state())


def test_a_promise_without_end_is_paid_once_and_its_own_budget_still_holds() -> None:
    odometer = shared()
    first = SoftmaxRegression(privacy=TreeAggregation(epsilon=1.0, period=50, odometer=odometer))
    first.fit_many(X, Y)
    assert odometer.spent[0] == pytest.approx(1.0)
    second = softmax(odometer, epsilon=1.0, noise_multiplier=None, n_periods=2)
    second.fit_many(X[:100], Y[:100])
    assert second.diagnostics() == {"n_not_learned": 60.0}  # its own is spent, the other one not
    due = epsilon_of(2 * rho_of(1.0, 1e-5), 1e-5)
    assert odometer.spent[0] == pytest.approx(due)
    second.fit_many(X, Y)
    assert odometer.spent[0] == pytest.approx(due)
    assert odometer.n_steps == 3


@pytest.mark.parametrize("rule", ["basic", "adaptive"])
def test_other_rules_pay_all_that_is_promised_at_once(rule: Any) -> None:
    odometer = PrivacyOdometer(epsilon=4.0, delta=1e-3, rule=rule)
    models = [softmax(odometer, epsilon=0.5, noise_multiplier=None, n_periods=9) for _ in "123"]
    for model in models:
        model.fit_many(X[:70], Y[:70])
    assert odometer.n_steps == 3
    if rule == "basic":
        assert odometer.spent == pytest.approx((1.5, 3e-5))


def test_a_file_brings_the_budget_back(tmp_path: Path) -> None:
    odometer = shared()
    one, other = softmax(odometer), net(odometer)
    one.fit_many(X[:20], Y[:20])
    save(one, tmp_path / "one.onl")  # older, and knows of less
    other.fit_many(X[:60], Y[:60])
    save(other, tmp_path / "other.onl")
    spent, key = odometer.spent, odometer._key
    again = load(tmp_path / "one.onl")
    assert again.privacy.odometer is odometer  # it is in use
    assert odometer.spent == spent
    assert_same_state(again.get_state(), one.get_state())
    due = [copy.deepcopy(m.fit_many(X[:60], Y[:60]).get_state()) for m in (one, other)]
    late = odometer.spent
    del one, other, again, odometer
    back = [load(tmp_path / "one.onl"), load(tmp_path / "other.onl")]
    found = back[0].privacy.odometer
    assert found is back[1].privacy.odometer
    assert found._key == key
    assert found.spent == spent
    for model, state in zip(back, due):
        assert_same_state(model.fit_many(X[:60], Y[:60]).get_state(), state)
    assert found.spent == late
    found.spend(rho=rho_of(2.0, 1e-5) - found._rho)
    for model in back:
        refuses(model, lambda m: m.fit_many(X[:30], Y[:30]))


def test_copies_are_the_same_budget() -> None:
    odometer = shared()
    assert copy.copy(odometer) is copy.deepcopy(odometer) is odometer
    assert pickle.loads(pickle.dumps(odometer)) is odometer
    model = softmax(odometer)
    assert model.clone().privacy.odometer is odometer
    assert loads(dumps(model)).privacy.odometer is odometer
    assert copy.deepcopy(model).privacy.odometer is odometer
    assert copy.copy(shared()) is not odometer


def test_parts_of_larger_models_share_it() -> None:
    odometer = shared(4.0)
    graph: Any = Graph("two")
    graph.add("first", softmax(odometer))
    graph.add("second", net(odometer))
    graph.output("second", "first")
    graph.fit_many(X[:60], Y[:60])
    chained = chain(MinMaxScaler(), softmax(odometer))
    for x, y in zip(X[:41], Y[:41].tolist()):
        chained.fit_one(x, y)
    assert odometer.n_steps == 3 + 2 + 3
    assert odometer.n_learners == 3
    bags = OnlineBagging(base=softmax(odometer), n_members=3, seed=1).fit_many(X[:20], Y[:20])
    assert odometer.n_learners == 6
    assert bags.members_[0].privacy.odometer is odometer
    again = loads(dumps(graph)).fit_many(X[:60], Y[:60])
    assert again["first"].privacy.odometer is odometer
    assert odometer.n_learners == 6


@pytest.mark.parametrize("many", [False, True])
def test_a_chain_whose_learner_is_refused_learns_nothing(many: bool) -> None:
    chained = chain(MinMaxScaler(), softmax(shared(0.7)))
    n, i, before = 7 if many else 1, 0, {}
    try:
        for i in range(0, len(X), n):
            before = copy.deepcopy(chained.get_state())
            if many:
                chained.fit_many(X[i : i + n], Y[i : i + n])
            else:
                chained.fit_one(X[i], int(Y[i]))
        pytest.fail("all rows were granted")
    except BudgetSpentError:
        pass
    assert i > 20
    assert_same_state(before, chained.get_state())


@pytest.mark.parametrize(("rule", "most"), [("basic", 3.0), ("adaptive", 8.0), ("concentrated", 7)])
def test_removals_share_it_with_private_learners(rule: Any, most: float) -> None:
    """The first removal since a solution is paid; where it cannot be, the window is solved anew."""
    odometer = PrivacyOdometer(epsilon=most, delta=1e-4, rule=rule)
    given: Any = {"window_size": 64, "every": 40, "epsilon": 0.8, "l2": 10.0, "seed": 1}
    model = CertifiedLogisticRegression(shared=odometer, noise=30.0, **given)
    model.fit_many(X[:80], Y[:80])
    SoftmaxRegression(privacy=TreeAggregation(epsilon=0.8, odometer=odometer)).fit_many(X, Y)
    assert odometer.n_steps == 1
    kinds, steps = [], []
    for k in range(6):
        for i in (70 + 40 * k, 71 + 40 * k):
            kinds.append(model.unlearn_one(X[i], Y[i]).kind)
            steps.append(odometer.n_steps)
        model = loads(dumps(model.fit_many(X[80 + 40 * k :][:40], Y[80 + 40 * k :][:40])))
    n_paid = steps[-1] - 1
    assert 2 <= n_paid < 6
    assert steps == [2 + min(k, n_paid - 1) for k in range(6) for _ in "12"]
    assert kinds == ["certified"] * (2 * n_paid) + ["replayed"] * (12 - 2 * n_paid)
    assert odometer.spent[0] <= most
    assert not odometer.allows(0.8, 1e-5)
    alone = CertifiedLogisticRegression(noise=30.0, **given).fit_many(X[:80], Y[:80])
    again = CertifiedLogisticRegression(shared=odometer, noise=30.0, **given)
    again.fit_many(X[:80], Y[:80])
    for one in (alone, again):
        one.unlearn_one(X[70], Y[70])
    assert alone.odometer.spent[0] > again.odometer.spent[0]


def test_bad_odometers() -> None:
    with pytest.raises(ValueError, match="shared"):
        CertifiedLogisticRegression(shared=1.0).fit_one(X[0], 0)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="odometer"):
        softmax(2.0).fit_one(X[0], 0)  # type: ignore[arg-type]
    model = softmax(shared()).fit_many(X, Y)
    with pytest.raises(ValueError, match="privacy"):
        model.set_params(privacy__odometer=None).fit_one(X[0], 0)
    plain = SoftmaxRegression(privacy=TreeAggregation()).fit_many(X, Y)
    with pytest.raises(ValueError, match="privacy"):
        plain.set_params(privacy__odometer=shared()).fit_one(X[0], 0)
    chained = chain(MinMaxScaler(), softmax(shared()))
    for wrap, model in ((Replayable, softmax(shared())), (Replayable, chained), (Sharded, chained)):
        with pytest.raises(ValueError, match=r"privacy\.odometer.*learned again"):
            wrap(model)
    graph: Any = Graph("again", remember=10, replay=True)
    graph.add("one", softmax(shared()))
    with pytest.raises(ValueError, match=r"node 'one'.*privacy\.odometer.*learned again"):
        graph.fit_many(X, Y)
    with pytest.raises(ValueError, match="target_range"):
        LinearRegression(privacy=TreeAggregation(odometer=shared())).fit_one(X[0], 0.0)


# -------------------------------------------------------------------- parts that are refused


def spent(rest: float, left: float = 2.0) -> PrivacyOdometer:
    """An odometer that has room for `rest` rho."""
    odometer = shared(left)
    odometer.spend(rho=rho_of(left, 1e-5) - rest)
    return odometer


def two(odometer: PrivacyOdometer, **more: Any) -> Any:
    graph: Any = Graph("two", **more)
    graph.add("scale", MinMaxScaler())
    graph.add("first", softmax(odometer), after="scale")
    graph.add("second", net(odometer), after="scale")
    graph.output("second", "first")
    return graph


def bags(odometer: PrivacyOdometer) -> Any:
    return OnlineBagging(base=softmax(odometer), n_members=3, seed=1)


def three(odometer: PrivacyOdometer) -> Any:
    graph = two(odometer)
    graph.add("bags", bags(odometer))
    return graph


def boosted(odometer: PrivacyOdometer) -> Any:
    return OnlineBoosting(base=softmax(odometer), n_members=3, seed=1)


def smooth(odometer: PrivacyOdometer) -> Any:
    return OnlineSmoothBoost(base=softmax(odometer), n_members=3)


def replaced(odometer: PrivacyOdometer) -> Any:
    return AdwinBagging(base=softmax(odometer), n_members=3, seed=1)


def filtered(odometer: PrivacyOdometer) -> Any:
    return chain(MinMaxScaler(), LossFilter(base=softmax(odometer), seed=1))


def state_before_refusal(model: Any, odometer: PrivacyOdometer, many: bool) -> tuple[Any, Any]:
    """Have it learn until it is refused; its state and what was spent before that call."""
    n = 7 if many else 1
    for i in range(0, len(X), n):
        before = copy.deepcopy(model.get_state()), odometer.spent
        try:
            if many:
                model.fit_many(X[i : i + n], Y[i : i + n])
            else:
                model.fit_one(X[i], int(Y[i]))
        except BudgetSpentError:
            assert i > 0
            return before
    pytest.fail("all rows were granted")


ONE, OTHER = 0.5 / 12.0**2, 0.5 / 8.0**2  # rho of a period of `softmax`, of `net`
# What is made, and what its parts ask for together at their first row.
WHOLES = {
    "graph": (two, ONE + OTHER),
    "ensemble": (bags, 3 * ONE),
    "boosting": (boosted, 3 * ONE),
    "smooth boosting": (smooth, 3 * ONE),
    "chained ensemble": (lambda odometer: chain(MinMaxScaler(), bags(odometer)), 3 * ONE),
    "graph of an ensemble": (three, 4 * ONE + OTHER),
    "ensemble whose members are replaced": (replaced, 3 * ONE),
}


@pytest.mark.parametrize("many", [False, True])
@pytest.mark.parametrize("name", WHOLES)
def test_where_one_part_would_be_refused_none_learns(name: str, many: bool) -> None:
    make, cost = WHOLES[name]
    odometer = spent(0.999 * cost)
    model = make(odometer)
    before = odometer.spent

    def learn() -> None:
        if many:
            model.fit_many(X[:5], Y[:5])
        else:
            model.fit_one(X[0], int(Y[0]))

    with pytest.raises(BudgetSpentError, match=r"privacy\.odometer"):
        learn()
    assert not model.is_started
    assert odometer.spent == before
    odometer._rho -= 0.002 * cost
    learn()
    assert model.is_started


@pytest.mark.parametrize("many", [False, True])
@pytest.mark.parametrize("name", WHOLES)
def test_a_whole_is_refused_on_the_way_as_if_it_had_not_been_asked(name: str, many: bool) -> None:
    odometer = shared(1.2)
    model: Any = WHOLES[name][0](odometer)
    before, paid = state_before_refusal(model, odometer, many)
    assert_same_state(before, model.get_state())
    model.predict_one(X[0])
    if name != "ensemble whose members are replaced":
        assert odometer.spent == paid


@pytest.mark.parametrize("many", [False, True])
@pytest.mark.parametrize("make", [filtered, replaced])
def test_what_could_not_be_foreseen_is_undone(make: Any, many: bool) -> None:
    """A step before it had learned, or members before the one that was refused."""
    odometer = shared(0.9)
    model = make(odometer)
    before, _ = state_before_refusal(model, odometer, many)
    assert_same_state(before, model.get_state())


@pytest.mark.parametrize("n", [1, 6])
def test_a_label_that_is_refused_still_waits(n: int) -> None:
    """Samples are answered when nothing is left, and what was refused is learned once there is."""
    odometer = shared()
    graph = two(odometer)
    graph.take_many([Sample(x, id=i) for i, x in enumerate(X[:19])])
    graph.take_many([Label(i, int(y)) for i, y in enumerate(Y[:19])])
    odometer.spend(rho=rho_of(2.0, 1e-5) - odometer._rho - 0.999 * ONE)
    graph.take_many([Sample(x, id=i) for i, x in enumerate(X[19:30], 19)])
    labels = [Label(i, int(y)) for i, y in enumerate(Y[19 : 19 + n], 19)]
    assert graph.take_many(labels[:1]) == [True]
    before, paid = copy.deepcopy(graph.get_state()), odometer.spent
    labels = [Label(i, int(y)) for i, y in enumerate(Y[20 : 20 + n], 20)]
    for take in (graph.take_many, lambda given: graph.take_one(given[0])):
        with pytest.raises(BudgetSpentError):
            take(labels)
        assert_same_state(before, graph.get_state())
        assert odometer.spent == paid
    with pytest.raises(BudgetSpentError):
        graph.take_one(Sample(X[0], y=1))
    assert_same_state(before, graph.get_state())
    odometer._rho -= ONE
    assert graph.take_many(labels) == [True] * n


@pytest.mark.parametrize("rule", ["basic", "adaptive", "concentrated"])
def test_steps_together_fit_where_they_fit_one_by_one(rule: Any) -> None:
    odometer = PrivacyOdometer(epsilon=1.6, delta=1e-3, rule=rule)
    alone = PrivacyOdometer(epsilon=1.6, delta=1e-3, rule=rule)
    steps = [Step(0.1 + 0.05 * i, 1e-5) for i in range(30)]
    n = 0
    while alone.spend(*steps[n][:2]):
        n += 1
    assert n > 2
    see_room([Claim(odometer, step) for step in steps[:n]])
    with pytest.raises(BudgetSpentError, match=r"of 1\.6, "):
        see_room([Claim(odometer, step) for step in steps[: n + 1]])
    assert odometer.n_steps == 0
