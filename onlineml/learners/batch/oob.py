"""OOB: small classes are learned more often, row by row."""

from __future__ import annotations

from onlineml.base import Classifier
from onlineml.learners.batch.class_bagging import ClassBagging


class OOB(ClassBagging):
    """Oversampling-based online bagging, for classes of unequal and changing sizes.

    Class sizes are running means of "is of this class", which forget at rate `decay`. Each member
    learns a row of class c k times, k Poisson with mean `size of the largest class / size of c`, so
    that rows of small classes are repeated. Time per event is that of `n_members` fits and
    predictions, memory that of the members.

    Parameters
    ----------
    base
        Kind of the members; None = `GaussianNB()`.
    n_members
        Number of members.
    decay
        Share of a class size that is kept at each row: 0.9 looks back about ten rows.
    seed
        Seed of the Poisson numbers.

    Raises
    ------
    ValueError
        At the first event, unless `base` is a classifier or None, `n_members` is a whole
        number >= 1 and 0 < `decay` < 1.

    Examples
    --------
    >>> from onlineml.learners import OOB
    >>> X, y = [[1.0], [2.0], [8.0], [1.5], [2.5], [9.0]], ["low", "low", "high"] * 2
    >>> OOB(seed=1).fit_many(X * 5, y * 5).predict_one([7.5])
    'high'

    Notes
    -----
    Follows [1]_ with the rates of more than two classes of [2]_. A row repeated k times is one of
    weight k. Departures: means above 32 are drawn in parts, from the same distribution.

    References
    ----------
    .. [1] Wang, Minku, Yao (2015), Resampling-based ensemble methods for online class imbalance
       learning, IEEE TKDE 27(5), section 3. doi:10.1109/TKDE.2014.2345380
    .. [2] Wang, Minku, Yao (2016), Dealing with multiple classes in online class imbalance
       learning, IJCAI, section 4.
    """

    def __init__(
        self,
        *,
        base: Classifier | None = None,
        n_members: int = 10,
        decay: float = 0.9,
        seed: int | None = None,
    ) -> None:
        super().__init__(base=base, n_members=n_members, decay=decay, seed=seed)

    def _compares_with_largest(self) -> bool:
        return True
