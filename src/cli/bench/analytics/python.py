# Processor times of numpy and statsmodels on random numbers of the same sizes, on one core, as JSON. Argument: rounds.
import json, os, sys, time
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"
rounds, answer = int(sys.argv[1]), {"python": sys.version.split()[0]}

def median_ms(work):
    work()
    times = []
    for _ in range(rounds):
        started = time.process_time()
        work()
        times.append((time.process_time() - started) * 1e3)
    return sorted(times)[len(times) // 2]

try:
    import numpy as np
    answer["numpy"] = np.__version__
    noise = np.random.default_rng(1)
    factors = noise.normal(0, 0.01, (252, 8))
    returns = noise.normal(0, 0.015, (500, 252)) + noise.normal(0, 1, (500, 8)) @ factors.T
    answer["correlations_ms"] = median_ms(lambda: np.corrcoef(returns))
except ImportError as error:
    answer["numpy_reason"] = str(error)
try:
    import pandas as pd
    answer["pandas"] = pd.__version__
    holed = pd.DataFrame(returns.T)
    holed.iloc[3, ::10] = np.nan
    answer["pairwise_ms"] = median_ms(lambda: holed.corr(min_periods=60))
except (ImportError, NameError) as error:
    answer["pandas_reason"] = str(error)
try:
    import statsmodels, statsmodels.api as sm
    from statsmodels.stats.stattools import durbin_watson
    answer["statsmodels"] = statsmodels.__version__
    design, weights = sm.add_constant(factors), 0.5 ** (np.arange(251, -1, -1) / 126)

    def fits():
        for y in returns:
            fit = sm.WLS(y, design, weights=weights).fit(
                cov_type="HAC", cov_kwds={"maxlags": 5, "use_correction": False})
            fit.params, fit.bse, fit.pvalues, fit.conf_int(), fit.rsquared, fit.rsquared_adj
            fit.condition_number, durbin_watson(fit.resid)

    answer["joint_fits_ms"] = median_ms(fits)
except (ImportError, NameError) as error:
    answer["statsmodels_reason"] = str(error)
print(json.dumps(answer))
