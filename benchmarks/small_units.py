"""A unit that does nothing much, for measuring what a unit costs besides its work."""


def draw(config, seed):
    """Return one row: a random number."""
    return [{"metric": "draw", "value": float(seed.rng("draw", config["i"]).random())}]
