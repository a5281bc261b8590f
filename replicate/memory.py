"""The peak memory of one piece of work, not of the whole process so far."""

import resource
from pathlib import Path

_RESET, _STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")


def reset_peak() -> None:
    """Let the kernel forget the largest resident size so far; where it cannot (not Linux), do nothing."""
    try:
        _RESET.write_text("5")
    except OSError:
        return


def peak_mib() -> float:
    """Return the largest resident size of this process in MiB since `reset_peak`, or since it started."""
    try:
        line = next(line for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024
    except (OSError, StopIteration):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
