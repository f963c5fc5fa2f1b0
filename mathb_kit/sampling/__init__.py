"""From problems to attempts: engines, the driver that skips what the store has, and its report.

`mathb_kit.draw.Draw` has the verbs. Names load on first use (``__init__.pyi`` says where each
lives): the shell completes an engine's name without pandas.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
