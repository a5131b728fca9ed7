//! Windows of the past that today's books are sent through again.

use chrono::NaiveDate;

use super::{Calendar, CalendarError, TradingDate};

/// A crisis, from the close before it began to the close of its low.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replay {
    /// Its key: `covid_2020`.
    pub id: &'static str,
    /// Its title.
    pub name: &'static str,
    /// First and last day, both sessions: year, month, day.
    days: [(i32, u32, u32); 2],
}

/// All windows, oldest first. A change is a new version of the model.
pub const REPLAYS: [Replay; 5] = [
    Replay {
        id: "dot_com_2000",
        name: "Dot-com bust",
        days: [(2000, 3, 24), (2002, 10, 9)],
    },
    Replay {
        id: "financial_crisis_2008",
        name: "Financial crisis",
        days: [(2007, 10, 9), (2009, 3, 9)],
    },
    Replay {
        id: "q4_2018",
        name: "Fourth quarter of 2018",
        days: [(2018, 9, 20), (2018, 12, 24)],
    },
    Replay {
        id: "covid_2020",
        name: "COVID crash",
        days: [(2020, 2, 19), (2020, 3, 23)],
    },
    Replay {
        id: "rates_2022",
        name: "Bear market of 2022",
        days: [(2022, 1, 3), (2022, 10, 12)],
    },
];

impl Replay {
    /// The sessions of its first and its last close.
    pub fn window(&self, calendar: Calendar) -> Result<[TradingDate; 2], CalendarError> {
        let [first, last] = self.days;
        let date = |(year, month, day)| {
            calendar.on_or_after(NaiveDate::from_ymd_opt(year, month, day).unwrap_or_default())
        };
        Ok([date(first)?, date(last)?])
    }

    /// The first and last closes of all windows that are over by `as_of`.
    pub fn over(
        calendar: Calendar,
        as_of: TradingDate,
    ) -> Result<Vec<(Self, [TradingDate; 2])>, CalendarError> {
        let mut over = Vec::new();
        for replay in REPLAYS {
            let window = replay.window(calendar)?;
            if window[1] <= as_of {
                over.push((replay, window));
            }
        }
        Ok(over)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_sessions_and_only_those_of_the_past_are_over() {
        let calendar = Calendar::nyse();
        for replay in REPLAYS {
            let [first, last] = replay.window(calendar).unwrap();
            let days = replay
                .days
                .map(|(y, m, d)| NaiveDate::from_ymd_opt(y, m, d));
            assert_eq!(days, [Some(first.date()), Some(last.date())]);
        }
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let over = |text: &str| {
            let as_of = calendar.on_or_before(day(text)).unwrap();
            Replay::over(calendar, as_of).unwrap().len()
        };
        assert_eq!(over("2016-12-30"), 2);
        assert_eq!(over("2018-12-21"), 2);
        assert_eq!(over("2018-12-24"), 3);
        assert_eq!(over("2026-01-05"), 5);
    }
}
