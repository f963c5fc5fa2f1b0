from .bundle import write_bundle as write_bundle
from .server import serve as serve
