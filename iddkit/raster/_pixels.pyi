import numpy as np
from numpy.typing import NDArray

def fill(
    points: NDArray[np.int32],
    offsets: NDArray[np.int64],
    values: NDArray[np.int64],
    index: NDArray[np.uint8] | NDArray[np.uint16],
) -> None: ...
def filter_rows(
    index: NDArray[np.uint8] | NDArray[np.uint16], table: NDArray[np.uint8], rows: NDArray[np.uint8]
) -> None: ...
def measure(
    index: NDArray[np.uint8] | NDArray[np.uint16], areas: NDArray[np.int64], boxes: NDArray[np.int64]
) -> None: ...
