"""How many observations BOHB's model needs; imports no HpBandSter."""


def bohb_model_after(dimensions: int) -> int:
    """Observations at one fidelity that HpBandSter's first model takes: d + 1 good, d + 1 bad.

    The paper says d + 3 in all.
    """
    return 2 * (dimensions + 1)
