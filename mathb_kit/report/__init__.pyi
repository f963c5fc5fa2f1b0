from .notebooks import run_notebook as run_notebook
from .folders import figures_folder as figures_folder
from .status import beside_published as beside_published
