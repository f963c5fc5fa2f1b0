"""Gives the wheel what lies beside the package: the notebooks, the pages that they link to, and the versions that the
committed figures were drawn with. All else stands in pyproject.toml."""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

CARRIED = ("constraints.txt", "notebooks/*.py", "notebooks/*.ipynb", "docs/*.md")


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
