"""From a completion to a verdict: extraction, a ladder of comparisons, workers that can be killed.

Names load on first use, so that a worker process imports no pandas; ``__init__.pyi`` says where they live.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
