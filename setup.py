"""The one thing setup.cfg cannot say: the compiled loops over pixels, which are optional."""

import sys

from setuptools import Extension, setup

# The rule rounds after each operation: no fused multiply-add, no reassociation.
FLAGS = ["/fp:precise"] if sys.platform == "win32" else ["-O3", "-ffp-contract=off", "-fno-fast-math"]

setup(
    ext_modules=[
        # optional: without a compiler their twins in NumPy serve, slower and equal.
        Extension("iddkit.raster._pixels", ["iddkit/raster/_pixels.c"], extra_compile_args=FLAGS, optional=True)
    ]
)
