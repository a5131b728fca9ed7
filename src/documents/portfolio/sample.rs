//! A report made by hand, for the tests of the page and of the document.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde_json::json;

use crate::domain::factor_window::CommonSessions;
use crate::domain::{AssetClass, Portfolio, PortfolioId, PositionId, Quality, RunId};
use crate::store::data_quality::Checked;
use crate::store::reports::symbols::SlopeRow;
use crate::store::reports::{
    ActiveWeight, Bias, Completeness, Concentration, Contract, Contribution, Correlation, Entry,
    Factor, Fit, FitSlope, Losses, Position, Provenance, Published, Replay, Report, Reverse, Risk,
    Sector, Snapshot, Stress, ValueAtRisk, Volatility,
};
use crate::store::symbol_results::{FitQuality, Inference, MarketFit, Slope};

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn position(symbol: &str, value: Decimal, quality: Quality) -> Position {
    let id = PortfolioId::of("desk", "sample");
    let slope = Slope {
        beta: 1.21,
        std_error: 0.05,
        interval: Some((1.11, 1.31)),
    };
    let beta = ("Market".to_owned(), slope);
    Position {
        id: PositionId::of(id, symbol, 0),
        symbol: symbol.parse().unwrap(),
        position_type: "LONG".into(),
        class: AssetClass::Public,
        underlying: None,
        entry_date: "2016-01-04".parse().unwrap(),
        quantity: decimal("1500.00"),
        price: decimal("24.041"),
        price_date: None,
        quality,
        market_value: value,
        cost: decimal("200000"),
        unrealised: value - decimal("200000"),
        sector: Some("Technology".into()),
        betas: if quality == Quality::Close {
            [beta].into()
        } else {
            [].into()
        },
        dollars: BTreeMap::new(),
    }
}

fn factor(name: &str, role: &str, beta: Option<f64>, reason: Option<&str>) -> Factor {
    Factor {
        factor: name.into(),
        role: Some(role.into()),
        beta,
        std_error: beta.map(|_| 0.034),
        low_95: beta.map(|beta| beta - 0.067),
        high_95: beta.map(|beta| beta + 0.067),
        dollar: beta.map(|_| decimal("1042716.04")),
        coverage: Some(0.965),
        n: beta.map(|_| 252),
        common: beta.map(|_| 252),
        reason: reason.map(String::from),
    }
}

fn stress(scenario: &str, name: &str, propagated: f64, tail_p: f64) -> Stress {
    Stress {
        scenario: scenario.into(),
        name: name.into(),
        outcome: "done".into(),
        reason: None,
        direct_pnl: Some(decimal("-361000.5")),
        propagated_pnl: Some(decimal("-372543.21")),
        direct: Some(propagated + 0.01),
        propagated: Some(propagated),
        direct_floored: Some(Decimal::ZERO),
        propagated_floored: Some(if tail_p < 1e-4 {
            decimal("4321")
        } else {
            Decimal::ZERO
        }),
        mahalanobis: Some(2.3),
        tail_p: Some(tail_p),
        implausible: Some(tail_p < 1e-4),
        coverage: Some(0.965),
        n: Some(252),
    }
}

/// One that is exact in its intercept and knows nothing of a redundant factor.
fn fit() -> Fit {
    let slope = |beta, inference, vif| FitSlope {
        beta,
        std_error: Some(0.05),
        inference,
        vif,
        flags: Vec::new(),
    };
    let market = Inference {
        t: Some(24.2),
        p: Some(1e-60),
        interval: Some((1.11, 1.31)),
    };
    Fit {
        symbol: "AAPL".parse().unwrap(),
        reason: None,
        n: 252,
        n_eff: Some(218.2),
        edf: Some(3.0),
        alpha: Some(0.0),
        r_squared: Some(0.41),
        specific_variance: Some(0.031),
        quality: FitQuality {
            alpha_error: Some(0.0),
            alpha: Inference {
                interval: Some((0.0, 0.0)),
                ..Inference::default()
            },
            adjusted_r_squared: Some(0.4),
            durbin_watson: Some(1.9),
            condition_number: None,
        },
        slopes: [
            ("Market".to_owned(), slope(1.21, market, Some(1.0))),
            ("Value".to_owned(), slope(0.0, Inference::default(), None)),
        ]
        .into(),
        displays: vec![
            SlopeRow {
                fit: Some(MarketFit {
                    alpha: 0.0001,
                    alpha_error: 0.0004,
                    inference: market,
                    r_squared: Some(0.4),
                    adjusted_r_squared: Some(0.39),
                    n_eff: 218.2,
                }),
                ..display("market", "Market", Some(1.2), None)
            },
            display(
                "spread",
                "Growth-Value Spread",
                None,
                Some("the series of Growth is missing: proxy IWF has 0 of 60 returns"),
            ),
            SlopeRow {
                source: Some("files".to_owned()),
                ..display("provider", "Market", Some(1.25), None)
            },
        ],
    }
}

fn display(model: &str, factor: &str, beta: Option<f64>, reason: Option<&str>) -> SlopeRow {
    let status = if reason.is_some() {
        "unavailable"
    } else {
        "available"
    };
    SlopeRow {
        model: model.to_owned(),
        factor: factor.to_owned(),
        status: status.to_owned(),
        reason: reason.map(ToOwned::to_owned),
        beta,
        std_error: None,
        inference: Inference::default(),
        shrunk: None,
        vif: None,
        n: None,
        fit: None,
        source: None,
        flags: Vec::new(),
    }
}

/// A small book: one stock that is modelled, one fund without data.
#[expect(clippy::too_many_lines, reason = "data, not code")]
pub(crate) fn report() -> Report {
    let as_of: NaiveDate = "2016-12-30".parse().unwrap();
    let names = [
        "snapshot",
        "marks",
        "betas",
        "factors",
        "volatility",
        "correlation",
        "concentration",
        "stress",
        "value_at_risk",
        "replay",
        "reverse_stress",
    ];
    let done = |name| Entry {
        name,
        outcome: "done".into(),
        reason: None,
    };
    Report {
        portfolio: Portfolio {
            id: PortfolioId::of("desk", "sample"),
            name: "sample".into(),
            owner: "desk".into(),
            currency: "USD".into(),
            opening_equity: decimal("1000000"),
            inception: "2016-01-04".parse().unwrap(),
        },
        published: Published {
            as_of,
            run: RunId(uuid::Uuid::nil()),
            strict: true,
        },
        provenance: Provenance {
            definitions: "factors demo-2016.1 0123456789abcdef".into(),
            provider_basis: "total_return".into(),
            model_version: "1".into(),
            convention_id: "simple-252-v1".into(),
            computed_at: "2016-12-30T22:00:05Z".parse().unwrap(),
        },
        snapshot: Snapshot {
            nav: decimal("1012345.67"),
            cash: decimal("-5000.00"),
            long_value: decimal("1017345.67"),
            short_value: Decimal::ZERO,
            external_flows: Decimal::ZERO,
            realised: Decimal::ZERO,
            unrealised_change: decimal("-1234.5"),
            income: decimal("30.5"),
            pnl_day: decimal("-1204"),
            pnl_total: decimal("12345.67"),
            return_day: Some(-0.001_188),
            large_flow: false,
        },
        completeness: Completeness {
            entries: names.into_iter().map(done).collect(),
            missing: [("GGIPX".into(), "no data at the provider".into())].into(),
            coverage: Some(0.965),
            strict: true,
        },
        positions: vec![
            position("AAPL", decimal("253086.4175"), Quality::Close),
            position("GGIPX", decimal("35000"), Quality::Carried),
        ],
        factors: vec![
            factor("Market", "market", Some(1.03), None),
            factor("Growth", "style", None, Some("IWF has no series")),
        ],
        fits: vec![fit()],
        risk: Some(Risk {
            volatility: 0.142,
            factor_variance: 0.0175,
            specific_variance: 0.0027,
            systematic_share: Some(0.866),
            diversification_ratio: Some(1.7),
            effective_bets: Some(2.2),
            coverage: Some(0.965),
            n: 252,
            flags: Vec::new(),
        }),
        common: Some(CommonSessions {
            n: 252,
            first: "2016-01-04".parse().unwrap(),
            last: as_of,
            limiting: None,
        }),
        bias: Bias {
            statistic: Some(1.08),
            today: Some(-0.4),
            n: 251,
            z: Vec::new(),
            stale: Vec::new(),
        },
        contributions: vec![
            Contribution {
                kind: "factor".into(),
                name: "Market".into(),
                exposure: 1.03,
                marginal: 0.12,
                contribution: 0.1236,
                share: Some(0.87),
            },
            Contribution {
                kind: "underlying".into(),
                name: "AAPL".into(),
                exposure: 0.25,
                marginal: 0.568,
                contribution: 0.142,
                share: Some(1.0),
            },
        ],
        volatility: Some(Volatility {
            realised_21: Some(0.098),
            realised_63: Some(0.121),
            forecast_21: None,
            percentile: Some(0.12),
            trend_ratio: Some(0.84),
            trend: Some("falling".into()),
            n: 251,
            filled: 0,
            dropped: 0,
            coverage: Some(0.965),
            flags: Vec::new(),
            reasons: [("forecast_21".into(), "have 20, need 60".into())].into(),
        }),
        correlation: Some(Correlation {
            symbols: vec!["AAPL".into(), "MSFT".into()],
            upper: vec![Some(0.412)],
            low: vec![Some(0.304)],
            high: vec![Some(0.509)],
            n: vec![252],
            clusters: vec![Some(1), Some(2)],
            average: Some(0.412),
            shrinkage: Some(0.05),
            coverage: Some(0.965),
        }),
        concentration: Some(Concentration {
            gross: decimal("1017345.67"),
            hhi: 1_234.5,
            effective_names: 8.1,
            top_3: 0.43,
            top_10: 0.97,
            instruments: 12,
        }),
        sectors: vec![
            Sector {
                sector: "Technology".into(),
                long_value: decimal("1017345.67"),
                short_value: Decimal::ZERO,
                net_value: decimal("1017345.67"),
                gross_value: decimal("1017345.67"),
                net_weight: Some(1.004_939),
            },
            Sector {
                sector: "Cash".into(),
                long_value: Decimal::ZERO,
                short_value: decimal("-5000"),
                net_value: decimal("-5000"),
                gross_value: decimal("5000"),
                net_weight: Some(-0.004_939),
            },
        ],
        active_weights: vec![
            active("Cash", 0.0, -0.004_939),
            active("Energy", 0.4, 0.0),
            active("Technology", 0.6, 1.004_939),
        ],
        stress: vec![
            stress("market_down_35", "Market Crash 35%", -0.368, 0.0004),
            stress("dotcom", "Dot-com Bust", -0.512, 1e-9),
        ],
        quality: vec![
            checked("AAPL", Some(1)),
            checked("MSFT", Some(0)),
            checked("IWF", None),
        ],
        losses: losses(),
        price_qualities: BTreeMap::from([("close".into(), 3)]),
    }
}

fn active(sector: &str, benchmark: f64, net: f64) -> ActiveWeight {
    ActiveWeight {
        benchmark: "S&P 500".into(),
        benchmark_as_of: "2016-09-30".parse().unwrap(),
        sector: sector.into(),
        benchmark_weight: benchmark,
        net_weight: Some(net),
        active_weight: Some(net - benchmark),
    }
}

fn checked(symbol: &str, findings: Option<i32>) -> Checked {
    let found = json!({
        "check": "split_missing", "from": "2016-06-09", "to": "2016-06-09", "measured": 6.89, "threshold": 7.0,
        "values": [645.57, 93.7], "text": "645.57 → 93.7, like a split 7:1 that is not on record",
    });
    let evidence = findings.map(|count| if count > 0 { json!([found]) } else { json!([]) });
    Checked {
        symbol: symbol.to_owned(),
        held: findings.is_some(),
        sessions: findings.map(|_| 253),
        observed: findings.map(|_| 253),
        findings,
        evidence,
    }
}

fn losses() -> Losses {
    let at_risk = |confidence| ValueAtRisk {
        confidence,
        outcome: "done".into(),
        reason: None,
        estimates: [("historical_1", [Some(0.0176), Some(0.0282)])].into(),
        sessions: None,
        exceptions: None,
        expected: None,
        tests: [("kupiec", [None, None])].into(),
        n: Some(252),
        windows: Some(243),
        filled: Some(0),
        dropped: Some(0),
        coverage: Some(0.965),
        flags: Vec::new(),
        reasons: [("backtest".into(), "have 300, need 502".into())].into(),
    };
    Losses {
        options: vec![Contract {
            symbol: "AAPL170120C00120000".into(),
            underlying: "AAPL".into(),
            strike: 120.0,
            spot: 115.8,
            years: 0.0575,
            rate: 0.04,
            dividend_yield: 0.019,
            volatility: 0.21,
            source: "realised".into(),
            note: Some("the contract has no price of its own".into()),
            suspect: false,
            price: 0.9,
            delta: 0.27,
            gamma: 0.06,
            vega: 0.09,
            theta: -0.05,
            rho: 0.02,
            shares: decimal("1000"),
            exposure: decimal("31266"),
        }],
        value_at_risk: vec![at_risk(0.95), at_risk(0.99)],
        replays: vec![Replay {
            replay: "financial_crisis_2008".into(),
            name: "Financial crisis".into(),
            from: "2007-10-09".parse().unwrap(),
            to: "2009-03-09".parse().unwrap(),
            outcome: "insufficient_data".into(),
            reason: Some("no closes of SP500 on 2007-10-09 and 2009-03-09".into()),
            pnl: None,
            fraction: None,
            approximated: Vec::new(),
            floored: None,
            coverage: None,
        }],
        reverse: vec![Reverse {
            loss: 0.1,
            outcome: "done".into(),
            reason: None,
            pnl: Some(decimal("-101234.567")),
            mahalanobis: Some(0.9),
            tail_p: Some(0.98),
            moves: [("Market".into(), -0.097)].into(),
            floored: Some(decimal("0")),
            coverage: Some(0.965),
            n: Some(252),
        }],
    }
}
