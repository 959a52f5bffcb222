"""KUE: members on random features, weighted by kappa; the bad ones do not vote."""

from __future__ import annotations

import numpy as np

from onlineml.base import Array, Classifier
from onlineml.learners.batch.quality import kappa
from onlineml.learners.batch.subspaces import SubspaceEnsemble, draw_poisson
from onlineml.parameters import whole


class KUE(SubspaceEnsemble):
    """Kappa-updated ensemble: members on random features that learn all batches, voting by kappa.

    Each member has a random subset, of random size, of the features, and learns each row a
    Poisson(1) number of times. On every batch, the members' kappas are measured, then all learn it;
    a new member replaces the one of least kappa if its own is higher. Members of kappa 0 or less do
    not vote. Time per event is that of `n_members` fits and predictions; memory is that of the
    members and of `batch_size` rows.

    Parameters
    ----------
    base
        Kind of the members; None = `GaussianNB()`.
    n_members
        Number of members, all there from the first batch.
    batch_size
        Rows from one update to the next.
    n_candidates
        New members that are tried at each batch.
    seed
        Seed of subsets and Poisson numbers.

    Raises
    ------
    ValueError
        At the first event, unless `base` is a classifier or None, `n_members` and `batch_size` are
        whole numbers >= 1 and `n_candidates` is a whole number >= 0.

    Examples
    --------
    >>> from onlineml.learners import KUE
    >>> X, y = [[1.0, 0.0], [2.0, 1.0], [8.0, 0.0], [9.0, 1.0]], ["low", "low", "high", "high"]
    >>> KUE(batch_size=4, n_members=3, seed=2).fit_many(X * 4, y * 4).predict_one([7.5, 0.5])
    'high'

    Notes
    -----
    Follows algorithm 1 of [1]_: the kappa of a new member is that on the batch that it has
    learned, so it enters easily, and is judged as the others one batch later. Votes are
    class probabilities times kappa.

    References
    ----------
    .. [1] Cano, Krawczyk (2020), Kappa updated ensemble for drifting data stream mining, Machine
       Learning 109, section 3. doi:10.1007/s10994-019-05840-z
    """

    def __init__(
        self,
        *,
        base: Classifier | None = None,
        n_members: int = 10,
        batch_size: int = 200,
        n_candidates: int = 1,
        seed: int | None = None,
    ) -> None:
        super().__init__(base=base, n_members=n_members, batch_size=batch_size, seed=seed)
        self.n_candidates = n_candidates

    def _check(self) -> None:
        super()._check()
        whole("n_candidates", self.n_candidates, 0)

    def _update(self, X: Array, y: Array, weight: Array) -> None:
        if self.n_updates_[0] == 1:
            for k in range(self.n_members):
                self._learn_batch(k, X, y, weight)
                self.born_[k], self.vote_[k] = 1, self._kappa(k, X, y, weight)
        else:
            for k in range(self.n_members):
                self.vote_[k] = self._kappa(k, X, y, weight)
            for k in range(self.n_members):
                self._learn_batch(k, X, y, weight)
            self._try_new_members(X, y, weight)

    def _try_new_members(self, X: Array, y: Array, weight: Array) -> None:
        new = self.n_members
        for _ in range(self.n_candidates):
            drawn = np.empty(len(X))
            draw_poisson(self.rng_, new, np.ones(len(X)), weight, drawn)
            self._train_new(new, X, y, drawn)
            vote = self._kappa(new, X, y, weight)
            worst = int(np.argmin(self.vote_[:new]))
            if vote > self.vote_[worst]:
                self._move(new, worst)
                self.vote_[worst] = vote

    def _learn_batch(self, k: int, X: Array, y: Array, weight: Array) -> None:
        drawn = np.empty(len(X))
        draw_poisson(self.rng_, k, np.ones(len(X)), weight, drawn)
        self._teach(k, X, y, drawn)

    def _kappa(self, k: int, X: Array, y: Array, weight: Array) -> float:
        return max(kappa(self._ask(k, X), y, weight, int(self.seen_[0])), 0.0)
