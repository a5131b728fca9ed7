//! What a regression says beside its coefficients, stored and shown after a whole run.

use serde_json::Value;

use crate::world::{World, on, request};

/// Rows that break what the columns promise of each other.
async fn none(world: &World, what: &str, query: &'static str) {
    let bad = world.texts(query).await;
    assert_eq!(bad, Vec::<String>::new(), "{what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_tests_and_intervals_of_betas_are_stored_from_the_fit_to_the_book() {
    let world = World::shipped().await;
    world.shipped_book("testscotty").await;
    world.worker().await;
    world.run(&request(on("2016-12-30"))).await;

    let slopes = "select count(*) from symbol_factor_exposures where model <> 'provider'";
    assert!(world.count(slopes).await > 100);
    for (rows, least) in [
        (
            "select count(*) from symbol_factor_models where available",
            10,
        ),
        (
            "select count(*) from symbol_factor_models where not available",
            1,
        ),
        ("select count(*) from position_factor_exposures", 70),
        (
            "select count(*) from factor_exposures where beta is not null",
            7,
        ),
    ] {
        let have = world.count(rows).await;
        assert!(have >= least, "{rows}: {have}");
    }
    none(
        &world,
        "slopes without an error",
        "select symbol || ' ' || model || ' ' || factor from symbol_factor_exposures
         where model <> 'provider' and num_nulls(t, p, low_95, high_95) > 0",
    )
    .await;
    none(
        &world,
        "t is beta over its error; p below 5 % means that 0 is outside of the interval",
        "select symbol || ' ' || model || ' ' || factor from symbol_factor_exposures
         where model <> 'provider' and (abs(t - beta / std_error) > 1e-12 or p not between 0 and 1
              or (p < 0.05) <> (0 < low_95 or 0 > high_95)
              or abs(high_95 + low_95 - 2 * beta) > 1e-12
              or (high_95 - beta) / std_error not between 1.95 and 2.1)",
    )
    .await;
    none(&world, "fits", "select symbol from symbol_factor_models where available and not coalesce(
            abs(alpha_t - alpha / alpha_error) < 1e-12 and alpha_p between 0 and 1 and alpha_low_95 < alpha and alpha < alpha_high_95
            and adjusted_r_squared < r_squared
            and abs(1 - adjusted_r_squared - (1 - r_squared) * (n_eff - 1) / (n_eff - edf)) < 1e-12
            and durbin_watson between 1 and 3 and condition_number between 1 and 30, false)").await;
    none(&world, "models that are not there have no quality", "select symbol from symbol_factor_models
          where not available and num_nonnulls(alpha_error, alpha_t, adjusted_r_squared, durbin_watson, condition_number) > 0").await;
    none(&world, "a position has the slope of its symbol", "select p.symbol || ' ' || x.factor
          from position_factor_exposures x join positions p on p.id = x.position_id
          join symbol_factor_exposures e on e.symbol = p.symbol and e.as_of = x.as_of and e.model = 'joint' and e.factor = x.factor
          where (x.beta, x.std_error, x.low_95, x.high_95) is distinct from (e.beta, e.std_error, e.low_95, e.high_95)").await;
    // The portfolio's error from those of its positions, and the interval from the error.
    none(&world, "the book", "select f.factor from factor_exposures f join portfolio_snapshots s using (portfolio_id, as_of)
          cross join lateral (
              select sqrt(sum((v.market_value / s.nav)::float8 ^ 2 * x.std_error ^ 2)) as error
              from position_factor_exposures x join position_values v using (portfolio_id, as_of, position_id)
              where x.factor = f.factor) parts
          where f.beta is not null and not coalesce(
              abs(f.std_error - parts.error) < 1e-12 and abs(f.high_95 - f.beta - 1.959963984540054 * f.std_error) < 1e-12
              and abs(f.beta - f.low_95 - 1.959963984540054 * f.std_error) < 1e-12, false)").await;
    let made = world
        .count("select count(*) from factor_exposures where low_95 < beta and beta < high_95")
        .await;
    assert_eq!(made, 7);

    let (code, shown) = world.command(&["show", "testscotty"]).await;
    assert_eq!(code, 0, "{shown}");
    let fits = shown["fits"].as_object().unwrap();
    assert_eq!(fits.len(), 13);
    for (symbol, fit) in fits {
        if fit["available"] == Value::Bool(false) {
            assert!(fit["reason"].is_string(), "{symbol}: {fit}");
            continue;
        }
        let slopes = fit["slopes"].as_object().unwrap();
        assert_eq!(slopes.len(), 7, "{symbol}");
        for slope in slopes.values() {
            assert!(
                slope["p"].is_number() && slope["reason"].is_null(),
                "{symbol}: {slope}"
            );
        }
        assert!(fit["durbin_watson"].is_number() && fit["condition_number"].is_number());
    }
    let whiskers =
        |slope: &Value| [&slope["low_95"], &slope["beta"], &slope["high_95"]].map(Value::as_f64);
    for position in shown["positions"].as_array().unwrap() {
        for slope in position["slopes"].as_object().unwrap().values() {
            let [low, beta, high] = whiskers(slope);
            assert!(low < beta && beta < high, "{slope}");
        }
    }
    for factor in shown["factors"].as_array().unwrap() {
        let [low, beta, high] = whiskers(factor);
        assert!(
            low < beta && beta < high || factor["reason"].is_string(),
            "{factor}"
        );
    }
}

/// statsmodels 0.14: `WLS(r, add_constant(market), weights=0.5**(age/126)).fit` with `cov_type="HAC"`, `maxlags` 5 and no
/// `use_correction`, of the 252 returns of XLV on SP500 to 2016-12-30, from the shipped closes. Adjusted R², p and interval
/// have `n_eff` = 1/Σw² in the place of n, with Σw = 1; shrunk is (β/se² + 1/0.3²)/(1/se² + 1/0.3²).
const MARKET_FIT: [(&str, f64); 12] = [
    ("beta", 0.954_755_565_899_320_5),
    ("std_error", 0.045_331_894_712_826_49),
    ("shrunk", 0.955_765_575_756_369_3),
    ("alpha", 0.000_168_170_468_017_521),
    ("alpha_error", 0.000_366_938_394_868_402_17),
    ("alpha_t", 0.458_307_090_152_921_2),
    ("alpha_p", 0.647_192_298_869_619_7),
    ("alpha_low_95", -0.000_555_065_285_367_725_7),
    ("alpha_high_95", 0.000_891_406_221_402_767_8),
    ("r_squared", 0.673_511_734_981_025_3),
    ("adjusted_r_squared", 0.672_001_166_615_992_9),
    ("n_eff", 218.136_040_298_943_75),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_model_for_display_has_its_fit_or_its_reason() {
    let world = World::shipped().await;
    world.shipped_book("testscotty").await;
    world.worker().await;
    world.run(&request(on("2016-12-30"))).await;

    let (n, numbers): (i32, Vec<f64>) = sqlx::query_as(
        "select d.n, array[e.beta, e.std_error, e.shrunk, d.alpha, d.alpha_error, d.alpha_t, d.alpha_p, d.alpha_low_95,
                           d.alpha_high_95, d.r_squared, d.adjusted_r_squared, d.n_eff]
         from symbol_display_models d join symbol_factor_exposures e using (symbol, as_of, model, factor)
         where symbol = 'XLV' and model = 'market'",
    )
    .fetch_one(&world.db)
    .await
    .unwrap();
    assert_eq!((n, numbers.len()), (252, MARKET_FIT.len()));
    for (have, (name, want)) in numbers.into_iter().zip(MARKET_FIT) {
        assert!(
            (have - want).abs() < 1e-9 * want.abs(),
            "{name}: {have}, not {want}"
        );
    }

    none(
        &world,
        "each model has a row, and a slope exactly where it is available",
        "select m.symbol || ' ' || k.model || ' ' || k.factor
         from symbol_factor_models m
         cross join (values ('market', 'Market'), ('spread', 'Growth-Value Spread'), ('spread', 'Momentum Spread'),
                            ('spread', 'Size Spread'), ('spread', 'Quality Spread'), ('provider', 'Market'))
              k(model, factor)
         left join symbol_display_models d using (symbol, as_of, model, factor)
         left join symbol_factor_exposures e using (symbol, as_of, model, factor)
         where d.status is null or (d.status = 'available') <> (e.beta is not null)
            or (d.reason is null) <> (e.beta is not null)",
    )
    .await;
    assert_eq!(
        world
            .count("select count(*) from symbol_display_models")
            .await,
        6 * world
            .count("select count(*) from symbol_factor_models")
            .await
    );
    let said = "select distinct model || ' ' || factor || ' ' || status || coalesce(': ' || reason, '')
                from symbol_display_models where symbol in ('XLV', 'GGIPX') and factor <> 'Momentum Spread' order by 1";
    assert_eq!(
        world.texts(said).await,
        [
            "market Market available",
            "market Market insufficient_data: insufficient history: 0 of 60 returns",
            "provider Market unavailable: no profile with a beta is known",
            "spread Growth-Value Spread unavailable: the series of Growth is missing: proxy IWF has 0 of 60 returns",
            "spread Quality Spread available",
            "spread Quality Spread insufficient_data: insufficient history: 0 of 60 returns",
            "spread Size Spread available",
            "spread Size Spread insufficient_data: insufficient history: 0 of 60 returns",
        ]
    );

    let (code, shown) = world.command(&["show", "testscotty"]).await;
    assert_eq!(code, 0, "{shown}");
    let displays = shown["fits"]["XLV"]["displays"].as_array().unwrap();
    let of = |factor: &str| displays.iter().find(|slope| slope["factor"] == factor);
    let market = of("Market").unwrap();
    let alpha = market["alpha"].as_f64().unwrap();
    assert!((alpha - MARKET_FIT[3].1).abs() < 1e-12, "{market}");
    assert!(market["r_squared"].is_number() && market["n"] == 252);
    let spread = of("Growth-Value Spread").unwrap();
    assert_eq!(
        (&spread["status"], &spread["beta"]),
        (&Value::from("unavailable"), &Value::Null)
    );
    assert!(spread["reason"].as_str().unwrap().contains("IWF"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_asset_with_the_name_of_a_stock_has_not_its_fit() {
    let world = World::new().await;
    let public = "AAA,100,50,2016-12-22,PUBLIC";
    let named_alike = [
        "AAA,1,20000,2016-12-22,PRIVATE",
        "BBB,10,50,2016-12-22,PUBLIC",
    ];
    world.book("stock", "10000", "2016-12-22", &[public]).await;
    world
        .book("cabin", "50000", "2016-12-22", &named_alike)
        .await;
    world.worker().await;
    world.run(&request(on("2016-12-22"))).await;
    for (book, expected) in [("stock", "AAA"), ("cabin", "BBB")] {
        let (code, shown) = world.command(&["show", book]).await;
        assert_eq!(code, 0, "{shown}");
        let fits: Vec<&String> = shown["fits"].as_object().unwrap().keys().collect();
        assert_eq!(fits, [expected], "{book}");
    }
}
