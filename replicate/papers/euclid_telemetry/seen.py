"""Which real data are at hand, said once."""

from replicate.datasets import telemetry_at_hand

USED = {
    "birds": "C4-healthy, C4-failed",
    "skab": "C4-valve, C4-rotor",
    "smap_msl": "C5 (our forecasts)",
    "telemanom_run": "C5-lstm",
    "smap_msl_labels": "C5, C6",
    "opssat": "C7",
    "nab": "the table of real temperatures",
    "solar_orbiter": "the look at Solar Orbiter",
    "tsb_ad": "published scores of other detectors",
}


def data_sets() -> str:
    """Return one sentence about the real data sets that are neither here nor to be fetched."""
    missing = [f"{name} ({claims})" for name, claims in USED.items() if not telemetry_at_hand(name)]
    if not missing:
        return "All real data sets are at hand."
    return f"Not at hand, so not run: {'; '.join(missing)}. See data/README.md, or set REPLICATE_DATA."
