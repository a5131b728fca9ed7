"""Numbers by numpy, pandas, scipy, statsmodels and scikit-learn on the data in data/market, for tests/golden/main.rs.

    python3 -m venv /tmp/golden && /tmp/golden/bin/pip install -r tests/golden/requirements.txt
    /tmp/golden/bin/python tests/golden/golden.py

writes tests/golden/golden.csv again: case, name, value. Nothing of sigmabatch is used here, formulas are written out or are
those of the libraries; the Rust test demands 1e-9 and that every row is looked at.
"""

import csv
import decimal
import math
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import statsmodels.api as sm
from scipy import optimize, stats
from scipy.cluster import hierarchy
from scipy.spatial.distance import squareform
from sklearn.covariance import LedoitWolf
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler
from statsmodels.stats.outliers_influence import variance_inflation_factor
from statsmodels.stats.stattools import durbin_watson

HERE = Path(__file__).parent
DATA = HERE.parent.parent / "data" / "market"
STOCKS = "AAPL AMD BAC BBY CVX GE HD JNJ JPM KO LLY MRK MSFT PEP PFE PG RRC UNH WMT XOM".split()
FACTORS = ["SP500", "MTUM", "QUAL", "SIZE", "VLUE", "USMV"]

closes = pd.read_csv(DATA / "prices" / "us_20_stocks_index_factors_2012_2022.csv.gz", index_col=0, parse_dates=True)
yields = pd.read_csv(DATA / "yields.csv", index_col=0, parse_dates=True, comment="#")["UST10Y"]
# A return needs both closes; pandas would carry the last one over a hole.
returns = closes / closes.shift(1) - 1.0

rows = []


def put(case, **values):
    for name, value in values.items():
        rows.append((case, name, repr(float(value))))


def vector(case, name, values):
    for at, value in enumerate(values):
        rows.append((case, f"{name}{at}", repr(float(value))))


def spreads(frame):
    """The index, then the factor funds less the index."""
    market = frame["SP500"]
    return pd.concat([market] + [frame[name] - market for name in FACTORS[1:]], axis=1)


def regression(case, y, x, weights=None):
    """Everything of an ordinary or weighted least squares fit, with three kinds of errors."""
    exog = sm.add_constant(np.asarray(x))
    y = np.asarray(y)
    model = sm.OLS(y, exog) if weights is None else sm.WLS(y, exog, weights=weights)
    plain = model.fit()
    vector(case, "coefficient", plain.params)
    put(
        case,
        r_squared=plain.rsquared,
        adjusted=plain.rsquared_adj,
        durbin_watson=durbin_watson(plain.resid),
        condition=plain.condition_number,
        condition_scaled=np.linalg.cond(model.wexog / np.sqrt((model.wexog**2).sum(axis=0))),
    )
    for kind, fit in (
        ("classical", plain),
        ("hc3", model.fit(cov_type="HC3", use_t=True)),
        ("hac5", model.fit(cov_type="HAC", cov_kwds={"maxlags": 5, "use_correction": False}, use_t=True)),
    ):
        interval = fit.conf_int(0.05)
        vector(case, f"{kind}_error", fit.bse)
        vector(case, f"{kind}_t", fit.tvalues)
        vector(case, f"{kind}_p", fit.pvalues)
        vector(case, f"{kind}_low", interval[:, 0])
        vector(case, f"{kind}_high", interval[:, 1])


def estimation():
    window = returns.loc["2014-01-03":"2022-12-28"]
    x = spreads(window)
    for name in ("AAPL", "XOM", "RRC"):
        regression(f"ols {name}", window[name], x)
    last = returns.loc[:"2022-12-28"].iloc[-252:]
    weights = 0.5 ** (np.arange(251, -1, -1) / 126.0)
    for name in ("AAPL", "XOM", "RRC"):
        regression(f"wls {name}", last[name], spreads(last), weights)
        regression(f"capm {name}", last[name], last[["SP500"]], weights)
    for case, frame in (("vif raw", window[FACTORS]), ("vif spreads", x)):
        exog = sm.add_constant(np.asarray(frame))
        vector(case, "vif", [variance_inflation_factor(exog, k) for k in range(1, exog.shape[1])])
    scaled = StandardScaler().fit(last[FACTORS])
    for penalty in (0.1, 1.0, 10.0):
        z = scaled.transform(last[FACTORS])
        fit = Ridge(alpha=penalty).fit(z, last["AAPL"])
        case = f"ridge {penalty}"
        slopes = fit.coef_ / scaled.scale_
        vector(case, "coefficient", slopes)
        put(case, intercept=fit.intercept_ - slopes @ scaled.mean_, r_squared=fit.score(z, last["AAPL"]))


def joint_model():
    """The prior ridge on market-neutral factors, and the covariance of the factors, as design/analytics.md has them."""
    end = returns.index.get_loc("2016-12-30") + 1
    level = yields.reindex(returns.index)
    change = level - level.shift(1)
    proxies = returns[FACTORS].copy()
    proxies["RATES"] = -8.8 * change + 0.5 * 88.0 * change**2
    window = proxies.iloc[end - 252 : end]
    complete = window.notna().all(axis=1).to_numpy()
    p = window.to_numpy()[complete]
    ages = np.arange(251, -1, -1)[complete]

    def halving(life):
        w = 0.5 ** (ages / life)
        return w / w.sum()

    def covariance(matrix, w):
        centred = matrix - w @ matrix
        return centred.T @ (w[:, None] * centred)

    w = halving(126.0)
    of_proxies = covariance(p, w)
    slopes = of_proxies[:, 0] / of_proxies[0, 0]
    slopes[0] = 0.0
    f = p - np.outer(p[:, 0], slopes)
    vector("factor model", "slope", slopes)
    long = covariance(f, w)
    correlation = long / np.sqrt(np.outer(np.diag(long), np.diag(long)))
    deviation = np.sqrt(np.diag(covariance(f, halving(63.0))))
    vector("factor model", "covariance", (252 * correlation * np.outer(deviation, deviation)).ravel())
    n_eff = 1.0 / (w**2).sum()
    size = f.shape[1]
    centred = f - w @ f
    gram = centred.T @ (w[:, None] * centred)
    style = np.diag([0.0, 1, 1, 1, 1, 1, 0])
    exog = sm.add_constant(f)
    inflation = [
        1 / (1 - sm.WLS(f[:, k], np.delete(exog, k + 1, axis=1), weights=w).fit().rsquared) for k in range(size)
    ]
    whitened = np.sqrt(w)[:, None] * exog
    condition = np.linalg.cond(whitened / np.sqrt((whitened**2).sum(axis=0)))
    for name in STOCKS:
        y = returns[name].iloc[end - 252 : end].to_numpy()[complete]
        target = y - w @ y
        moments = centred.T @ (w * target)

        def variance(b, edf):
            return (w * (target - centred @ b) ** 2).sum() * n_eff / (n_eff - edf)

        free = variance(np.linalg.solve(gram, moments), 1 + size)
        penalty = free / (n_eff * 0.25)
        bread = np.linalg.inv(gram + penalty * style)
        b = bread @ moments
        edf = 1 + np.trace(bread @ gram)
        e = target - centred @ b
        # Lags are counted in sessions, so the scores sit on the window with zeros where a row is missing.
        scores = np.zeros((252, size))
        scores[complete] = (w * e)[:, None] * centred

        def newey_west(scores):
            meat = scores.T @ scores
            for lag in range(1, 6):
                cross = scores[lag:].T @ scores[:-lag]
                meat += (1 - lag / 6) * (cross + cross.T)
            return meat

        errors = np.sqrt(np.diag(bread @ newey_west(scores) @ bread))
        # The intercept is the mean less what the slopes explain of it, so a session moves it by its own residual and through them.
        of_alpha = np.zeros((252, 1))
        of_alpha[complete, 0] = w * e * (1 - centred @ bread @ (w @ f))
        alpha = w @ y - (w @ f) @ b
        alpha_error = math.sqrt(newey_west(of_alpha)[0, 0])
        left = n_eff - edf
        half = stats.t.ppf(0.975, left) * errors
        case = f"joint {name}"
        vector(case, "beta", b)
        vector(case, "error", errors)
        vector(case, "t", b / errors)
        vector(case, "p", 2 * stats.t.sf(np.abs(b / errors), left))
        vector(case, "low", b - half)
        vector(case, "high", b + half)
        vector(case, "vif", inflation)
        r_squared = 1 - (w * e**2).sum() / (w * target**2).sum()
        put(
            case,
            alpha=alpha,
            alpha_error=alpha_error,
            alpha_t=alpha / alpha_error,
            alpha_p=2 * stats.t.sf(abs(alpha / alpha_error), left),
            penalty=penalty,
            edf=edf,
            specific=252 * variance(b, edf),
            r_squared=r_squared,
            adjusted=1 - (1 - r_squared) * (n_eff - 1) / left,
            durbin_watson=durbin_watson(e),
            condition=condition,
        )


def covariances():
    last = returns[STOCKS].loc[:"2022-12-28"].iloc[-252:]
    fit = LedoitWolf().fit(last)
    put(
        "ledoit wolf",
        shrinkage=fit.shrinkage_,
        condition=np.linalg.cond(fit.covariance_),
        sample_condition=np.linalg.cond(np.cov(last.T, ddof=0)),
    )
    vector("ledoit wolf", "row", fit.covariance_[0])
    for a, b in (("AAPL", "MSFT"), ("AAPL", "XOM"), ("RRC", "JNJ"), ("CVX", "XOM")):
        result = stats.pearsonr(last[a], last[b])
        interval = result.confidence_interval(0.95)
        put(f"pearson {a} {b}", rho=result.statistic, p=result.pvalue, low=interval.low, high=interval.high)
    correlation = np.corrcoef(last.T)
    distance = np.sqrt(0.5 * (1 - correlation))
    tree = hierarchy.linkage(squareform(distance, checks=False), method="average")
    labels = hierarchy.fcluster(tree, math.sqrt(0.15), criterion="distance")
    seen = list(dict.fromkeys(labels))
    vector("clusters", "label", [seen.index(label) for label in labels])


def distributions():
    for x in (-8.0, -3.5, -1.0, -0.1, 0.3, 1.96, 5.0):
        put("normal", **{f"{x}": stats.norm.cdf(x)})
    for x in (0.05, 1.0, 3.84, 12.0, 60.0):
        for k in (1, 2, 3, 7, 20):
            put("chi square", **{f"{x} {k}": stats.chi2.sf(x, k)})
    for t in (0.01, 0.7, 1.98, 6.0, 25.0):
        for degrees in (1, 4, 30, 245, 2256):
            put("student p", **{f"{t} {degrees}": 2 * stats.t.sf(t, degrees)})
    for tail in (0.5, 0.1, 0.05, 0.001):
        for degrees in (1, 4, 30, 245, 2256):
            put("student critical", **{f"{tail} {degrees}": stats.t.isf(tail / 2, degrees)})


def value_at_risk():
    index = returns["SP500"].loc["2014-01-02":"2022-12-28"].to_numpy()
    book = returns[STOCKS].mean(axis=1).loc[:"2022-12-28"].iloc[-502:].to_numpy()
    put("index", volatility=index.std(ddof=1) * math.sqrt(252))
    for case, series in (("index", index), ("book", book[-252:])):
        for level in (95, 99):
            q = np.quantile(series, 1 - level / 100)  # numpy's default is type 7
            put(case, **{f"var{level}": -q, f"es{level}": -series[series <= q].mean()})
    for q in (0.0, 0.001, 0.05, 0.25, 0.5, 0.975, 1.0):
        put("quantile", **{f"{q}": np.quantile(book[-252:], q)})
    for level in (95, 99):
        q = 1 - level / 100
        hits = np.array([book[t] < np.quantile(book[t - 252 : t], q) for t in range(252, 502)])
        put(f"backtest {level}", hits=hits.sum(), **coverage(hits.size, hits.sum(), q))
        put(f"backtest {level}", **independence(hits))
    for n, hits, q in ((250, 0, 0.01), (250, 7, 0.01), (250, 20, 0.05), (1000, 10, 0.01)):
        put(f"kupiec {n} {hits} {q}", **coverage(n, hits, q))


def log_likelihood(successes, failures, p):
    """0·log 0 is 0."""
    return (successes * math.log(p) if successes else 0.0) + (failures * math.log1p(-p) if failures else 0.0)


def coverage(n, hits, p):
    """Kupiec's likelihood ratio: are there as many violations as there should be?"""
    n, hits = int(n), int(hits)
    share = hits / n
    ratio = -2 * (log_likelihood(hits, n - hits, p) - log_likelihood(hits, n - hits, share))
    return {"kupiec": ratio, "kupiec_p": stats.chi2.sf(ratio, 1)}


def independence(hits):
    """Christoffersen's likelihood ratio: does a violation make one on the next day likelier?"""
    counts = np.zeros((2, 2), dtype=int)
    for before, after in zip(hits[:-1], hits[1:]):
        counts[int(before), int(after)] += 1
    (n00, n01), (n10, n11) = counts
    one = (n01 + n11) / counts.sum()
    apart = 0.0
    for calm, violated in ((n00, n01), (n10, n11)):
        if calm + violated:
            apart += log_likelihood(violated, calm, violated / (calm + violated))
    ratio = -2 * (log_likelihood(n01 + n11, n00 + n10, one) - apart)
    return {
        "n00": n00, "n01": n01, "n10": n10, "n11": n11,
        "independence": ratio, "independence_p": stats.chi2.sf(ratio, 1),
    }


def options():
    for spot, strike, days, r, q, sigma in (
        (100, 105, 90, 0.045, 0.01, 0.28), (42, 40, 182.5, 0.1, 0.0, 0.2), (100, 100, 1, 0.04, 0.0, 0.6),
        (250, 180, 720, 0.04, 0.02, 0.35), (30, 60, 30, 0.0, 0.05, 0.9), (500, 500, 365, -0.005, 0.0, 0.12),
    ):
        t = days / 365
        d1 = (math.log(spot / strike) + (r - q + sigma**2 / 2) * t) / (sigma * math.sqrt(t))
        d2 = d1 - sigma * math.sqrt(t)
        carry, discount = math.exp(-q * t), math.exp(-r * t)
        density = stats.norm.pdf(d1)
        for kind, sign in (("call", 1), ("put", -1)):
            n1, n2 = stats.norm.cdf(sign * d1), stats.norm.cdf(sign * d2)
            theta = (
                -spot * carry * density * sigma / (2 * math.sqrt(t))
                - sign * r * strike * discount * n2
                + sign * q * spot * carry * n1
            )
            put(
                f"bsm {kind} {spot} {strike} {days} {r} {q} {sigma}",
                price=sign * (spot * carry * n1 - strike * discount * n2),
                delta=sign * carry * n1,
                gamma=carry * density / (spot * sigma * math.sqrt(t)),
                vega_per_point=spot * carry * density * math.sqrt(t) / 100,
                theta_per_day=theta / 365,
                rho_per_point=sign * strike * t * discount * n2 / 100,
            )


def money_weighted():
    flows = {
        "excel": [("2008-01-01", -10000), ("2008-03-01", 2750), ("2008-10-30", 4250), ("2009-02-15", 3250), ("2009-04-01", 2750)],
        "loss": [("2020-01-15", -1000), ("2020-06-30", -500), ("2021-12-31", 900)],
        "long": [("2012-01-03", -100), ("2014-06-02", -50), ("2018-09-20", 40), ("2022-12-28", 260)],
    }
    for name, path in flows.items():
        first = date.fromisoformat(path[0][0])
        years = [(date.fromisoformat(day) - first).days / 365 for day, _ in path]
        amounts = [amount for _, amount in path]
        rate = optimize.brentq(
            lambda r: sum(a / (1 + r) ** y for a, y in zip(amounts, years)), -0.99, 10.0, xtol=1e-15, rtol=1e-14
        )
        put(f"xirr {name}", rate=rate)
        for day, amount in path:
            put(f"xirr {name}", **{day: amount})


def money_weighted_patterns():
    """More shapes of cash flows. Each has one rate above −1 + 1e-9, also where the sign changes more than once."""
    months = [f"{year}-{month:02}-01" for year in (2015, 2016) for month in range(1, 13)]
    flows = {
        "savings": [(day, -500) for day in months] + [("2017-01-01", 13500)],
        "pension": [("2015-01-01", -20000)] + [(day, 900) for day in months[1:]],
        "ruin": [("2019-01-02", -1000), ("2020-06-30", 30)],
        "quick": [("2021-03-01", -1000), ("2021-03-29", 1100)],
        "credit": [("2018-05-01", 1000), ("2018-11-01", 500), ("2019-05-01", -700), ("2020-05-01", -900)],
        "turns": [("2014-01-02", -1000), ("2015-01-02", 300), ("2016-06-30", -200), ("2018-12-31", 1400)],
        "nothing": [("2013-07-01", -1000), ("2014-07-01", 1000)],
        "decades": [("1990-01-02", -1), ("1999-12-31", -250000.55), ("2022-12-28", 1234567.89)],
    }
    for name, path in flows.items():
        first = date.fromisoformat(path[0][0])
        years = np.array([(date.fromisoformat(day) - first).days / 365 for day, _ in path])
        amounts = np.array([amount for _, amount in path], dtype=float)

        def worth(r):
            return float((amounts * (1 + r) ** -years).sum())

        # A fine grid over 1 + r = e^v: one crossing.
        grid = np.linspace(-20.7, 20.7, 200_001)
        lifted = grid[:, None] * -years - (grid[:, None] * -years).max(axis=1, keepdims=True)
        signs = np.sign((amounts * np.exp(lifted)).sum(axis=1))
        at = np.flatnonzero(np.diff(signs[signs != 0]))
        assert at.size == 1, (name, at.size)
        rate = optimize.brentq(worth, -0.999, 50.0, xtol=1e-15, rtol=1e-14)
        put(f"xirr {name}", rate=rate)
        for day, amount in path:
            put(f"xirr {name}", **{day: amount})


def option_differences():
    """Greeks as central differences of the price, in 80 digits: no formula of a Greek is used, and no library."""
    decimal.getcontext().prec = 80
    pi = Decimal("3.1415926535897932384626433832795028841971693993751058209749445923078164062862089986")

    def normal(x):
        """½ + φ(x)·(x + x³/3 + x⁵/(3·5) + …)"""
        term = total = x
        k = 1
        while abs(term) > Decimal("1e-78"):
            k += 2
            term = term * x * x / k
            total += term
        return Decimal("0.5") + (-x * x / 2).exp() / (2 * pi).sqrt() * total

    def price(sign, spot, strike, years, rate, dividend, sigma):
        spread = sigma * years.sqrt()
        d1 = ((spot / strike).ln() + (rate - dividend + sigma * sigma / 2) * years) / spread
        paid = strike * (-rate * years).exp() * normal(sign * (d1 - spread))
        return sign * (spot * (-dividend * years).exp() * normal(sign * d1) - paid)

    for terms in (
        "100 105 90 0.045 0.01 0.28", "100 100 30 0.03 0.08 0.4", "250 180 720 0.04 0.02 0.35",
        "30 60 365 0.0 0.05 0.9", "80 79 7 0.05 0.015 0.15", "1200 1000 1095 -0.005 0.03 0.22",
    ):
        spot, strike, days, rate, dividend, sigma = (Decimal(part) for part in terms.split())
        for kind, sign in (("call", 1), ("put", -1)):
            at = [spot, strike, days / 365, rate, dividend, sigma]
            step = Decimal("1e-18")

            def moved(which, by):
                values = list(at)
                values[which] += by
                return price(sign, *values)

            def slope(which):
                return (moved(which, step) - moved(which, -step)) / (2 * step)

            middle = price(sign, *at)
            put(
                f"differences {kind} {terms}",
                price=middle,
                delta=slope(0),
                gamma=(moved(0, step) - 2 * middle + moved(0, -step)) / step**2,
                vega_per_point=slope(5) / 100,
                theta_per_day=-slope(2) / 365,
                rho_per_point=slope(3) / 100,
            )


def equal_weight():
    return returns[STOCKS].mean(axis=1)


def performance():
    """Ratios against the index as their papers have them; slopes and their errors are those of statsmodels."""
    series = {"AAPL": returns["AAPL"], "XOM": returns["XOM"], "equal": equal_weight()}
    for name, of in series.items():
        for first, last in (("2014-01-02", "2022-12-28"), ("2018-01-02", "2018-12-31"), ("2020-01-02", "2020-06-30")):
            own, index = of.loc[first:last].to_numpy(), returns["SP500"].loc[first:last].to_numpy()
            before = closes.index[closes.index.get_loc(first) - 1]
            days = (pd.Timestamp(last) - before).days
            levels = np.concatenate([[1.0], np.cumprod(1 + own)])
            total = levels[-1] - 1
            annual = (1 + total) ** (365 / days) - 1
            falls = 1 - levels / np.maximum.accumulate(levels)
            trough = int(falls.argmax())
            peak = int(np.flatnonzero(levels[:trough] == levels[:trough].max())[-1])
            back = np.flatnonzero(levels[trough:] >= levels[peak])
            below = np.concatenate([[False], falls > 0]).astype(int)
            put(
                f"record {name} {first} {last}",
                total=total,
                annual=annual,
                depth=falls[trough],
                peak=peak,
                trough=trough,
                recovery=trough + back[0] if back.size else -1,
                falls=(np.diff(below) == 1).sum(),
                calmar=annual / falls[trough],
                volatility=own.std(ddof=1) * math.sqrt(252),
            )
            for rate in (0.04, 0.0, -0.005):
                free = math.expm1(rate / 252)
                e, b = own - free, index - free
                downside = math.sqrt(252 * (np.minimum(e, 0) ** 2).mean())
                tracking = (e - b).std(ddof=1) * math.sqrt(252)
                model = sm.OLS(e, sm.add_constant(b))
                plain = model.fit()
                robust = model.fit(cov_type="HAC", cov_kwds={"maxlags": 5, "use_correction": False}, use_t=True)
                put(
                    f"ratios {name} {first} {last} {rate}",
                    sharpe=e.mean() * 252 / (e.std(ddof=1) * math.sqrt(252)),
                    downside=downside,
                    sortino=e.mean() * 252 / downside,
                    tracking_error=tracking,
                    information_ratio=(e - b).mean() * 252 / tracking,
                    beta=plain.params[1],
                    beta_error=plain.bse[1],
                    beta_hac5=robust.bse[1],
                    alpha=plain.params[0] * 252,
                    alpha_error=plain.bse[0] * 252,
                    alpha_hac5=robust.bse[0] * 252,
                )


def market_betas():
    """The beta for display: exponential weights, Newey–West, Vasicek towards 1."""
    last = returns.loc[:"2022-12-28"].iloc[-252:]
    weights = 0.5 ** (np.arange(251, -1, -1) / 126.0)
    left = weights.sum() ** 2 / (weights**2).sum() - 2
    for name in ("AAPL", "XOM", "RRC", "JNJ"):
        model = sm.WLS(last[name].to_numpy(), sm.add_constant(last["SP500"].to_numpy()), weights=weights)
        fit = model.fit(cov_type="HAC", cov_kwds={"maxlags": 5, "use_correction": False})
        beta, error = fit.params[1], fit.bse[1]
        half = stats.t.ppf(0.975, left) * error
        put(
            f"market beta {name}",
            beta=beta, error=error, t=beta / error, p=2 * stats.t.sf(abs(beta / error), left),
            low=beta - half, high=beta + half, alpha=fit.params[0], r_squared=fit.rsquared, n_eff=left + 2,
            adjusted=(beta / error**2 + 1 / 0.09) / (1 / error**2 + 1 / 0.09),
            alpha_error=fit.bse[0], alpha_p=2 * stats.t.sf(abs(fit.params[0] / fit.bse[0]), left),
            adjusted_r_squared=1 - (1 - fit.rsquared) * (left + 1) / left,
        )


def time_weighted():
    """Net asset values of a book that is paid into and out of at closes; the return is that of what it holds."""
    for name, of in (("AAPL", returns["AAPL"]), ("equal", equal_weight())):
        moves = of.loc["2020-02-19":"2020-03-31"].to_numpy()
        nav = 250_000.0
        put(f"flows {name}", opening=nav)
        for at, move in enumerate(moves):
            # Every fifth close: in, in, out.
            flow = (40_000.0, 125_000.5, -60_000.25)[at // 5 % 3] if at % 5 == 3 else 0.0
            nav = nav * (1 + move) + flow
            put(f"flows {name}", **{f"nav{at}": nav, f"flow{at}": flow, f"return{at}": move})
        put(f"flows {name}", total=np.prod(1 + moves) - 1)


def ten_sessions():
    """Losses over ten sessions: of all overlapping runs without a hole, and of a normal distribution."""
    index = returns["SP500"].loc["2014-01-02":"2022-12-28"].to_numpy()
    holed = np.where(np.arange(index.size) % 97 == 13, np.nan, index)
    book = equal_weight().loc[:"2022-12-28"].iloc[-252:].to_numpy()
    for name, series in (("index", index), ("holed", holed), ("book", book)):
        runs = pd.Series(1 + series).rolling(10).apply(np.prod, raw=True).dropna().to_numpy() - 1
        put(f"ten sessions {name}", runs=runs.size)
        for level in (95, 99):
            q = np.quantile(runs, 1 - level / 100)
            put(f"ten sessions {name}", **{f"var{level}": -q, f"es{level}": -runs[runs <= q].mean()})
            tail = 1 - level / 100
            for sessions in (1, 10):
                sigma = math.sqrt(np.nanmean(series**2) * sessions)
                z = stats.norm.isf(tail)
                put(
                    f"parametric {name} {sessions}",
                    **{f"var{level}": z * sigma, f"es{level}": sigma * stats.norm.pdf(z) / tail},
                )


def violations():
    """Kupiec and Christoffersen, and both at once, of stocks and of made-up violations."""
    def put_all(case, hits, tail):
        own = {**coverage(hits.size, hits.sum(), tail), **independence(hits)}
        both = own["kupiec"] + own["independence"]
        names = ("kupiec", "kupiec_p", "independence", "independence_p")
        put(case, hits=hits.sum(), **{name: own[name] for name in names})
        put(case, conditional=both, conditional_p=stats.chi2.sf(both, 2))

    for name in ("AAPL", "RRC", "SP500"):
        series = returns[name].loc[:"2022-12-28"].iloc[-502:].to_numpy()
        for level in (95, 99):
            q = 1 - level / 100
            hits = np.array([series[t] < np.quantile(series[t - 252 : t], q) for t in range(252, 502)])
            put_all(f"violations {name} {level}", hits, q)
    for n, tail, places in (
        (250, 0.01, [20, 21, 22]), (250, 0.05, [1, 40, 80, 81, 120, 160, 161, 162, 200, 240]), (100, 0.05, [0, 99]),
        (500, 0.01, [3, 77, 150, 222, 305, 410, 411]), (60, 0.1, list(range(0, 60, 2))), (250, 0.01, [100]),
    ):
        hits = np.zeros(n, dtype=bool)
        hits[places] = True
        put_all(f"christoffersen {n} {tail} {'-'.join(map(str, places))}", hits, tail)


for section in (
    estimation, joint_model, covariances, distributions, value_at_risk, options, money_weighted,
    money_weighted_patterns, option_differences, performance, market_betas, time_weighted, ten_sessions, violations,
):
    section()

with open(HERE / "golden.csv", "w", newline="") as file:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["case", "name", "value"])
    writer.writerows(rows)
