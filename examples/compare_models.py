"""Several models on several streams: means, spreads and ranks, and a report to look at."""

import tempfile
from pathlib import Path

from onlineml import chain, datasets
from onlineml.evaluation import compare
from onlineml.evaluation.report import write_report
from onlineml.learners import GaussianNB, HoeffdingTreeClassifier, SoftmaxRegression
from onlineml.transforms import StandardScaler

models = {
    "naive Bayes": GaussianNB(),
    "Hoeffding tree": HoeffdingTreeClassifier(),
    "scaled softmax": chain(StandardScaler(), SoftmaxRegression()),
}
streams = [
    datasets.load("bananas"),
    datasets.load("sea_g", n_rows=20_000),  # real or generated, with drifts or without
    datasets.load("rbf_f", n_rows=20_000),
]
comparison = compare(models, streams, metrics=["accuracy", "kappa"])
print(comparison)
for model, rank in sorted(comparison.ranks("kappa").items(), key=lambda item: item[1]):
    print(f"{model:20} mean rank by kappa: {rank:.2f}")

page = Path(tempfile.mkdtemp()) / "comparison.html"
print("report:", write_report(list(comparison), page, title="Three models, three streams"))
