//! The folders that come with the project: `data/market` and `data/market-raw`.

use super::*;
use crate::market_data::Basis;

fn shipped(folder: &str) -> Provider {
    Provider::open(&format!(
        "files:{}/data/{folder}",
        env!("CARGO_MANIFEST_DIR")
    ))
    .unwrap()
}

#[tokio::test]
async fn the_demo_has_a_close_for_every_session_of_2016() {
    let provider = shipped("market");
    assert_eq!(provider.basis(), Basis::TotalReturn);
    let names = "AAPL AMD BAC BBY CVX GE HD JNJ JPM KO LLY MRK MSFT PEP PFE PG RRC UNH WMT XOM \
         SP500 MTUM QUAL SIZE USMV VLUE BIL LQD VTV VUG XLV GOVT IAU IEFA MUB VO";
    let year = [("2016-01-01", "2016-12-31")];
    let asked: Vec<_> = names
        .split_whitespace()
        .map(|s| request(s, false, &year))
        .collect();
    let answers = provider.prices(&asked).await.unwrap();
    assert_eq!(answers.len(), 36);
    for answer in &answers {
        assert_eq!(answer.bars.len(), 252, "{}", answer.symbol);
    }
    assert_eq!(answers[0].bars[0].close.to_string(), "24.041");
    let yields = provider
        .prices(&[request("UST10Y", true, &year)])
        .await
        .unwrap();
    assert_eq!(
        yields[0].yields.len(),
        250,
        "252 sessions but two, and Columbus Day is one of them"
    );
}

#[tokio::test]
async fn the_demo_lacks_what_it_is_to_lack() {
    let provider = shipped("market");
    for name in ["GGIPX", "GINDX", "NEAIX", "IWF"] {
        assert!(!all(&provider, name).await.unwrap().known, "{name}");
    }
    let asked = ["AAPL", "BIL", "GGIPX"].map(symbol);
    let profiles = provider.profiles(&asked).await.unwrap();
    assert_eq!(
        profiles[0].as_ref().unwrap().sector.as_deref(),
        Some("Information Technology")
    );
    assert_eq!(
        profiles[1].as_ref().unwrap().quote_type.as_deref(),
        Some("ETF")
    );
    assert!(profiles[2].is_none());
    assert_eq!(
        provider.fundamentals(&asked).await.unwrap(),
        [None, None, None]
    );
}

#[tokio::test]
async fn the_raw_folder_has_the_split_of_apple() {
    let provider = shipped("market-raw");
    assert_eq!(provider.basis(), Basis::Raw);
    let apple = all(&provider, "AAPL").await.unwrap();
    assert_eq!(apple.bars.len(), 252);
    let split = apple
        .actions
        .iter()
        .find(|action| action.split_ratio.is_some())
        .unwrap();
    assert_eq!(
        (split.ex_date, split.split_ratio),
        (day("2014-06-09"), Some(7.into()))
    );
    assert_eq!(
        apple
            .actions
            .iter()
            .filter(|action| action.cash_dividend.is_some())
            .count(),
        4
    );
    assert_eq!(all(&provider, "BRK_A").await.unwrap().bars.len(), 252);
    assert_eq!(
        all(&provider, "ZEN").await.unwrap().first,
        Some(day("2014-05-15"))
    );
}
