"""Gives the wheel the notebooks and the pages that they link to, which lie beside the package; all else stands in
pyproject.toml."""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

CARRIED = ("notebooks/*.py", "notebooks/*.ipynb", "docs/*.md")


class BuildWithCourse(build_py):
    def run(self) -> None:
        super().run()
        if self.editable_mode:  # a checkout has them
            return
        for file in (file for pattern in CARRIED for file in sorted(Path().glob(pattern))):
            copy = Path(self.build_lib, "mathb_kit", file)
            self.mkpath(str(copy.parent))
            self.copy_file(str(file), str(copy))


setup(cmdclass={"build_py": BuildWithCourse})
