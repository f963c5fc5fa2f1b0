"""Other people's verifiers beside ours: the same completions, each framework in an environment of its own.

Names load on first use; ``__init__.pyi`` says where they live.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
