"""The only files that know another project's API."""

from onlineml.integrations.pyod import PyODDetector
from onlineml.integrations.sklearn import SklearnDetector

__all__ = ["PyODDetector", "SklearnDetector"]
