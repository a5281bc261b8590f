"""Reading a registered archive without unpacking it to disk."""

from replicate.datasets._archive import members
from replicate.datasets.fetch import entry, fetch
from replicate.datasets.registry import Registry
from replicate.errors import UserError


def load_members(name: str, *, registry: Registry | None = None) -> dict[str, bytes]:
    """Return the verified members of a registered archive, by name, fetching it if it is nowhere on this machine.

    Raises ``UserError`` for a file without registered members, ``Unavailable`` and ``DataError`` as ``fetch`` does.
    """
    if not (inside := entry(name, registry=registry).inside):
        raise UserError(f"{name} is no archive with registered members: read the path that fetch returns")
    return members(fetch(name, registry=registry), inside)
