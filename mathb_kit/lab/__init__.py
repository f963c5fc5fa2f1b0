"""How small models are trained: the miniature's recipes, RL objectives and their trainer, experiments on top of it."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
