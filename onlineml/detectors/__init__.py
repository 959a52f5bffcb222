"""What is strange, and what has changed: detectors of anomalies and of drift."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
