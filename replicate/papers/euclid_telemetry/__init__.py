"""Anomaly detection and forecasting for Euclid telemetry: Gomez et al. (2024), arXiv 2411.05596."""

from .pipeline import TelemetryPipeline
from .reading import read_telemetry
from .simulator import simulate

__all__ = ["TelemetryPipeline", "read_telemetry", "simulate"]
