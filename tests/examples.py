"""An unfitted example of every exported estimator, for tests that go through all of them."""

from collections.abc import Callable
from typing import Any

from onlineml import active, detectors, integrations, learners, rl, transforms, unlearning
from onlineml.estimator import Estimator
from onlineml.graph import Graph, Keyed, chain, refit, reset
from onlineml.registry import estimators

_WITH_ARGUMENTS: dict[str, Callable[[], Any]] = {
    "ActiveAdapter": lambda: learners.ActiveAdapter(
        hidden=(8,), n_steps=1, every=5, batch_size=4, n_source=20, n_labeled=32
    ),
    "AdaptiveRandomForestClassifier": lambda: learners.AdaptiveRandomForestClassifier(n_members=3),
    "AdaptiveRandomForestRegressor": lambda: learners.AdaptiveRandomForestRegressor(
        n_members=3, n_bins=8
    ),
    "AlertingDetector": lambda: detectors.AlertingDetector(base=detectors.DeviationFromMean()),
    "Budget": lambda: active.Budget(rate=0.1),
    "CalibratedDetector": lambda: detectors.CalibratedDetector(base=detectors.DeviationFromMean()),
    "ChainClassifier": lambda: chain(transforms.StandardScaler(), learners.GaussianNB()),
    "ChainDetector": lambda: chain(transforms.StandardScaler(), detectors.DeviationFromMean()),
    "ChainRegressor": lambda: chain(transforms.StandardScaler(), learners.MeanRegressor()),
    "ChainTransformer": lambda: chain(transforms.MeanImputer(), transforms.StandardScaler()),
    "CommitteeSampling": lambda: active.CommitteeSampling(
        base=learners.SoftmaxRegression(), n_members=3, max_pending=20
    ),
    "DriftMixture": lambda: learners.DriftMixture(
        n_trees=2, experts=(learners.GaussianNB(), learners.SoftmaxRegression()), lag_labels=1
    ),
    "Forecaster": lambda: learners.Forecaster(
        base=learners.RidgeRegressor(), horizon=2, n_lags=3, window_size=40
    ),
    "GraphClassifier": lambda: _graph(learners.GaussianNB()),
    "GraphDetector": lambda: _graph_of_strangeness(detectors.DeviationFromMean()),
    "GraphRegressor": lambda: _graph(learners.LinearRegression()),
    "GraphTransformer": lambda: _graph_of_strangeness(transforms.MinMaxScaler()),
    "GatedDetector": lambda: detectors.GatedDetector(base=detectors.KNNDetector(window_size=200)),
    "DriftMoE": lambda: learners.DriftMoE(n_experts=4, top_k=2, hidden=(12, 8), batch_size=32),
    "INQMAD": lambda: detectors.INQMAD(n_components=128, rank=16),
    "KeyedClassifier": lambda: Keyed(learners.GaussianNB(), key=2, max_keys=100),
    "KeyedDetector": lambda: Keyed(detectors.DeviationFromMean(), key=2, max_keys=100),
    "KeyedRegressor": lambda: Keyed(learners.MLPRegressor(hidden=(4,), seed=1), key=2, max_keys=9),
    "KeyedTransformer": lambda: Keyed(transforms.StandardScaler(), key=2, max_keys=100),
    "LossFilter": lambda: learners.LossFilter(
        base=learners.SoftmaxRegression(), n_warm=10, foreteller=learners.GaussianNB(), seed=1
    ),
    "NeurOnAlS": lambda: active.NeurOnAlS(hidden=(8,), n_replays=8, max_pending=20),
    "OnlineBaggingRegressor": lambda: learners.OnlineBaggingRegressor(n_members=4),
    "PAL": lambda: active.PAL(max_pending=20),
    "PyODDetector": lambda: integrations.PyODDetector(
        model="KNN", window_size=96, min_rows=40, refit_every=96
    ),
    "PySADDetector": lambda: integrations.PySADDetector(model="LODA", params={"random_state": 1}),
    "RiverClassifier": lambda: integrations.RiverClassifier(
        model="linear_model.SoftmaxRegression", nominal="codes"
    ),
    "RiverDetector": lambda: integrations.RiverDetector(
        model="anomaly.HalfSpaceTrees",
        params={"n_trees": 3, "height": 4, "window_size": 50, "seed": 1},
        nominal="codes",
    ),
    "RiverDriftDetector": lambda: integrations.RiverDriftDetector(model="drift.binary.DDM"),
    "RiverRegressor": lambda: integrations.RiverRegressor(
        model="tree.HoeffdingTreeRegressor", params={"leaf_prediction": "mean", "max_depth": 2}
    ),
    "ReplayableClassifier": lambda: _replayable(learners.GaussianNB()),
    "ReplayableDetector": lambda: _replayable(detectors.DeviationFromMean()),
    "ReplayableDriftDetector": lambda: _replayable(detectors.DDM()),
    "ReplayableRegressor": lambda: _replayable(learners.LinearRegression()),
    "ReplayableTransformer": lambda: _replayable(transforms.StandardScaler()),
    "ReplayingClassifier": lambda: learners.ReplayingClassifier(
        base=learners.MLPClassifier(hidden=(8,), seed=1), n_steps=2, batch_size=4, capacity=100
    ),
    "ResidualDetector": lambda: detectors.ResidualDetector(regressor=learners.LinearRegression()),
    "RobustRandomCutForest": lambda: detectors.RobustRandomCutForest(n_trees=12),
    "ShardedClassifier": lambda: unlearning.Sharded(
        learners.GaussianNB(), n_shards=3, horizon=100, every=32
    ),
    "ShardedRegressor": lambda: unlearning.Sharded(
        learners.RidgeRegressor(), n_shards=3, horizon=100, every=32
    ),
    "SklearnDetector": lambda: integrations.SklearnDetector(
        model="LocalOutlierFactor", window_size=96, min_rows=40, refit_every=96, quantile=None
    ),
    "BayesUCB": lambda: rl.BayesUCB(n_actions=3),
    "EpsilonGreedy": lambda: rl.EpsilonGreedy(n_actions=3, window_size=50),
    "Exp3": lambda: rl.Exp3(n_actions=3, share=0.01),
    "LinTS": lambda: rl.LinTS(n_actions=3, discount=0.99),
    "LinUCB": lambda: rl.LinUCB(n_actions=3),
    "NeuralLinear": lambda: rl.NeuralLinear(n_actions=3, hidden=(8, 6), discount=0.99),
    "StreamingArmsBandit": lambda: rl.StreamingArmsBandit(n_actions=3, horizon=500),
    "StreamAC": lambda: rl.StreamAC(action_size=2, hidden=(8, 6), time_feature=50),
    "Conv": lambda: rl.Conv(shape=(10, 10, 4)),
    "StreamSARSA": lambda: rl.StreamSARSA(n_actions=3, hidden=(8, 6)),
    "GVFRegressor": lambda: rl.GVFRegressor(base=rl.StreamTD(hidden=(8, 6), gamma=0.5, seed=1)),
    "StreamTD": lambda: rl.StreamTD(hidden=(8, 6)),
    "AdaptiveQ": lambda: rl.AdaptiveQ(n_actions=3, hidden=(8, 6)),
    "StreamQ": lambda: rl.StreamQ(n_actions=3, hidden=(8, 6)),
    "StackedAgents": lambda: rl.StackedAgents(agent=rl.StreamTD(hidden=(4,)), n_agents=2),
    "SwiftSARSA": lambda: rl.SwiftSARSA(n_actions=3),
    "TorchAutoencoder": lambda: detectors.TorchAutoencoder(batch_size=16, learning_rate=0.02),
    "TorchClassifier": lambda: learners.TorchClassifier(
        hidden=(8,),
        batch_size=4,
        replay_size=20,
        replay_rows=2,
        penalty=learners.EWC(gamma=0.9, n_rows=8, every=200),
        seed=1,
    ),
    "TorchRegressor": lambda: learners.TorchRegressor(hidden=(8,), batch_size=3, seed=1),
    "TorchSequenceClassifier": lambda: learners.TorchSequenceClassifier(
        cell="ssm", hidden=6, truncation=16, seed=1
    ),
    "TorchSequenceRegressor": lambda: learners.TorchSequenceRegressor(
        hidden=6, truncation=8, seed=1
    ),
    "StackedClassifier": lambda: learners.StackedClassifier(
        hidden=(8,), n_models=3, batch_size=16, learning_rate=0.01, seed=1
    ),
    "StackedRegressor": lambda: learners.StackedRegressor(
        hidden=(8,), key=2, max_keys=40, batch_size=32, learning_rate=0.01, seed=1
    ),
    "ThompsonSampling": lambda: rl.ThompsonSampling(n_actions=3),
    "UCB": lambda: rl.UCB(n_actions=3, discount=0.99),
    "StreamRHF": lambda: detectors.StreamRHF(n_trees=25),
    "StreamingGradientBoostedTrees": lambda: learners.StreamingGradientBoostedTrees(
        base=learners.HoeffdingTreeRegressor(leaves="mean", n_bins=8, max_bytes=100_000),
        n_members=4,
    ),
    "StreamingRandomPatchesClassifier": lambda: learners.StreamingRandomPatchesClassifier(
        n_members=3
    ),
    "xStream": lambda: detectors.xStream(n_projections=30, n_chains=30),
    "StreamingRandomPatchesRegressor": lambda: learners.StreamingRandomPatchesRegressor(
        n_members=3, base=learners.HoeffdingTreeRegressor(n_bins=8, max_bytes=200_000)
    ),
}


def _replayable(model: Any) -> Any:
    """With a log that rows leave, and states of two levels."""
    return unlearning.Replayable(model, horizon=300, every=32)


def _graph(learner: Any) -> Any:
    """Scaler and detector before a learner, whose errors reset the one and refit the other."""
    g = Graph("g")
    g.add("scale", transforms.StandardScaler(), after="x")
    g.add("strange", detectors.HalfSpaceTrees(n_trees=3, seed=1), after="scale")
    g.add("learner", learner, after=("scale", "strange"))
    g.add("drift", detectors.DDM(warm_start=10), after=g.error_of("learner"))
    g.on("drift", reset("strange"), refit("learner", last=20))
    return g


def _graph_of_strangeness(last: Any) -> Any:
    """A detector whose scores are watched, and reset what is before it and behind."""
    g = Graph("g")
    g.add("scale", transforms.StandardScaler(), after="x")
    g.add("strange", detectors.DeviationFromMean(), after="scale")
    g.add("drift", detectors.HDDM_A(), after="strange")
    g.add("last", last, after=("strange", "x"))
    g.on("drift", reset("scale", "last"))
    return g


def example(name: str) -> Estimator:
    """The example of class `name`: its defaults, or the arguments that it needs, and a seed."""
    made: Estimator = _WITH_ARGUMENTS.get(name, estimators()[name])()
    if made.get_params(deep=False).get("seed", 0) is None:
        made.set_params(seed=1)
    return made
