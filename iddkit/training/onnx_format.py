"""What every exported ONNX file has: the names of what goes in and what comes out, and the version of its operators."""

from __future__ import annotations

from typing import Final

#: Names of what goes in and what comes out.
INPUT: Final = "image"
OUTPUT: Final = "logits"

#: Version of ONNX's operators: 17 is of 2022, and all that runs ONNX today knows it.
OPSET: Final = 17
#: The first and the last that PyTorch's exporter writes and that have all that the networks are made of.
OPSETS: Final = (11, 20)
