"""What the notebooks need as a course: exercises that check themselves, curves that grow, one call that keeps a figure.

``from mathb_kit.course import check, keep, keep_table, LiveCurves``
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
