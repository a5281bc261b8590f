"""The thermal network of the simulated spacecraft: eleven nodes, linear exchange, advanced exactly.

State ``x`` is the deviation (K) of every node from its reference temperature, time is in hours:
``dx_i/dt = -x_i/tau_i + sum_j k_ij (x_j - x_i) + q_i``. With inputs held constant over a step of ``dt`` hours,
``x <- Ad x + Bd q`` with ``Ad = exp(A dt)``, ``Bd = A^-1 (Ad - I)`` is no approximation: two half steps equal one.
All numbers are design choices for a spacecraft like Euclid, not flight values.
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import expm


@dataclass(frozen=True)
class Node:
    """A temperature: reference (K), time constant (h), noise of a reading (K), its least significant bit (K)."""

    name: str
    reference: float
    tau: float
    sigma: float
    lsb: float


NODES = (
    Node("ssh_rear", 320, 1, 0.05, 0.05),  # rear of the sunshield
    Node("svm_panel", 293, 6, 0.03, 0.02),  # service module
    Node("rwl1", 298, 1.5, 0.05, 0.05),  # reaction wheel 1
    Node("pcdu", 300, 2, 0.03, 0.02),  # power control and distribution
    Node("twta", 295, 0.75, 0.05, 0.05),  # K-band amplifier
    Node("plm_base", 133, 24, 0.005, 0.004),  # payload module
    Node("m1", 130, 20, 0.005, 0.004),  # primary mirror
    Node("m2", 128, 16, 0.005, 0.004),  # secondary mirror
    Node("fom3", 126, 2.5, 0.01, 0.01),  # folding mirror
    Node("nisp_det", 95, 3, 0.003, 0.002),  # NISP detectors
    Node("vis_fpa", 153, 2, 0.005, 0.004),  # VIS focal plane
)
TEMPERATURES = tuple(node.name for node in NODES)
INDEX = {name: i for i, name in enumerate(TEMPERATURES)}
SIGMA = np.array([node.sigma for node in NODES])
LSB = np.array([node.lsb for node in NODES])
REFERENCE = np.array([node.reference for node in NODES], dtype=float)

# (receives, from): conductance in 1/h
COUPLINGS = {
    ("svm_panel", "ssh_rear"): 0.02,
    ("rwl1", "svm_panel"): 0.2,
    ("pcdu", "svm_panel"): 0.15,
    ("twta", "svm_panel"): 0.2,
    ("plm_base", "svm_panel"): 0.003,
    ("plm_base", "ssh_rear"): 0.002,
    ("m1", "plm_base"): 0.03,
    ("m2", "plm_base"): 0.03,
    ("fom3", "plm_base"): 0.05,
    ("nisp_det", "plm_base"): 0.05,
    ("vis_fpa", "plm_base"): 0.05,
    ("svm_panel", "pcdu"): 0.01,
    ("svm_panel", "twta"): 0.005,
    ("svm_panel", "rwl1"): 0.005,
    ("plm_base", "vis_fpa"): 0.01,
    ("plm_base", "nisp_det"): 0.01,
    ("plm_base", "fom3"): 0.01,
}


def rate_matrix() -> np.ndarray:
    """Return ``A``, shape (11, 11), 1/h."""
    a = np.diag([-1 / node.tau for node in NODES])
    for (receiver, giver), k in COUPLINGS.items():
        a[INDEX[receiver], INDEX[giver]] += k
        a[INDEX[receiver], INDEX[receiver]] -= k
    return a


def propagator(dt: float) -> tuple[np.ndarray, np.ndarray]:
    """Return ``Ad`` and ``Bd``, both (11, 11), for a step of ``dt`` hours."""
    a = rate_matrix()
    ad = expm(a * dt)
    return ad, np.linalg.solve(a, ad - np.eye(len(a)))


def time_constants() -> np.ndarray:
    """Return the network's own time constants (h), ascending: -1 over the eigenvalues of ``A``."""
    return np.sort(-1 / np.linalg.eigvals(rate_matrix()).real)


def steady_state(heating: np.ndarray) -> np.ndarray:
    """Return the deviation (K) after infinite time under a constant ``heating`` (11,), K/h."""
    return -np.linalg.solve(rate_matrix(), heating)


def step_response(heating: np.ndarray, hours: float, dt: float = 1 / 60) -> np.ndarray:
    """Return the deviation (K) reached from zero after ``hours`` of constant ``heating`` (11,), K/h."""
    ad, bd = propagator(dt)
    x = np.zeros(len(ad))
    for _ in range(round(hours / dt)):
        x = ad @ x + bd @ heating
    return x
