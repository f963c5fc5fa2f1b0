"""A page over the whole store for a person who wants to read: served on this machine, or written as files."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
