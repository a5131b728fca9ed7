//! The close of every symbol for every session of a ledger, found in one walk per symbol.

use std::collections::BTreeMap;

use crate::domain::valuation::Quote;
use crate::domain::{Calendar, PriceHistory, Symbol, TradingDate};

/// The close found for every session, per symbol: one walk along both lists.
#[derive(Default)]
pub(super) struct Quotes<'a> {
    series: Vec<Vec<Option<Quote>>>,
    indices: BTreeMap<&'a Symbol, usize>,
}

impl<'a> Quotes<'a> {
    /// The place of a symbol's closes, walked along `sessions` when it is asked for first.
    pub(super) fn index(
        &mut self,
        symbol: &'a Symbol,
        history: Option<&PriceHistory>,
        sessions: &[TradingDate],
        calendar: Calendar,
    ) -> usize {
        let series = &mut self.series;
        *self.indices.entry(symbol).or_insert_with(|| {
            let closes = history
                .map(|history| history.closes.as_slice())
                .unwrap_or_default();
            // Closes before the first session are looked at once, not walked through.
            let mut known = sessions
                .first()
                .map_or(0, |&day| closes.partition_point(|(date, _)| *date < day));
            let quote = |&date| {
                known += closes[known..]
                    .iter()
                    .take_while(|(close, _)| *close <= date)
                    .count();
                let latest = known.checked_sub(1).and_then(|last| closes.get(last));
                latest.map(|close| Quote::new(close, date, calendar))
            };
            series.push(sessions.iter().map(quote).collect());
            series.len() - 1
        })
    }

    /// The closes found for the sessions, one each.
    pub(super) fn series(&self, series: usize) -> &[Option<Quote>] {
        self.series
            .get(series)
            .map(Vec::as_slice)
            .unwrap_or_default()
    }
}
