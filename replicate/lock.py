"""Print the installed versions as pip constraints (``make lock``).

torch, torchvision and the GPU libraries they bring are left free: which builds exist depends on the
platform, and pip resolves them from the ranges in ``pyproject.toml``.
"""

from importlib.metadata import distributions

FREE = ("torch", "torchvision", "triton", "nvidia-", "cuda-")
TOOLS = ("pip", "setuptools", "wheel", "replicate-papers")


def constraints() -> list[str]:
    """Return ``name==version`` lines for everything installed but the free ones, sorted."""
    found = {d.metadata["Name"].lower().replace("_", "-"): d.version for d in distributions()}
    return [f"{n}=={v}" for n, v in sorted(found.items()) if n not in TOOLS and not n.startswith(FREE)]


if __name__ == "__main__":
    print("\n".join(constraints()))
