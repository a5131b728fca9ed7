//! When the exchange is closed, and when it closes early: the rules and the days that no rule
//! foresees. A new closure by decree is one line in [`DECREED`].

use chrono::{Datelike, NaiveDate, Weekday};

use super::shifted;

/// Closures that follow from no rule.
const DECREED: &[(i32, u32, u32)] = &[
    (1994, 4, 27), // funeral of President Nixon
    (2001, 9, 11), // attacks
    (2001, 9, 12),
    (2001, 9, 13),
    (2001, 9, 14),
    (2004, 6, 11),  // funeral of President Reagan
    (2007, 1, 2),   // funeral of President Ford
    (2012, 10, 29), // hurricane Sandy
    (2012, 10, 30),
    (2018, 12, 5), // funeral of President G. H. W. Bush
    (2025, 1, 9),  // funeral of President Carter
];

/// Early closes that follow from no rule: the Fridays after Christmas, and the last 1990s day.
const DECREED_EARLY: &[(i32, u32, u32)] = &[(1997, 12, 26), (1999, 12, 31), (2003, 12, 26)];

/// Last year in which early closes were at 14:00; later ones are at 13:00.
const LAST_YEAR_OF_LATER_CLOSES: i32 = 1992;

/// The weekdays of `year` without a session, in no particular order.
pub(super) fn closures(year: i32) -> Vec<NaiveDate> {
    let mut days = vec![
        nth(year, 2, Weekday::Mon, 3), // Presidents' Day
        shifted(easter(year), -2),     // Good Friday
        last_monday_of_may(year),      // Memorial Day
        observed(date(year, 7, 4)),
        nth(year, 9, Weekday::Mon, 1), // Labor Day
        thanksgiving(year),
        observed(date(year, 12, 25)),
    ];
    // A New Year's Day on a Saturday is not observed: the year before keeps its last session.
    let new_year = date(year, 1, 1);
    if new_year.weekday() != Weekday::Sat {
        days.push(observed(new_year));
    }
    if year >= 1998 {
        days.push(nth(year, 1, Weekday::Mon, 3)); // Martin Luther King Jr. Day
    }
    if year >= 2022 {
        days.push(observed(date(year, 6, 19))); // Juneteenth
    }
    let decreed = DECREED.iter().filter(|(y, ..)| *y == year);
    days.extend(decreed.map(|&(y, month, day)| date(y, month, day)));
    days
}

/// The hour, New York time, at which the session of `day` closes early. The day must be a
/// session: a Christmas Eve that is the observed holiday is not looked at.
pub(super) fn early_close_hour(day: NaiveDate) -> Option<i64> {
    let year = day.year();
    let decreed = DECREED_EARLY
        .iter()
        .any(|&(y, month, d)| date(y, month, d) == day);
    let early = decreed
        || (year >= 1992 && day == shifted(thanksgiving(year), 1))
        || (day == date(year, 12, 24) && day.weekday().number_from_monday() <= 4)
        || independence_eve(year) == Some(day);
    early.then_some(if year <= LAST_YEAR_OF_LATER_CLOSES {
        14
    } else {
        13
    })
}

/// The short session beside Independence Day, since 1995: the day before when both are weekdays
/// and not separated by a weekend; until 2012 a Thursday holiday had its short Friday instead.
fn independence_eve(year: i32) -> Option<NaiveDate> {
    let holiday = date(year, 7, 4);
    match holiday.weekday() {
        _ if year < 1995 => None,
        Weekday::Thu if year < 2013 => Some(date(year, 7, 5)),
        Weekday::Tue | Weekday::Wed | Weekday::Thu | Weekday::Fri => Some(date(year, 7, 3)),
        Weekday::Mon | Weekday::Sat | Weekday::Sun => None,
    }
}

/// A holiday on a Saturday is observed on the Friday before, on a Sunday on the Monday after.
fn observed(holiday: NaiveDate) -> NaiveDate {
    match holiday.weekday() {
        Weekday::Sat => shifted(holiday, -1),
        Weekday::Sun => shifted(holiday, 1),
        _ => holiday,
    }
}

fn thanksgiving(year: i32) -> NaiveDate {
    nth(year, 11, Weekday::Thu, 4)
}

fn last_monday_of_may(year: i32) -> NaiveDate {
    shifted(nth(year, 6, Weekday::Mon, 1), -7)
}

fn nth(year: i32, month: u32, weekday: Weekday, n: u8) -> NaiveDate {
    NaiveDate::from_weekday_of_month_opt(year, month, weekday, n).unwrap_or_default()
}

fn date(year: i32, month: u32, day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(year, month, day).unwrap_or_default()
}

/// Easter Sunday of the Gregorian calendar (the anonymous computus of 1876).
fn easter(year: i32) -> NaiveDate {
    let golden = year % 19;
    let (century, of_century) = (year / 100, year % 100);
    let correction = (century + 8) / 25;
    let moon = (19 * golden + century - century / 4 - (century - correction + 1) / 3 + 15) % 30;
    let sunday = (32 + 2 * (century % 4) + 2 * (of_century / 4) - moon - of_century % 4) % 7;
    let late = (golden + 11 * moon + 22 * sunday) / 451;
    let days = moon + sunday - 7 * late + 114;
    shifted(
        date(year, 3, 1),
        i64::from((days / 31 - 3) * 31 + days % 31),
    )
}
