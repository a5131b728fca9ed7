//! The built-in definitions against the specification, and files of arbitrary bytes.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::domain::{FactorRole, PortfolioId, ShockKind};

#[test]
fn the_built_in_factors_are_those_of_the_specification() {
    let (factors, _) = defaults();
    let proxies: Vec<_> = factors
        .factors
        .iter()
        .map(|factor| format!("{}={}", factor.name, factor.proxy))
        .collect();
    assert_eq!(
        proxies.join(" "),
        "Market=SPY Value=VTV Growth=VUG Momentum=MTUM Quality=QUAL Size=IWM Low Volatility=USMV \
         Rates=TLT"
    );
    let rates = factors.of_role(FactorRole::Rates).unwrap();
    assert_eq!((rates.duration, rates.convexity), (Some(16.5), Some(360.0)));
    let styles = factors
        .factors
        .iter()
        .filter(|factor| factor.role == FactorRole::Style);
    assert_eq!(styles.count(), 6);
}

#[test]
fn the_built_in_scenarios_are_those_of_the_specification() {
    let (_, set) = defaults();
    assert_eq!(set.scenarios.len(), 22);
    let inactive: Vec<_> = set
        .scenarios
        .iter()
        .filter(|scenario| !scenario.active)
        .map(|s| s.id.as_str())
        .collect();
    assert_eq!(
        inactive,
        [
            "financial_crisis_2008",
            "covid_crash_2020",
            "dotcom_crash_2000"
        ]
    );
    let relative: Vec<_> = set
        .scenarios
        .iter()
        .flat_map(|scenario| scenario.shocks.iter().map(move |shock| (scenario, shock)))
        .filter(|(_, shock)| shock.kind == ShockKind::MarketRelative)
        .map(|(scenario, shock)| format!("{} {}", scenario.id, shock.factor))
        .collect();
    assert_eq!(
        relative,
        [
            "small_cap_outperformance_10 Size",
            "quality_flight_12 Quality",
            "liquidity_crisis Quality",
            "financial_crisis_2008 Quality",
            "covid_crash_2020 Growth",
            "covid_crash_2020 Quality",
            "dotcom_crash_2000 Value",
            "dotcom_crash_2000 Quality",
        ]
    );
    for scenario in &set.scenarios {
        let expected = if scenario.id == "vix_spike_150" {
            2.5
        } else {
            1.0
        };
        assert!((scenario.implied_vol_multiplier - expected).abs() < f64::EPSILON);
        for shock in &scenario.shocks {
            let of_yields = shock.kind == ShockKind::YieldChange;
            assert_eq!(
                of_yields,
                shock.factor == "Interest_Rate",
                "{}",
                scenario.id
            );
        }
    }
    let sum: f64 = set
        .scenarios
        .iter()
        .flat_map(|s| &s.shocks)
        .map(|shock| shock.value)
        .sum();
    assert!((sum - -3.55).abs() < 1e-12, "{sum}");
}

fn read_everything(bytes: &[u8]) {
    let today = "2026-06-30".parse().unwrap();
    let inception = "2016-01-04".parse().unwrap();
    let symbols = BTreeSet::new();
    let portfolio = PortfolioId::of("demo", "book");
    let _ = portfolio_csv::parse(
        bytes,
        &portfolio_csv::Context {
            portfolio,
            inception,
            today,
        },
    );
    let _ = portfolio_csv::parse_empty(bytes);
    let flows = flows_csv::Context {
        inception,
        today,
        with_dividends: &symbols,
        extent: lines::Extent::Whole,
    };
    let _ = flows_csv::parse(bytes, &flows);
    let _ = marks_csv::parse(
        bytes,
        &marks_csv::Context {
            today,
            private: &symbols.iter().map(|symbol| (symbol.clone(), Decimal::ONE)).collect(),
            extent: lines::Extent::Addition,
        },
    );
    let text = String::from_utf8_lossy(bytes);
    let _ = factors_toml::parse(&text);
    let _ = scenarios_toml::parse(&text, &defaults().0);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        read_everything(&bytes);
    }

    #[test]
    fn arbitrary_fields_never_panic(
        cells in prop::collection::vec("[-+0-9.eE,\"#A-Za-z\r\n é]{0,12}|2025-06-30|OPTIONS|CALL|-?[0-9]{1,30}(\\.[0-9]{0,8})?", 0..60),
    ) {
        let header = "Symbol,Quantity,Entry Price Per Share,Entry Date,Investment Class,\
            Underlying Symbol,Strike Price,Expiration Date,Option Type,Exit Date,Exit Price Per Share,\
            Investment Subtype";
        let rows: Vec<_> = cells.chunks(12).map(|row| row.join(",")).collect();
        read_everything(format!("{header}\n{}", rows.join("\n")).as_bytes());
        read_everything(format!("Date,Type,Amount,Symbol\n{}", rows.join("\n")).as_bytes());
        read_everything(format!("Symbol,Date,Price\n{}", rows.join("\n")).as_bytes());
    }

    #[test]
    fn arbitrary_keys_never_panic(
        keys in prop::collection::vec("(\\[\\[(factor|scenario|scenario.shock)\\]\\]|(name|id|proxy|kind|role|value|factor|duration|shock) ?= ?(\"[a-z]{0,9}\"|-?[0-9]{0,3}(\\.[0-9]+)?|nan|\\[\\]|\\{\\}))", 0..20),
    ) {
        read_everything(keys.join("\n").as_bytes());
    }
}
