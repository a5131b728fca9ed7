//! The order of prices, the age of a close, splits in between, options, private assets.

use super::*;
use crate::domain::{Exit, Life, PositionId};

const NYSE: Calendar = Calendar::nyse();

fn session(text: &str) -> TradingDate {
    NYSE.session(text.parse().unwrap()).unwrap().unwrap()
}

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn dated(values: &[(&str, &str)]) -> Vec<(TradingDate, Decimal)> {
    values
        .iter()
        .map(|(date, value)| (session(date), decimal(value)))
        .collect()
}

fn lot(class: AssetClass, quantity: &str, price: &str, entry: &str) -> Lot {
    Lot {
        id: PositionId(uuid::Uuid::nil()),
        symbol: "X".parse().unwrap(),
        class,
        subtype: None,
        quantity: decimal(quantity),
        entry_price: decimal(price),
        entry_date: entry.parse().unwrap(),
        exit: None,
        option: None,
    }
}

fn of(history: &PriceHistory) -> Known<'_> {
    Known {
        history: Some(history),
        ..Known::default()
    }
}

fn value(lot: &Lot, history: &PriceHistory, on: &str) -> LotValue {
    let entry = lot.life(NYSE).unwrap().entry;
    value_lot(lot, entry, of(history), session(on), NYSE)
}

fn seen(value: &LotValue) -> (String, String, Option<String>) {
    let date = value.price_date.map(|date| date.to_string());
    (
        value.quality.to_string(),
        value.market_value.normalize().to_string(),
        date,
    )
}

fn expected(quality: &str, worth: &str, date: &str) -> (String, String, Option<String>) {
    (
        quality.into(),
        worth.into(),
        (!date.is_empty()).then(|| date.into()),
    )
}

#[test]
fn the_close_then_a_recent_one_then_the_last_then_the_cost() {
    let stock = lot(AssetClass::Public, "10", "99", "2026-01-05");
    let closes = dated(&[("2026-01-06", "101"), ("2026-01-07", "102.5")]);
    let history = PriceHistory {
        closes,
        ..PriceHistory::default()
    };
    let at = |date| seen(&value(&stock, &history, date));
    assert_eq!(at("2026-01-05"), expected("carried", "990", ""));
    assert_eq!(at("2026-01-07"), expected("close", "1025", "2026-01-07"));
    assert_eq!(at("2026-01-08"), expected("stale", "1025", "2026-01-07"));
    assert_eq!(at("2026-01-14"), expected("stale", "1025", "2026-01-07"));
    assert_eq!(at("2026-01-15"), expected("carried", "1025", "2026-01-07"));
    let none = value_lot(
        &stock,
        session("2026-01-05"),
        Known::default(),
        session("2026-01-06"),
        NYSE,
    );
    assert_eq!(seen(&none), expected("carried", "990", ""));
    assert_eq!(
        (none.unrealised, none.price),
        (Decimal::ZERO, decimal("99"))
    );
}

#[test]
fn a_close_from_before_a_split_is_divided_and_the_quantity_multiplied() {
    let history = PriceHistory {
        closes: dated(&[("2026-01-05", "100"), ("2026-01-07", "34")]),
        splits: dated(&[("2026-01-06", "3")]),
        dividends: Vec::new(),
    };
    let stock = lot(AssetClass::Public, "-7", "90", "2026-01-05");
    let before = value(&stock, &history, "2026-01-05");
    assert_eq!(seen(&before), expected("close", "-700", "2026-01-05"));
    // No close on the ex-date: worth what it was, to the last digit, in thirds per share.
    let split = value(&stock, &history, "2026-01-06");
    assert_eq!(seen(&split), expected("stale", "-700", "2026-01-05"));
    assert_eq!(
        (split.quantity, split.price),
        (decimal("-21"), decimal("33.33333333333333"))
    );
    let after = value(&stock, &history, "2026-01-07");
    assert_eq!(seen(&after), expected("close", "-714", "2026-01-07"));
    assert_eq!(
        after.unrealised,
        decimal("-84"),
        "a short loses when the price rises"
    );
    // Entered at the close of the ex-date, priced by the close before it.
    let late = lot(AssetClass::Public, "3", "33", "2026-01-06");
    let stale = value(&late, &history, "2026-01-06");
    assert_eq!(stale.quantity, decimal("3"));
    assert_eq!(stale.market_value.round_dp(10), decimal("100"));
    // A lot without any close is worth its cost although its shares have multiplied.
    let unpriced = PriceHistory {
        closes: Vec::new(),
        ..history
    };
    let carried = value(&stock, &unpriced, "2026-01-07");
    assert_eq!(
        (carried.market_value, carried.quality),
        (decimal("-630"), Quality::Carried)
    );
}

#[test]
fn a_private_asset_has_its_last_mark_or_its_cost_and_no_market_price() {
    let fund = lot(AssetClass::Private, "2", "1000", "2026-01-05");
    let closes = dated(&[("2026-01-06", "5")]);
    let history = PriceHistory {
        closes,
        ..PriceHistory::default()
    };
    // The second mark is of a Saturday: it holds from the Monday.
    let marks = [("2026-01-07", "1100"), ("2026-01-10", "0")]
        .map(|(date, price)| (date.parse().unwrap(), decimal(price)));
    let at = |date| {
        let entry = session("2026-01-05");
        seen(&value_lot(
            &fund,
            entry,
            Known {
                marks: &marks,
                ..of(&history)
            },
            session(date),
            NYSE,
        ))
    };
    assert_eq!(at("2026-01-06"), expected("manual", "2000", ""));
    assert_eq!(at("2026-01-07"), expected("manual", "2200", "2026-01-07"));
    assert_eq!(at("2026-01-09"), expected("manual", "2200", "2026-01-07"));
    assert_eq!(at("2026-01-12"), expected("manual", "0", "2026-01-10"));
}

fn option(quantity: &str, right: OptionRight) -> Lot {
    let terms = OptionTerms {
        underlying: "IWM".parse().unwrap(),
        strike: decimal("220"),
        expiry: "2025-09-19".parse().unwrap(),
        right,
    };
    let symbol = terms.occ_symbol().unwrap();
    Lot {
        symbol,
        option: Some(terms),
        ..lot(AssetClass::Options, quantity, "12.50", "2025-06-30")
    }
}

#[test]
fn a_contract_is_worth_its_own_price_or_its_cost() {
    let call = option("2", OptionRight::Call);
    let closes = dated(&[("2025-07-01", "13.10")]);
    let own = PriceHistory {
        closes,
        ..PriceHistory::default()
    };
    assert_eq!(
        seen(&value(&call, &own, "2025-07-01")),
        expected("close", "2620", "2025-07-01")
    );
    let none = value_lot(
        &call,
        session("2025-06-30"),
        Known::default(),
        session("2025-07-01"),
        NYSE,
    );
    assert_eq!(seen(&none), expected("carried", "2500", ""));
}

#[test]
fn a_contract_without_a_recent_price_is_worth_what_the_model_says() {
    let put = option("-3", OptionRight::Put);
    let closes = dated(&[("2025-07-01", "13.10")]);
    let own = PriceHistory {
        closes,
        ..PriceHistory::default()
    };
    let at = |history, on: &str| {
        let model = ModelPrice {
            session: session(on),
            price: decimal("11.25"),
            spot_date: session("2025-07-07"),
            kept: false,
        };
        let known = Known {
            history,
            model: Some(&model),
            ..Known::default()
        };
        value_lot(&put, session("2025-06-30"), known, session(on), NYSE)
    };
    let modelled = at(None, "2025-07-09");
    assert_eq!(seen(&modelled), expected("model", "-3375", "2025-07-07"));
    assert_eq!(modelled.price, decimal("11.25"));
    assert_eq!(modelled.unrealised, decimal("375"), "a written one gains");
    // Its own close is better for a week, and no longer than that.
    let seen_at = |on| seen(&at(Some(&own), on));
    assert_eq!(
        seen_at("2025-07-09"),
        expected("stale", "-3930", "2025-07-01")
    );
    assert_eq!(
        seen_at("2025-07-10"),
        expected("model", "-3375", "2025-07-07")
    );
}

#[test]
fn where_the_model_has_no_price_its_last_one_is_kept_unless_the_own_close_is_newer() {
    let put = option("-3", OptionRight::Put);
    let on = session("2025-08-01");
    let kept = ModelPrice {
        session: on,
        price: decimal("11.25"),
        spot_date: session("2025-07-07"),
        kept: true,
    };
    let with_close = |model, close: Option<&str>| {
        let history = close.map(|date| PriceHistory {
            closes: dated(&[(date, "13.10")]),
            ..PriceHistory::default()
        });
        let known = Known {
            history: history.as_ref(),
            model,
            ..Known::default()
        };
        seen(&value_lot(&put, session("2025-06-30"), known, on, NYSE))
    };
    let at = |close| with_close(Some(&kept), close);
    let last = expected("carried", "-3375", "2025-07-07");
    assert_eq!(at(None), last);
    assert_eq!(at(Some("2025-07-03")), last);
    // Of before the entry: no close of this lot.
    assert_eq!(at(Some("2025-06-27")), last);
    for date in ["2025-07-07", "2025-07-08"] {
        assert_eq!(at(Some(date)), expected("carried", "-3930", date));
    }
    let recent = expected("stale", "-3930", "2025-07-30");
    assert_eq!(at(Some("2025-07-30")), recent);
    // Neither was ever there.
    assert_eq!(with_close(None, None), expected("carried", "-3750", ""));
}

#[test]
fn an_expiring_contract_pays_what_it_is_worth_inside() {
    let paid = |quantity, right, history: Option<&PriceHistory>| {
        let lot = option(quantity, right);
        let Life { entry, end } = lot.life(NYSE).unwrap();
        let terms = lot.option.as_ref().unwrap();
        let paid = settlement(&lot, terms, entry, history, end.unwrap().0, NYSE);
        assert_eq!(paid.close, history.map(|known| known.closes[0]));
        paid.amount.normalize().to_string()
    };
    let history = |date, close| PriceHistory {
        closes: dated(&[(date, close)]),
        ..PriceHistory::default()
    };
    let above = history("2025-09-19", "225.50");
    assert_eq!(paid("2", OptionRight::Call, Some(&above)), "1100");
    assert_eq!(paid("-2", OptionRight::Call, Some(&above)), "-1100");
    assert_eq!(paid("2", OptionRight::Put, Some(&above)), "0");
    // The latest close of the underlying, however old, else the cost.
    let old = history("2025-07-01", "210");
    assert_eq!(paid("2", OptionRight::Put, Some(&old)), "2000");
    assert_eq!(paid("2", OptionRight::Put, None), "2500");
    // After a split of two for one the strike is 110 and a contract has 200 shares.
    let splits = dated(&[("2025-08-01", "2")]);
    let split = PriceHistory {
        splits,
        ..history("2025-09-19", "113")
    };
    assert_eq!(paid("1", OptionRight::Call, Some(&split)), "600");
}

#[test]
fn an_exit_does_not_change_the_value_before_it() {
    let open = lot(AssetClass::Public, "10", "99", "2026-01-05");
    let exit = Exit {
        date: "2026-01-09".parse().unwrap(),
        price: Decimal::ONE,
    };
    let closed = Lot {
        exit: Some(exit),
        ..open.clone()
    };
    let closes = dated(&[("2026-01-06", "101")]);
    let history = PriceHistory {
        closes,
        ..PriceHistory::default()
    };
    assert_eq!(
        value(&open, &history, "2026-01-07"),
        value(&closed, &history, "2026-01-07")
    );
}
