"""Detectors whose scores are calibrated."""

import numpy as np
import pytest

from onlineml.detectors import CalibratedDetector, DeviationFromMean
from onlineml.transforms import ConformalCalibrator, StandardScaler


def test_is_the_detector_followed_by_the_calibrator() -> None:
    X = np.random.default_rng(0).normal(size=(400, 3))
    model = CalibratedDetector(
        base=DeviationFromMean(), calibrator=ConformalCalibrator(window_size=50)
    )
    got = model.score_fit_many(X)
    raw = DeviationFromMean().score_fit_many(X)
    due = ConformalCalibrator(window_size=50).transform_fit_many(raw[:, None])[:, 0]
    np.testing.assert_array_equal(got, due)


def test_what_is_no_detector_is_refused() -> None:
    with pytest.raises(ValueError, match="base"):
        CalibratedDetector(base=StandardScaler()).fit_one([1.0])
    with pytest.raises(ValueError, match="calibrator"):
        CalibratedDetector(base=DeviationFromMean(), calibrator=3).fit_one([1.0])
