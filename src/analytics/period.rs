//! Returns over calendar periods: one day, month and year to date, one and three months, one year.
//!
//! **Source.** Our own anchors (design/domain.md, symbol-metrics).
//!
//! **NaN.** NaN is a hole of the index: the last value on or before an anchor counts. Infinite values are [`Error::Invalid`].

use super::Error;

/// Period returns to the as-of session, fractions; `None` where an end is missing.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct PeriodReturns {
    /// From the previous session. Like every session return it needs closes on both consecutive sessions.
    pub one_day: Option<f64>,
    /// From the last close of the previous month.
    pub month_to_date: Option<f64>,
    /// From the last close of the previous year.
    pub year_to_date: Option<f64>,
    /// From the last close on or before the same day of the previous month (clamped to its last day).
    pub one_month: Option<f64>,
    /// The same, three months back.
    pub three_months: Option<f64>,
    /// The same, twelve months back.
    pub one_year: Option<f64>,
}

/// Period returns `last/anchor − 1` at the last session given, each anchored at the last session **with** a value on or before the anchor date.
///
/// `days` are the dates of consecutive sessions as days since 1970-01-01 (chrono: `num_days_from_ce() − 719_163`), strictly ascending;
/// `index` is the series to compare on them, NaN where a session has no close: pass the total-return index of
/// [`super::returns::total_return_index`] for total returns, closes for price returns. Without a value on the last session every entry
/// is `None`: yesterday's number is never shown as today's. A value that is not positive counts as
/// missing. [`Error::Shape`] when the lengths differ, [`Error::Invalid`] when days do not ascend or a value is infinite.
pub fn period_returns(days: &[i32], index: &[f64]) -> Result<PeriodReturns, Error> {
    if days.len() != index.len() {
        return Err(Error::Shape {
            what: "index",
            have: index.len(),
            need: days.len(),
        });
    }
    if days.windows(2).any(|pair| pair[0] >= pair[1]) {
        return Err(Error::Invalid {
            what: "order of days",
        });
    }
    if index.iter().any(|value| super::is_beyond(*value)) {
        return Err(Error::Invalid {
            what: "value of an index",
        });
    }
    let (Some(&today), Some(&last)) = (days.last(), index.last()) else {
        return Ok(PeriodReturns::default());
    };
    if !is_value(last) {
        return Ok(PeriodReturns::default());
    }
    let since = |anchor: i64| {
        let end = days.partition_point(|&day| i64::from(day) <= anchor);
        index[..end]
            .iter()
            .rev()
            .copied()
            .find(|&value| is_value(value))
            .map(|base| last / base - 1.0)
    };
    let (year, month, day) = civil(i64::from(today));
    let back = |months| {
        let (year, month) = if month > months {
            (year, month - months)
        } else {
            (year - 1, month + 12 - months)
        };
        since(days_from_civil(
            year,
            month,
            day.min(days_in_month(year, month)),
        ))
    };
    let previous = index
        .len()
        .checked_sub(2)
        .map(|at| index[at])
        .filter(|&value| is_value(value));
    Ok(PeriodReturns {
        one_day: previous.map(|base| last / base - 1.0),
        month_to_date: since(days_from_civil(year, month, 1) - 1),
        year_to_date: since(days_from_civil(year, 1, 1) - 1),
        one_month: back(1),
        three_months: back(3),
        one_year: back(12),
    })
}

/// Neither missing nor a value that cannot be; infinite ones were refused before.
fn is_value(value: f64) -> bool {
    value > 0.0
}

/// Proleptic Gregorian (year, month, day) of a day since 1970-01-01; Howard Hinnant's `civil_from_days`.
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// The inverse of [`civil`].
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let shifted_month = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * shifted_month + 2) / 5 + day - 1;
    era * 146_097 + 365 * year_of_era + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

fn days_in_month(year: i64, month: i64) -> i64 {
    let (next_year, next) = if month == 12 {
        (year + 1, 1)
    } else {
        (year, month + 1)
    };
    days_from_civil(next_year, next, 1) - days_from_civil(year, month, 1)
}

#[cfg(test)]
#[expect(clippy::unreadable_literal, reason = "golden numbers as printed")]
mod tests {
    use super::*;

    fn day(year: i64, month: i64, day: i64) -> i32 {
        i32::try_from(days_from_civil(year, month, day)).unwrap()
    }

    #[test]
    fn the_calendar_goes_both_ways() {
        assert_eq!(days_from_civil(1970, 1, 1), 0);
        assert_eq!(days_from_civil(2000, 2, 29), 11_016);
        for days in (-800_000..800_000).step_by(97) {
            let (year, month, day) = civil(days);
            assert_eq!(days_from_civil(year, month, day), days);
        }
        assert_eq!(days_in_month(2024, 2), 29);
        assert_eq!(days_in_month(2023, 12), 31);
    }

    #[test]
    fn g24_period_returns() {
        let days = [
            day(2025, 12, 31),
            day(2026, 1, 30),
            day(2026, 2, 13),
            day(2026, 2, 17),
        ];
        let returns = period_returns(&days, &[80.0, 88.0, 92.0, 94.0]).unwrap();
        assert!((returns.one_day.unwrap() - 0.021739130).abs() < 1e-9);
        assert!((returns.month_to_date.unwrap() - 0.068181818).abs() < 1e-9);
        assert!((returns.year_to_date.unwrap() - 0.175).abs() < 1e-12);
        assert!((returns.one_month.unwrap() - 0.175).abs() < 1e-12);
        assert_eq!(returns.three_months, None);
    }

    #[test]
    fn an_anchor_without_a_close_takes_the_last_close_before_it() {
        let days = [
            day(2026, 1, 28),
            day(2026, 1, 29),
            day(2026, 1, 30),
            day(2026, 2, 2),
            day(2026, 2, 3),
        ];
        let returns = period_returns(&days, &[80.0, 81.0, f64::NAN, f64::NAN, 90.0]).unwrap();
        assert_eq!(returns.one_day, None);
        assert!((returns.month_to_date.unwrap() - (90.0 / 81.0 - 1.0)).abs() < 1e-15);
        assert_eq!(returns.year_to_date, None);
        let missing = period_returns(&days, &[80.0, 81.0, 82.0, 83.0, f64::NAN]).unwrap();
        assert_eq!(missing, PeriodReturns::default());
    }

    #[test]
    fn the_end_of_a_long_month_is_clamped() {
        let days = [
            day(2026, 2, 27),
            day(2026, 2, 28),
            day(2026, 3, 1),
            day(2026, 3, 31),
        ];
        let returns = period_returns(&days, &[10.0, 11.0, 12.0, 13.0]).unwrap();
        assert!((returns.one_month.unwrap() - (13.0 / 11.0 - 1.0)).abs() < 1e-15);
    }

    #[test]
    fn wrong_inputs_are_errors() {
        assert!(period_returns(&[1], &[]).is_err());
        assert!(period_returns(&[2, 1], &[1.0, 1.0]).is_err());
        assert_eq!(period_returns(&[], &[]).unwrap(), PeriodReturns::default());
    }
}
