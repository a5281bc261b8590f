"""Bad telemetry: repaired and noted, or refused with a sentence that says where; never a silent wrong answer."""

import numpy as np
import pandas as pd
import pytest

from replicate.errors import UserError
from replicate.papers.euclid_telemetry import read_telemetry
from replicate.papers.euclid_telemetry.grid import regular_grid
from replicate.papers.euclid_telemetry.reading import utc


def frame(n=120, freq="5min", **columns):
    """Return n samples of a wave T and a ramp c."""
    index = pd.date_range("2024-02-15", periods=n, freq=freq, tz="UTC")
    base = {"T": np.sin(np.arange(n) / 7), "c": np.arange(n, dtype=float)}
    return pd.DataFrame(base | columns, index)


def grid(table, **options):
    """Return the grid of T and c."""
    return regular_grid(table, ["T"], ["c"], **options)


def test_bins_hold_the_mean_of_their_samples():
    """[t, t + 10 min) holds two five-minute samples; the mean of all is preserved."""
    table = frame()
    found = grid(table)
    np.testing.assert_allclose(found.values["c"], np.arange(120).reshape(-1, 2).mean(axis=1))
    assert found.values["T"].mean() == pytest.approx(table["T"].mean())
    assert found.values.index[1] - found.values.index[0] == pd.Timedelta("10min")


def test_lags_round_up_to_the_grid():
    """15 min on 10 min is the newest sample not younger: 20 min; on 5 min it is exact."""
    assert grid(frame()).steps("15min") == 2
    assert grid(frame()).steps("60min") == 6
    assert grid(frame(), step="5min").steps("15min") == 3


def test_gaps_stay_missing_in_targets_and_are_filled_for_an_hour_in_covariates():
    """A three-hour gap: the target has none of its 18 bins, the covariate the first 6."""
    table = frame()
    table.iloc[40:76] = np.nan
    found = grid(table)
    assert found.values["T"].isna().sum() == 18
    assert found.values["c"].isna().sum() == 12
    assert any("longest gap 0 days 03:00:00" in note for note in found.notes)


def test_missing_rows_are_gaps_too():
    """Rows that are absent are as missing as rows that are empty."""
    table = frame()
    found = grid(table.drop(table.index[40:76]))
    assert found.values["T"].isna().sum() == 18


def test_unsorted_rows_are_sorted_and_noted():
    """Order of the rows must not matter."""
    shuffled = frame().sample(frac=1, random_state=0)
    found = grid(shuffled)
    pd.testing.assert_frame_equal(found.values, grid(frame()).values, check_freq=False)
    assert any("were sorted" in note for note in found.notes)


def test_identical_duplicates_are_dropped_and_others_refused():
    """Two different values at one time have no answer, unless a mean is asked for."""
    table = frame()
    same = pd.concat([table, table.iloc[10:12]])
    found = grid(same)
    assert any("2 identical rows" in note for note in found.notes)
    np.testing.assert_allclose(found.values, grid(table).values)
    other = table.iloc[[10]] + 1
    with pytest.raises(UserError, match=r"1 time stamps have rows with different values.*2024-02-15 00:50"):
        grid(pd.concat([table, other]))
    averaged = grid(pd.concat([table, other]), duplicates="mean")
    assert averaged.values["c"].iloc[5] == pytest.approx((10 + 11 + 11) / 3)


def test_time_zones_are_converted_and_noted():
    """The same instants in another zone are the same telemetry; none is UTC."""
    wanted = grid(frame()).values
    paris = grid(frame().tz_convert("Europe/Paris"))
    np.testing.assert_allclose(paris.values, wanted)
    assert (paris.values.index == wanted.index).all()
    assert any("Europe/Paris" in note for note in paris.notes)
    naive = grid(frame().tz_localize(None))
    assert any("taken for UTC" in note for note in naive.notes)


def test_mixed_cadences_are_averaged_each_over_what_it_has():
    """A target every 5 min and a covariate every 30 min share a grid."""
    table = frame()
    table.loc[table.index[np.arange(120) % 6 != 0], "c"] = np.nan
    found = grid(table)
    assert found.values["T"].notna().all()
    assert found.values["c"].notna().all()  # held for at most an hour


def test_a_target_slower_than_the_grid_is_refused():
    """Every other bin would be empty and every lag missing."""
    table = frame()
    table.loc[table.index[np.arange(120) % 6 != 0], "T"] = np.nan
    with pytest.raises(UserError, match=r"target 'T' .* slower than the step .*choose step="):
        grid(table)


def test_numbers_as_text_are_read_and_text_is_refused():
    """'n/a' in a number column names channel, value and time."""
    table = frame()
    assert any("stored as text" in note for note in grid(table.assign(c=table["c"].astype(str))).notes)
    text = table["c"].astype(object)
    text.iloc[7] = "n/a"
    with pytest.raises(UserError, match=r"channel 'c' holds text: 'n/a' at 2024-02-15 00:35"):
        grid(table.assign(c=text))


def test_infinite_values_are_refused():
    """An infinite sample would poison its bin's mean."""
    table = frame()
    table.iloc[3, 0] = np.inf
    with pytest.raises(UserError, match=r"'T' is infinite at 2024-02-15 00:15"):
        grid(table)


def test_constant_channels():
    """A constant target has nothing to forecast; a constant covariate is noted."""
    with pytest.raises(UserError, match="target 'T' is constant"):
        grid(frame(T=np.ones(120)))
    assert any("constant covariates explain nothing: c" in note for note in grid(frame(c=np.ones(120))).notes)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (frame().rename(columns={"T": "T1"}), "no channel 'T' .*did you mean 'T1'"),
        (frame(T=np.full(120, np.nan)), "target 'T' has no sample"),
        (frame(c=np.full(120, np.nan)), "covariate 'c' has no sample"),
        (frame(20), "too few to fit"),
        (frame().iloc[:0], "no rows"),
        (frame().reset_index(drop=True), "no time stamps"),
        (frame().to_numpy(), "must be a pandas DataFrame"),
    ],
)
def test_what_cannot_be_used_is_refused(table, message):
    """Each message says what is wrong."""
    with pytest.raises(UserError, match=message):
        grid(table)


def test_a_wrong_year_is_caught_before_it_fills_the_memory():
    """One time stamp in 9024 would ask for a grid of billions of bins."""
    table = frame()
    index = table.index.tz_localize(None).to_numpy().astype("datetime64[s]")
    index[-1] = np.datetime64("9024-02-15")
    with pytest.raises(UserError, match="is a time stamp wrong"):
        grid(table.set_axis(pd.DatetimeIndex(index)))


def test_a_channel_named_twice_is_refused():
    """As target and covariate it would explain itself."""
    with pytest.raises(UserError, match="'T' is named twice"):
        regular_grid(frame(), ["T"], ["T"])
    with pytest.raises(UserError, match="no targets"):
        regular_grid(frame(), [], ["c"])
    with pytest.raises(UserError, match="two columns are called 'c'"):
        regular_grid(pd.concat([frame(), frame()[["c"]]], axis=1), ["T"], ["c"])


def test_unknown_policy_names_the_allowed_ones():
    """duplicates='drop' is not a policy."""
    with pytest.raises(UserError, match="mean, refuse"):
        grid(frame(), duplicates="drop")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n", "no time column among a, b"),
        ("time,T\n2024-02-15 00:00,1\nyesterday,2\n", "'yesterday' in row 1 cannot be read"),
        ("time,T\n2024-02-15T00:00:00Z,1\n2024-02-15T00:10:00,2\n", "some have none"),
        ("time,T\n1707955200,1\n1707955800,2\n", "time stamps are numbers"),
        ("time,T\n2024-02-15 00:00,1\n,2\n", "row 1"),
    ],
)
def test_files_that_cannot_be_read_are_refused(tmp_path, text, message):
    """The message names file and row."""
    path = tmp_path / "mine.csv"
    path.write_text(text)
    with pytest.raises(UserError, match=message):
        read_telemetry(path)


def test_offsets_in_a_file_are_converted(tmp_path):
    """Summer and winter time in one file are instants like any other."""
    path = tmp_path / "mine.csv"
    path.write_text("Timestamp,T\n2024-03-31T01:30:00+01:00,1\n2024-03-31T03:30:00+02:00,2\n")
    found = read_telemetry(path)
    assert found.index[1] - found.index[0] == pd.Timedelta("1h")
    assert str(found.index.tz) == "UTC"


def test_files_and_formats_that_do_not_exist(tmp_path):
    """No file, another format, a misspelt time column."""
    with pytest.raises(UserError, match="no file"):
        read_telemetry(tmp_path / "none.csv")
    (tmp_path / "mine.xlsx").write_text("")
    with pytest.raises(UserError, match=r"unknown format '.xlsx'"):
        read_telemetry(tmp_path / "mine.xlsx")
    (tmp_path / "mine.csv").write_text("when,T\n2024-02-15,1\n")
    with pytest.raises(UserError, match="did you mean 'when'"):
        read_telemetry(tmp_path / "mine.csv", time="whan")
    assert len(read_telemetry(tmp_path / "mine.csv", time="when")) == 1


def test_missing_time_stamps_of_an_index_are_refused():
    """NaT in the index has no place on a grid."""
    with pytest.raises(UserError, match="row 1 has no time stamp"):
        utc(pd.DatetimeIndex(["2024-02-15", None]), "here")
