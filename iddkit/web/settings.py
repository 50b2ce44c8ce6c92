"""How the server is set up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

#: Bytes of a request's body. An annotation of 65,000 objects has less; an image in labelme's JSON is not needed here.
MOST_BYTES: Final = 32 * 2**20


@dataclass(frozen=True, slots=True)
class Settings:
    """What the one who starts the server decides.

    Attributes
    ----------
    secure
        Whether browsers reach it by HTTPS: the cookie of a session is then sent by nothing else.
    attempts, pause
        Sign-ins that may fail for one name or from one address before it has to wait, and for how many seconds.
    most_bytes
        Of a request's body.
    """

    secure: bool = False
    attempts: int = 5
    pause: float = 60.0
    most_bytes: int = MOST_BYTES
