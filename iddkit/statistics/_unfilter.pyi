import numpy as np
from numpy.typing import NDArray

def unfilter(rows: bytes, pixels: NDArray[np.uint8]) -> None: ...
