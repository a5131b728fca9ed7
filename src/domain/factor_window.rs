//! Which sessions the factor model of a date rests on, and when those are too few.

use chrono::NaiveDate;

/// Below this many sessions that all factors share, a number of the model is flagged: the window has 252, a model needs 60.
pub const ENOUGH: i32 = 200;

/// The flag of such a number.
pub const FLAG: &str = "short_factor_window";

/// Whether a model of so many common sessions rests on too few. Without their number there is no model to be flagged.
pub fn is_short(sessions: Option<i32>) -> bool {
    sessions.is_some_and(|sessions| sessions < ENOUGH)
}

/// [`FLAG`], or none. What stores the number of sessions need not store the flag.
pub fn flag(sessions: Option<i32>) -> Option<String> {
    is_short(sessions).then(|| FLAG.to_owned())
}

/// Where the sessions lie on which the proxy of every factor has a return, and what keeps them from being more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommonSessions {
    /// How many there are.
    pub n: i32,
    /// The oldest.
    pub first: NaiveDate,
    /// The newest.
    pub last: NaiveDate,
    /// The proxy with the fewest returns; nothing where each has one on every session of the window.
    pub limiting: Option<String>,
}

impl CommonSessions {
    /// The same for people.
    pub fn told(&self) -> String {
        let Self {
            n,
            first,
            last,
            limiting,
        } = self;
        let fewest = limiting.as_ref();
        let fewest = fewest.map(|proxy| format!(" ({proxy} has the fewest returns)"));
        let fewest = fewest.unwrap_or_default();
        format!("{n} sessions common to all factors, {first} to {last}{fewest}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fewer_than_two_hundred_common_sessions_are_flagged() {
        assert_eq!(flag(Some(199)).as_deref(), Some("short_factor_window"));
        for enough in [Some(200), Some(252), None] {
            assert_eq!(flag(enough), None, "{enough:?}");
        }
    }

    #[test]
    fn the_proxy_with_the_fewest_returns_is_named_where_there_is_one() {
        let mut common = CommonSessions {
            n: 61,
            first: "2016-12-30".parse().unwrap(),
            last: "2017-03-29".parse().unwrap(),
            limiting: Some("UST10Y".to_owned()),
        };
        assert_eq!(
            common.told(),
            "61 sessions common to all factors, 2016-12-30 to 2017-03-29 (UST10Y has the fewest returns)"
        );
        (common.n, common.limiting) = (252, None);
        assert_eq!(
            common.told(),
            "252 sessions common to all factors, 2016-12-30 to 2017-03-29"
        );
    }
}
