"""Tables to numbers: nothing of the test rows, no gaps, no constant columns."""

import numpy as np
import pandas as pd
import pytest

from replicate.papers.quantile_aggregation.preprocess import Tabular


@pytest.fixture
def frame():
    return pd.DataFrame(
        {
            "x": [1.0, 2, 3, np.nan, 5, 6] * 3,
            "flat": [7] * 18,
            "kind": ["a", "b", "a", "b", "a", "rare"] * 2 + ["a", "b", "a", "b", "a", None],
        }
    )


def test_columns(frame):
    """x, its gap, categories a and b, everything else; 'flat' is dropped; all standardised."""
    found = Tabular().fit(frame).transform(frame)
    assert found.shape == (18, 5)
    np.testing.assert_allclose(found.mean(0), 0, atol=1e-12)
    np.testing.assert_allclose(found.std(0), 1, atol=1e-12)


def test_transform_uses_what_was_learnt_at_fit(frame):
    """Scaling by test rows would leak them."""
    tabular = Tabular().fit(frame)
    one = tabular.transform(frame.iloc[:1])
    np.testing.assert_array_equal(one, tabular.transform(frame)[:1])
    new = frame.iloc[:1].assign(kind="unseen", x=np.nan)
    assert np.isfinite(tabular.transform(new)).all()


def test_mistakes(frame):
    """A missing column is named."""
    with pytest.raises(ValueError, match="column 'kind' is missing"):
        Tabular().fit(frame).transform(frame.drop(columns="kind"))
