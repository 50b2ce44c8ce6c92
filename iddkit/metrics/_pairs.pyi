import numpy as np
from numpy.typing import NDArray

def count(first: NDArray[np.uint8], second: NDArray[np.uint8], counts: NDArray[np.int64]) -> None: ...
