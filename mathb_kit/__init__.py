"""Do RL-tuned language models reach mathematics that their base cannot?

``import mathb_kit as mb`` loads nothing heavy. ``mb`` has what nearly every notebook needs; all else is asked by room,
e.g. ``mb.statistics.reach``. ``__init__.pyi`` lists both; names and rooms are imported when they are first used.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
