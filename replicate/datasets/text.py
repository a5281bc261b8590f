"""Plain text: the King James Bible (embedded) and Python's own help topics (in every Python)."""

import functools
import gzip

from replicate.datasets._decoding import decoding
from replicate.datasets.fetch import fetch
from replicate.errors import DataError

KJV = "text/kjv.txt.gz"


@functools.cache
def load_kjv() -> str:
    """Return the King James Bible, 4 138 977 characters, 66 distinct ones; books and paragraphs are lines.

    The brackets around words that the translators added are taken out. Raises ``DataError`` if the file is corrupt.
    """
    path = fetch(KJV)
    with decoding(path, "gzipped text in UTF-8"), gzip.open(path, "rt", encoding="utf-8") as file:
        text = file.read()
    if not text:
        raise DataError(f"{path} holds no text; restore it with git (git checkout -- data)")
    return text.replace("[", "").replace("]", "")


@functools.cache
def load_help_topics() -> str:
    """Return the help topics of this Python (``help('topics')``), about 460 000 characters of technical English.

    The text differs between Python versions, hence no registered hash: use it where that does no harm.
    """
    from pydoc_data.topics import topics  # lazy: a large module of strings

    return "\n".join(topics[name] for name in sorted(topics))
