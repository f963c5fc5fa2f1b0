from .check import check as check
from .keep import keep as keep, keep_table as keep_table
from .live import LiveCurves as LiveCurves
