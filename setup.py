"""The one thing setup.cfg cannot say: what is compiled, all of it optional."""

import sys

from setuptools import Extension, setup

# The rule rounds after each operation: no fused multiply-add, no reassociation.
FLAGS = ["/fp:precise"] if sys.platform == "win32" else ["-O3", "-ffp-contract=off", "-fno-fast-math"]

setup(
    ext_modules=[
        # optional: without a compiler NumPy and Pillow serve, slower and equal.
        Extension("iddkit.raster._scanline", ["iddkit/raster/_scanline.c"], extra_compile_args=FLAGS, optional=True),
        Extension(
            "iddkit.statistics._unfilter", ["iddkit/statistics/_unfilter.c"], extra_compile_args=FLAGS, optional=True
        ),
        Extension("iddkit.metrics._pairs", ["iddkit/metrics/_pairs.c"], extra_compile_args=FLAGS, optional=True),
    ]
)
