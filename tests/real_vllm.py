"""What the tests on the real vLLM share: which interpreter has it, and when success rates differ."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache

import pytest

ALPHA = 1e-3  # of a comparison of success rates, fixed beforehand


@cache
def vllm_python() -> str:
    """``MATHB_VLLM_PYTHON``, else this interpreter; a skip where it has no vLLM."""
    python = os.environ.get("MATHB_VLLM_PYTHON") or sys.executable
    look = "import importlib.util, sys; sys.exit(importlib.util.find_spec('vllm') is None)"
    if subprocess.run([python, "-c", look], check=False).returncode:
        pytest.skip(f"{python} has no vLLM; MATHB_VLLM_PYTHON names an interpreter that has it")
    return python
