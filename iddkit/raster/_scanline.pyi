import numpy as np
from numpy.typing import NDArray

def fill(
    points: NDArray[np.int32],
    offsets: NDArray[np.int64],
    values: NDArray[np.int64],
    index: NDArray[np.uint8] | NDArray[np.uint16],
) -> None: ...
