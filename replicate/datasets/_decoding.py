"""What any failure of a decoder becomes: one kind of error that names the file, the place in it and what to do."""

from collections.abc import Iterator
from contextlib import contextmanager

from replicate.errors import DataError


@contextmanager
def decoding(where: object, what: str) -> Iterator[None]:
    """Raise ``DataError`` for whatever a decoder raises: parsers of foreign bytes fail in every way there is.

    Args:
        where: the file, or the file and the part of it being read.
        what: what it should be, such as "a gzip file of text".
    """
    try:
        yield
    except DataError:
        raise
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0][:300]  # NumPy quotes a whole header
        raise DataError(f"{where} cannot be read as {what} ({reason}); fetch it again") from None
