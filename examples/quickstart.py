"""Fit, predict and evaluate: the whole library in ten lines."""

from onlineml import chain, datasets, prequential
from onlineml.learners import GaussianNB, LogisticRegression
from onlineml.transforms import StandardScaler

model = chain(StandardScaler(), LogisticRegression())
for x, y in datasets.load("phishing"):  # one event at a time, as mappings ...
    guess = model.predict_one(x)
    model.fit_one(x, y)
print(f"last guess: {guess!r}, it was {y!r}")

result = prequential([model.clone(), GaussianNB()], datasets.load("phishing"))  # ... or evaluated
print(result)
