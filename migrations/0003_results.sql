-- Results. A set is the results of one owner, date and kind; its header says which run and attempt
-- wrote it and which version of the inputs it saw. Sets are replaced whole, in the transaction that
-- completes the task.

create table result_set (
    kind           text not null,
    -- A portfolio id, a symbol, or 'factors'.
    owner          text not null,
    as_of          date not null,
    -- No foreign key: commits would wait at the row of the run, and runs are never removed.
    run_id         uuid not null,
    run_seq        bigint not null,
    task_id        bigint not null,
    epoch          bigint not null,
    data_version   bigint not null,
    definitions    text not null,
    provider_basis text not null check (provider_basis in ('raw', 'total_return')),
    model_version  text not null,
    convention_id  text not null,
    computed_at    timestamptz not null default now(),
    -- Whether an input that concerns it changed after the version that it saw: kept by the triggers below, in the transaction that
    -- brings the change or the set. Asking the history of changes anew for each set that is read would take longer with every night.
    stale          boolean not null default false,
    primary key (kind, owner, as_of)
);

create index result_set_dates on result_set (as_of);
create index result_set_stale on result_set (owner, kind, as_of) where stale;

-- Live sets have no history: each owner has one, of the newest date.
create unique index result_set_live on result_set (kind, owner) where kind in ('position-updates', 'sector-tags');

create table symbol_factor_models (
    symbol            text not null references symbol_universe (symbol),
    as_of             date not null,
    available         boolean not null,
    reason            text,
    alpha             double precision,
    r_squared         double precision,
    n                 integer not null,
    n_eff             double precision,
    edf               double precision,
    -- Annual, a fraction squared.
    specific_variance double precision,
    flags             text[] not null default '{}',
    -- Of the intercept: Newey-West error, t, two-sided p, ends of the 95 % interval; t and p are null where the error is 0.
    alpha_error        double precision,
    alpha_t            double precision,
    alpha_p            double precision,
    alpha_low_95       double precision,
    alpha_high_95      double precision,
    adjusted_r_squared double precision,
    durbin_watson      double precision,
    -- Of the scaled design; null where a factor is redundant.
    condition_number   double precision,
    primary key (symbol, as_of),
    check (available = (reason is null)),
    check (available = (specific_variance is not null))
);

create table symbol_factor_exposures (
    symbol    text not null,
    as_of     date not null,
    -- joint feeds risk and stress; market, spread and provider are for display.
    model     text not null check (model in ('joint', 'market', 'spread', 'provider')),
    factor    text not null,
    beta      double precision not null,
    std_error double precision,
    -- Vasicek, of the market model only.
    shrunk    double precision,
    vif       double precision,
    n         integer,
    flags     text[] not null default '{}',
    -- Student's t, two-sided p, ends of the 95 % interval; null for a redundant factor, t and p where the error is 0.
    t         double precision,
    p         double precision,
    low_95    double precision,
    high_95   double precision,
    primary key (symbol, as_of, model, factor),
    foreign key (symbol, as_of) references symbol_factor_models (symbol, as_of) on delete cascade
);

-- How each configured model for display ended, one row each; with numbers, its slope is among the exposures.
create table symbol_display_models (
    symbol             text not null,
    as_of              date not null,
    model              text not null check (model in ('market', 'spread', 'provider')),
    -- The factor, or the name of the spread.
    factor             text not null,
    -- unavailable: a series or a number that it is made of is missing; insufficient_data: too few returns.
    status             text not null check (status in ('available', 'unavailable', 'insufficient_data')),
    reason             text,
    -- Returns used, or at hand; null for the provider, who does not say.
    n                  integer,
    -- Of the raw regression of the market model only. alpha and what is said of it: a return per session.
    alpha              double precision,
    alpha_error        double precision,
    -- t and p are null where the error is 0.
    alpha_t            double precision,
    alpha_p            double precision,
    alpha_low_95       double precision,
    alpha_high_95      double precision,
    -- Null where the returns are constant.
    r_squared          double precision,
    adjusted_r_squared double precision,
    n_eff              double precision,
    primary key (symbol, as_of, model, factor),
    foreign key (symbol, as_of) references symbol_factor_models (symbol, as_of) on delete cascade,
    check ((status = 'available') = (reason is null)),
    check ((alpha is not null) = (status = 'available' and model = 'market')),
    check (alpha is not null or num_nonnulls(alpha_error, alpha_t, alpha_p, alpha_low_95, alpha_high_95, r_squared,
                                             adjusted_r_squared, n_eff) = 0)
);

create table factor_covariance (
    as_of            date primary key,
    available        boolean not null,
    reason           text,
    factors          text[] not null,
    roles            text[] not null,
    -- Slope of each proxy on the market: f = P - slope * P_market. 0 for the market itself.
    market_slopes    double precision[] not null,
    -- Row-major k x k, annual, of the market-neutral factors.
    covariance       double precision[] not null,
    -- Row-major k x k, annual, of the total returns of the proxies.
    proxy_covariance double precision[] not null,
    -- Sessions on which every proxy has a return.
    n                integer not null,
    unavailable      jsonb not null default '{}',
    -- The oldest and the newest of those sessions.
    first_session    date,
    last_session     date,
    -- The proxy with the fewest returns; null where each has one on every session of the window.
    limiting_proxy   text,
    check (available = (reason is null)),
    check (available = (first_session is not null)),
    check ((first_session is null) = (last_session is null))
);

create table symbol_daily_metrics (
    symbol     text not null references symbol_universe (symbol),
    as_of      date not null,
    close      numeric,
    return_1d  double precision,
    return_mtd double precision,
    return_ytd double precision,
    return_1m  double precision,
    return_3m  double precision,
    return_1y  double precision,
    reason     text,
    primary key (symbol, as_of),
    check ((close is null) = (reason is not null))
);

-- What a careful person would ask the provider about, per series and date, over the 531 sessions up to it. No
-- reference to the universe: the proxy of a definition that came after the plan is checked as well.
create table data_quality (
    symbol   text not null,
    as_of    date not null,
    -- Sessions looked at, and those of them with a value.
    sessions integer not null,
    observed integer not null check (observed between 0 and sessions),
    findings integer not null check (findings >= 0),
    -- The newest findings: check, from, to, measured, threshold, values, text.
    evidence jsonb not null default '[]' check (jsonb_typeof(evidence) = 'array'),
    primary key (symbol, as_of),
    check (jsonb_array_length(evidence) <= findings)
);

create table position_values (
    portfolio_id uuid not null references portfolios (id),
    as_of        date not null,
    position_id  uuid not null references positions (id),
    quantity     numeric not null,
    price        numeric not null check (price >= 0),
    price_date   date check (price_date <= as_of),
    quality      text not null check (quality in ('close', 'stale', 'model', 'carried', 'manual')),
    market_value numeric not null,
    cost         numeric not null,
    unrealised   numeric not null,
    primary key (portfolio_id, as_of, position_id),
    check (unrealised = market_value - cost)
);

create table portfolio_snapshots (
    portfolio_id      uuid not null references portfolios (id),
    as_of             date not null,
    nav               numeric not null,
    cash              numeric not null,
    long_value        numeric not null check (long_value >= 0),
    short_value       numeric not null check (short_value <= 0),
    external_flows    numeric not null,
    realised          numeric not null,
    unrealised_change numeric not null,
    income            numeric not null,
    pnl_day           numeric not null,
    pnl_total         numeric not null,
    -- Of net asset value at the previous close; null where that was not positive.
    return_day        double precision,
    large_flow        boolean not null,
    -- Flow -> why the ledger leaves it out, and the close that an expiry lacks -> what it was settled at, for those up
    -- to this date.
    doubts            jsonb not null default '{}',
    primary key (portfolio_id, as_of),
    check (nav = cash + long_value + short_value),
    check (pnl_day = realised + unrealised_change + income)
);

create table position_marks (
    position_id  uuid primary key references positions (id),
    as_of        date not null,
    price        numeric not null,
    price_date   date,
    quality      text not null,
    market_value numeric not null,
    unrealised   numeric not null
);

create table tags (
    name text primary key,
    kind text not null check (kind in ('sector'))
);

create table position_tags (
    position_id uuid not null references positions (id),
    kind        text not null,
    tag         text not null references tags (name),
    primary key (position_id, kind)
);

create table completeness (
    portfolio_id  uuid not null references portfolios (id),
    as_of         date not null,
    snapshot      text not null,
    marks         text not null,
    betas         text not null,
    factors       text not null,
    volatility    text not null,
    correlation   text not null,
    concentration text not null,
    stress        text not null,
    value_at_risk  text not null,
    replay         text not null,
    reverse_stress text not null,
    -- Entry -> why it is not done.
    reasons       jsonb not null default '{}',
    -- Symbol -> why it is left out of market numbers; flow -> why it is left out of the ledger.
    missing       jsonb not null default '{}',
    coverage      double precision check (coverage between 0 and 1),
    -- True where every entry is done, not applicable or short of data.
    strict        boolean not null,
    -- Runs in a row that left an entry failed or timed out; after the fourth nobody tries again unasked.
    failed_runs   smallint not null default 0 check (failed_runs >= 0),
    primary key (portfolio_id, as_of),
    check (strict = (failed_runs = 0))
);

create table factor_exposures (
    portfolio_id uuid not null,
    as_of        date not null,
    factor       text not null,
    beta         double precision,
    std_error    double precision,
    dollar       numeric,
    coverage     double precision,
    reason       text,
    -- Ends of the 95 % interval of beta.
    low_95       double precision,
    high_95      double precision,
    primary key (portfolio_id, as_of, factor),
    foreign key (portfolio_id, as_of) references completeness (portfolio_id, as_of) on delete cascade,
    check ((beta is null) = (reason is not null)),
    check (beta <> 'NaN' and dollar <> 'NaN')
);

create table position_factor_exposures (
    portfolio_id uuid not null,
    as_of        date not null,
    position_id  uuid not null,
    factor       text not null,
    beta         double precision not null,
    dollar       numeric not null,
    -- Of beta, from the joint model of the symbol.
    std_error    double precision not null,
    low_95       double precision,
    high_95      double precision,
    primary key (portfolio_id, as_of, position_id, factor),
    foreign key (portfolio_id, as_of) references completeness (portfolio_id, as_of) on delete cascade,
    check (beta <> 'NaN' and std_error <> 'NaN' and dollar <> 'NaN')
);

create table portfolio_risk (
    portfolio_id          uuid not null,
    as_of                 date not null,
    volatility            double precision not null,
    factor_variance       double precision not null,
    specific_variance     double precision not null,
    systematic_share      double precision,
    diversification_ratio double precision,
    effective_bets        double precision,
    coverage              double precision,
    n                     integer not null,
    flags                 text[] not null default '{}',
    primary key (portfolio_id, as_of),
    foreign key (portfolio_id, as_of) references completeness (portfolio_id, as_of) on delete cascade
);

create table risk_contributions (
    portfolio_id uuid not null,
    as_of        date not null,
    kind         text not null check (kind in ('factor', 'underlying')),
    name         text not null,
    exposure     double precision not null,
    marginal     double precision not null,
    contribution double precision not null,
    share        double precision,
    primary key (portfolio_id, as_of, kind, name),
    foreign key (portfolio_id, as_of) references completeness (portfolio_id, as_of) on delete cascade
);

create table portfolio_volatility (
    portfolio_id uuid not null,
    as_of        date not null,
    realised_21  double precision,
    realised_63  double precision,
    forecast_21  double precision,
    percentile   double precision,
    trend_ratio  double precision,
    trend        text check (trend in ('rising', 'falling', 'steady')),
    n            integer not null,
    filled       integer not null,
    dropped      integer not null, -- sessions left out, for a hole that nothing could fill
    coverage     double precision,
    flags        text[] not null default '{}',
    reasons      jsonb not null default '{}',
    primary key (portfolio_id, as_of),
    foreign key (portfolio_id, as_of) references completeness (portfolio_id, as_of) on delete cascade
);

create table correlation_calculations (
    portfolio_id uuid not null,
    as_of        date not null,
    symbols      text[] not null,
    -- Upper triangle without the diagonal, row by row; null below 60 common returns.
    correlations double precision[] not null,
    lower_95     double precision[] not null,
    upper_95     double precision[] not null,
    n            integer[] not null,
    -- Cluster number of each symbol; null where it could not be clustered.
    clusters     integer[] not null,
    average      double precision,
    shrinkage    double precision,
    -- Gross of the symbols that a correlation is known of, over gross; null where that is zero.
    coverage     double precision check (coverage between 0 and 1),
    primary key (portfolio_id, as_of),
    foreign key (portfolio_id, as_of) references completeness (portfolio_id, as_of) on delete cascade
);

create view pairwise_correlations as
select c.portfolio_id, c.as_of, c.symbols[i] as symbol_1, c.symbols[j] as symbol_2,
       c.correlations[k.at] as correlation, c.lower_95[k.at] as lower_95, c.upper_95[k.at] as upper_95, c.n[k.at] as n
from correlation_calculations c
cross join lateral generate_series(1, cardinality(c.symbols)) i
cross join lateral generate_series(i + 1, cardinality(c.symbols)) j
cross join lateral (select ((i - 1) * cardinality(c.symbols) - (i - 1) * i / 2 + (j - i))::integer as at) k;

create table concentration (
    portfolio_id    uuid not null,
    as_of           date not null,
    gross           numeric not null,
    hhi             double precision not null,
    effective_names double precision not null,
    top_3           double precision not null,
    top_10          double precision not null,
    instruments     integer not null,
    primary key (portfolio_id, as_of),
    foreign key (portfolio_id, as_of) references completeness (portfolio_id, as_of) on delete cascade
);

create table sector_exposures (
    portfolio_id uuid not null,
    as_of        date not null,
    sector       text not null,
    long_value   numeric not null,
    short_value  numeric not null,
    net_value    numeric not null,
    gross_value  numeric not null,
    -- Of net asset value; null where that is not positive.
    net_weight   double precision,
    primary key (portfolio_id, as_of, sector),
    foreign key (portfolio_id, as_of) references completeness (portfolio_id, as_of) on delete cascade
);

-- Against each benchmark that is loaded, the sectors of either side: a side without the sector weighs 0.
create table active_weights (
    portfolio_id     uuid not null,
    as_of            date not null,
    benchmark        text not null,
    -- Of the weights of the benchmark.
    benchmark_as_of  date not null check (benchmark_as_of <= as_of),
    sector           text not null,
    benchmark_weight double precision not null,
    -- Of net asset value, and what it is more than the benchmark's; null where net asset value is not positive.
    net_weight       double precision,
    active_weight    double precision,
    primary key (portfolio_id, as_of, benchmark, sector),
    foreign key (portfolio_id, as_of) references completeness (portfolio_id, as_of) on delete cascade,
    check ((net_weight is null) = (active_weight is null))
);

-- The bucket that a lot is in at the date; its tag is that of the newest date.
create table position_sectors (
    portfolio_id uuid not null,
    as_of        date not null,
    position_id  uuid not null,
    sector       text not null,
    primary key (portfolio_id, as_of, position_id),
    foreign key (portfolio_id, as_of) references completeness (portfolio_id, as_of) on delete cascade
);

create table stress_test_results (
    portfolio_id uuid not null,
    as_of        date not null,
    -- No reference: a result stays when its scenario is replaced; the set's header has the hash.
    scenario_id  text not null,
    outcome      text not null check (outcome in ('done', 'insufficient_data', 'not_applicable', 'timed_out', 'failed')),
    reason       text,
    -- Profit and loss in the portfolio's currency, and as fractions of net asset value.
    direct_pnl        numeric,
    propagated_pnl    numeric,
    direct            double precision,
    propagated        double precision,
    direct_floored    numeric,
    propagated_floored numeric,
    mahalanobis  double precision,
    tail_p       double precision,
    implausible  boolean,
    coverage     double precision,
    primary key (portfolio_id, as_of, scenario_id),
    foreign key (portfolio_id, as_of) references completeness (portfolio_id, as_of) on delete cascade,
    check ((outcome = 'done') = (reason is null)),
    check ((outcome = 'done') = (propagated_pnl is not null))
);

-- Options as they are modelled: one row for a contract, and for each split of its underlying since an entry.
create table option_valuations (
    portfolio_id   uuid not null,
    as_of          date not null,
    symbol         text not null,
    underlying     text not null,
    -- Per share at the entry of the lots; so is the spot.
    strike         double precision not null,
    spot           double precision not null,
    -- Calendar days / 365.
    years          double precision not null,
    -- Continuous, per year, fractions.
    rate           double precision not null,
    dividend_yield double precision not null,
    volatility     double precision not null,
    -- Implied by the contract's price, else realised over 63 sessions of the underlying; the note says why.
    source         text not null check (source in ('implied', 'realised')),
    note           text,
    -- Per share: vega and rho per percentage point, theta per calendar day.
    price          double precision not null,
    delta          double precision not null,
    gamma          double precision not null,
    vega           double precision not null,
    theta          double precision not null,
    rho            double precision not null,
    -- Contracts x 100, written ones negative.
    shares         numeric not null,
    -- Delta equivalent in the portfolio's currency.
    exposure       numeric not null,
    primary key (portfolio_id, as_of, symbol, spot),
    foreign key (portfolio_id, as_of) references completeness (portfolio_id, as_of) on delete cascade,
    check ((source = 'implied') = (note is null))
);

-- What the return series of today's book says it may lose: fractions of net asset value, losses positive.
create table value_at_risk (
    portfolio_id             uuid not null,
    as_of                    date not null,
    confidence               double precision not null check (confidence in (0.95, 0.99)),
    outcome                  text not null check (outcome in ('done', 'insufficient_data', 'not_applicable', 'failed')),
    reason                   text,
    historical_1             double precision,
    historical_1_shortfall   double precision,
    historical_10            double precision,
    historical_10_shortfall  double precision,
    parametric_1             double precision,
    parametric_1_shortfall   double precision,
    parametric_10            double precision,
    parametric_10_shortfall  double precision,
    -- The backtest of historical_1: sessions, losses beyond it, how many there should be.
    sessions                 integer,
    exceptions               integer,
    expected                 double precision,
    -- Likelihood ratios and their p-values: Kupiec, Christoffersen's independence, both.
    kupiec                   double precision,
    kupiec_p                 double precision,
    independence             double precision,
    independence_p           double precision,
    conditional              double precision,
    conditional_p            double precision,
    n                        integer,
    coverage                 double precision,
    flags                    text[] not null default '{}',
    reasons                  jsonb not null default '{}',
    -- Runs of ten consecutive sessions among the n returns: what historical_10 rests on.
    windows                  integer check (windows >= 0),
    -- Of the whole series: holes that the factor model filled, and sessions left out for a hole that nothing could fill.
    filled                   integer check (filled >= 0),
    dropped                  integer check (dropped >= 0),
    primary key (portfolio_id, as_of, confidence),
    foreign key (portfolio_id, as_of) references completeness (portfolio_id, as_of) on delete cascade,
    check ((outcome = 'done') = (reason is null)),
    check ((outcome = 'done') = (historical_1 is not null))
);

-- Today's book, bought at the first close of a crisis and held to its low.
create table historical_replays (
    portfolio_id uuid not null,
    as_of        date not null,
    replay       text not null,
    first_close  date not null,
    last_close   date not null check (last_close > first_close and last_close <= as_of),
    outcome      text not null check (outcome in ('done', 'insufficient_data', 'not_applicable', 'failed')),
    reason       text,
    pnl          numeric,
    -- Of net asset value.
    fraction     double precision,
    -- Symbols without closes of their own, which moved with their betas.
    approximated jsonb not null default '[]',
    -- What the floor of -100 % took off those, in the currency of the portfolio.
    floored      numeric,
    coverage     double precision,
    primary key (portfolio_id, as_of, replay),
    foreign key (portfolio_id, as_of) references completeness (portfolio_id, as_of) on delete cascade,
    check ((outcome = 'done') = (reason is null)),
    check ((outcome = 'done') = (pnl is not null))
);

-- The most plausible move of the factors that costs a part of net asset value.
create table reverse_stress (
    portfolio_id uuid not null,
    as_of        date not null,
    loss         double precision not null check (loss > 0),
    outcome      text not null check (outcome in ('done', 'insufficient_data', 'not_applicable', 'failed')),
    reason       text,
    pnl          numeric,
    mahalanobis  double precision,
    tail_p       double precision,
    -- Factor -> total return of its proxy.
    moves        jsonb not null default '{}',
    -- What the floor of -100 % took off, in the currency of the portfolio.
    floored      numeric,
    coverage     double precision,
    primary key (portfolio_id, as_of, loss),
    foreign key (portfolio_id, as_of) references completeness (portfolio_id, as_of) on delete cascade,
    check ((outcome = 'done') = (reason is null)),
    check ((outcome = 'done') = (pnl is not null))
);

-- The bias statistic's parts: the return of a date in daily deviations of the newest model before it, and the part of the book that the model
-- covered. Nothing writes it and no phase reads
-- it. Which pairs are one session apart is for the reader to say, who has the calendar.
create view risk_forecasts as
select s.portfolio_id, s.as_of, model.as_of as forecast_of, model.coverage, s.return_day / (model.volatility / sqrt(252)) as z
from portfolio_snapshots s
cross join lateral (
    select r.as_of, r.volatility, r.coverage from portfolio_risk r
    where r.portfolio_id = s.portfolio_id and r.as_of < s.as_of
    order by r.as_of desc limit 1
) model
where s.return_day is not null and model.volatility > 0;

-- Which changes of inputs concern a kind of result: sectors and provider betas come from profiles, cash does not. Rate and dividend yields
-- price the options of a book: its values know them only where it has some.
create function concerns(kind text, input text) returns boolean
language sql immutable parallel safe as $$
    select case input
        when 'profile' then kind in ('symbol-factors', 'sector-tags', 'portfolio-analytics', 'position-values', 'pnl-snapshots', 'position-updates')
        when 'benchmark' then kind = 'portfolio-analytics'
        when 'definitions' then kind in ('symbol-factors', 'factor-covariance', 'portfolio-analytics')
        when 'replays' then kind = 'portfolio-analytics'
        when 'rate' then kind in ('portfolio-analytics', 'position-values', 'pnl-snapshots', 'position-updates')
        when 'book' then kind not in ('symbol-factors', 'factor-covariance', 'symbol-metrics', 'data-quality')
        else kind <> 'sector-tags'
    end
$$;

-- A symbol concerns a book from the entry of its first lot on; its profile concerns the book's values from the first option on it.
create view portfolio_symbols as
select portfolio_id, symbol, min(entry_date) as since, min(entry_date) filter (where optioned) as optioned_since from (
    select portfolio_id, symbol, entry_date, false as optioned from positions where deleted_at is null
    union all
    select portfolio_id, underlying, entry_date, true from positions where deleted_at is null and underlying is not null
) held
group by portfolio_id, symbol;

-- Whether an input that concerns a set changed after the version that it saw: what «stale» means.
create function rests_on_old_inputs(kind text, owner text, as_of date, data_version bigint) returns boolean
language sql stable as $$
    select exists (
        select from input_change c
        where c.scope = 'all' and c.owner = '' and c.version > $4 and $3 between c.from_date and c.to_date
          and concerns($1, c.input)
          and (c.input not in ('prices', 'rate') or $1 in ('symbol-factors', 'factor-covariance', 'portfolio-analytics')))
    or ($1 in ('symbol-factors', 'symbol-metrics', 'data-quality') and exists (
        select from input_change c
        where c.scope = 'symbol' and c.owner = $2 and c.version > $4
          and $3 between c.from_date and c.to_date and concerns($1, c.input)))
    or ($1 in ('position-values', 'pnl-snapshots', 'position-updates', 'sector-tags', 'portfolio-analytics') and (
        exists (
            select from input_change c
            where c.scope = 'portfolio' and c.owner = $2 and c.version > $4
              and $3 between c.from_date and c.to_date and concerns($1, c.input))
        or exists (
            select from portfolio_symbols s
            join input_change c on c.scope = 'symbol' and c.owner = s.symbol
            where s.portfolio_id = $2::uuid and s.since <= $3 and c.version > $4
              and $3 between c.from_date and c.to_date and concerns($1, c.input)
              and (c.input <> 'profile' or $1 in ('sector-tags', 'portfolio-analytics') or s.optioned_since <= $3))))
$$;

-- A change and a set that does not know it may be on their way at the same time. Whoever writes sets shares this lock, a change has it
-- alone: either the change finds the set, or the set finds the change. It is taken for a row and not for a statement: one that writes no set
-- (the completion of a task that has none, which changes inputs next) must not hold what two of them would then wait for in each other.
create function judge_result_set() returns trigger language plpgsql as $$
begin
    perform pg_advisory_xact_lock_shared(hashtextextended('result sets', 0));
    new.stale := new.data_version < (select version from data_version)
                 and rests_on_old_inputs(new.kind, new.owner, new.as_of, new.data_version);
    return new;
end
$$;

create trigger judge before insert or update of as_of, data_version on result_set
for each row execute function judge_result_set();

create function outdate_result_sets() returns trigger language plpgsql as $$
begin
    perform pg_advisory_xact_lock(hashtextextended('result sets', 0));
    update result_set rs set stale = true
    from changes c
    where c.scope = 'all' and rs.as_of between c.from_date and c.to_date and not rs.stale and c.version > rs.data_version
      and concerns(rs.kind, c.input)
      and (c.input not in ('prices', 'rate') or rs.kind in ('symbol-factors', 'factor-covariance', 'portfolio-analytics'));
    update result_set rs set stale = true
    from changes c
    where c.scope = 'symbol' and rs.kind in ('symbol-factors', 'symbol-metrics', 'data-quality') and rs.owner = c.owner
      and rs.as_of between c.from_date and c.to_date and not rs.stale and c.version > rs.data_version
      and concerns(rs.kind, c.input);
    update result_set rs set stale = true
    from (
        select owner, input, version, from_date, to_date, null::date as optioned_since from changes where scope = 'portfolio'
        union all
        select s.portfolio_id::text, c.input, c.version, greatest(c.from_date, s.since), c.to_date, s.optioned_since
        from changes c
        cross join lateral (select * from portfolio_symbols where symbol = c.owner) s
        where c.scope = 'symbol'
    ) c
    where rs.kind in ('position-values', 'pnl-snapshots', 'position-updates', 'sector-tags', 'portfolio-analytics')
      and rs.owner = c.owner and rs.as_of between c.from_date and c.to_date and not rs.stale and c.version > rs.data_version
      and concerns(rs.kind, c.input)
      and (c.input <> 'profile' or rs.kind in ('sector-tags', 'portfolio-analytics') or c.optioned_since <= rs.as_of);
    return null;
end
$$;

create trigger outdate after insert on input_change referencing new table as changes
for each statement execute function outdate_result_sets();

create view stale_result_sets as
select kind, owner, as_of from result_set where stale;

-- Why a set is stale, change by change: the same conditions, for those who ask about one owner.
create view stale_reasons as
select rs.kind, rs.owner, rs.as_of, c.version, c.scope, c.owner as changed, c.input, c.from_date, c.to_date, c.reason, c.at
from result_set rs
join input_change c on c.version > rs.data_version and rs.as_of between c.from_date and c.to_date and concerns(rs.kind, c.input)
where (c.scope = 'all' and (c.input not in ('prices', 'rate') or rs.kind in ('symbol-factors', 'factor-covariance', 'portfolio-analytics')))
   or (c.scope = 'symbol' and rs.kind in ('symbol-factors', 'symbol-metrics', 'data-quality') and c.owner = rs.owner)
   or (rs.kind in ('position-values', 'pnl-snapshots', 'position-updates', 'sector-tags', 'portfolio-analytics') and (
        (c.scope = 'portfolio' and c.owner = rs.owner)
        or (c.scope = 'symbol' and exists (
            select from portfolio_symbols s
            where s.portfolio_id::text = rs.owner and s.symbol = c.owner and s.since <= rs.as_of
              and (c.input <> 'profile' or rs.kind in ('sector-tags', 'portfolio-analytics') or s.optioned_since <= rs.as_of)))));

-- What readers may see: the analytics of the date are committed and not stale, and its snapshot exists.
create view published_dates as
select s.portfolio_id, s.as_of, c.strict, rs.run_id
from portfolio_snapshots s
join completeness c using (portfolio_id, as_of)
join result_set rs on rs.kind = 'portfolio-analytics' and rs.owner = s.portfolio_id::text and rs.as_of = s.as_of
where not exists (
    select from stale_result_sets x
    where x.kind in ('portfolio-analytics', 'pnl-snapshots') and x.owner = rs.owner and x.as_of = rs.as_of);

update install set schema_version = 3;
