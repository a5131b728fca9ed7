-- Inputs: what people and providers tell us. Every change of an input inserts an input_change in
-- its own transaction, so that "stale" can be derived from rows.

-- One row. Entries of another install are dropped: a staging worker never runs the night of production.
create table install (
    only_row       boolean primary key default true check (only_row),
    id             text not null default substr(replace(gen_random_uuid()::text, '-', ''), 1, 8),
    -- The newest migration says its number here.
    schema_version bigint not null default 0,
    -- What the cached closes mean: said by the first provider, the same for ever.
    provider_basis text check (provider_basis in ('raw', 'total_return')),
    created_at     timestamptz not null default now()
);
insert into install default values;

-- One row. Its lock is held until commit, so versions become visible in their own order: a snapshot
-- that sees version v sees every change up to v, and a late commit cannot hide below a loaded version.
create table data_version (
    only_row boolean primary key default true check (only_row),
    version  bigint not null
);
insert into data_version (version) values (0);

create table input_change (
    version   bigint not null,
    scope     text not null check (scope in ('portfolio', 'symbol', 'all')),
    owner     text not null,
    input     text not null check (input in ('prices', 'actions', 'replays', 'book', 'profile', 'benchmark', 'definitions', 'rate')),
    -- Results of these dates look at what changed. Older prices that were asked for later reach no
    -- further than a result looks back.
    from_date date not null,
    to_date   date not null default 'infinity' check (to_date >= from_date),
    reason    text not null,
    at        timestamptz not null default now(),
    primary key (scope, owner, version, input, from_date, to_date),
    check ((scope = 'all') = (owner = ''))
);

create table portfolios (
    id             uuid primary key,
    name           text not null check (name <> ''),
    owner          text not null,
    currency       text not null check (currency ~ '^[A-Z]{3}$'),
    opening_equity numeric not null check (opening_equity >= 0),
    inception      date not null,
    created_at     timestamptz not null default now(),
    deleted_at     timestamptz
);
create unique index portfolios_owner_name on portfolios (owner, name) where deleted_at is null;

create table positions (
    id             uuid primary key,
    portfolio_id   uuid not null references portfolios (id),
    symbol         text not null,
    position_type  text not null check (position_type in ('LONG', 'SHORT', 'LC', 'LP', 'SC', 'SP')),
    class          text not null check (class in ('PUBLIC', 'OPTIONS', 'PRIVATE')),
    subtype        text,
    quantity       numeric not null check (quantity <> 0),
    entry_price    numeric not null check (entry_price > 0),
    entry_date     date not null,
    exit_price     numeric check (exit_price >= 0),
    exit_date      date check (exit_date >= entry_date),
    underlying     text,
    strike         numeric check (strike > 0),
    expiry         date,
    -- The last session on or before the expiry: from its close on the contract is cash.
    expiry_session date,
    option_right   text check (option_right in ('CALL', 'PUT')),
    multiplier     numeric not null check (multiplier > 0),
    deleted_at     timestamptz,
    check ((exit_date is null) = (exit_price is null)),
    check ((class = 'OPTIONS') = (underlying is not null)),
    check ((underlying is null) = (strike is null)),
    check ((underlying is null) = (expiry is null)),
    check ((underlying is null) = (expiry_session is null)),
    check ((underlying is null) = (option_right is null)),
    check ((quantity > 0) = (position_type in ('LONG', 'LC', 'LP')))
);
create index positions_portfolio on positions (portfolio_id);
create index positions_symbol on positions (symbol);
create index positions_underlying on positions (underlying) where underlying is not null;

-- The only way valuation and analytics see positions.
create function live_positions(as_of date) returns setof positions
language sql stable as $$
    select * from positions
    where deleted_at is null
      and entry_date <= as_of
      and (exit_date is null or as_of < exit_date)
      and (expiry_session is null or as_of < expiry_session)
$$;

-- What the ledger sees: closed and expired lots have moved cash.
create function booked_positions(as_of date) returns setof positions
language sql stable as $$
    select * from positions where deleted_at is null and entry_date <= as_of
$$;

create table manual_marks (
    portfolio_id uuid not null references portfolios (id),
    symbol       text not null,
    date         date not null,
    -- Zero for what was written off.
    price        numeric not null check (price >= 0),
    primary key (portfolio_id, symbol, date)
);

create table cash_flows (
    portfolio_id uuid not null references portfolios (id),
    date         date not null,
    kind         text not null check (kind in ('contribution', 'withdrawal', 'dividend', 'interest', 'fee')),
    amount       numeric not null check (amount > 0 or (kind = 'interest' and amount <> 0)),
    symbol       text not null default '',
    -- Equal flows of one day are as many flows as there are rows.
    occurrence   integer not null check (occurrence >= 0),
    primary key (portfolio_id, date, kind, symbol, amount, occurrence)
);

-- Digest of an imported file's content: the same file again says so and changes nothing.
create table imports (
    portfolio_id uuid not null references portfolios (id),
    kind         text not null check (kind in ('portfolio', 'flows', 'marks')),
    digest       text not null,
    at           timestamptz not null default now(),
    primary key (portfolio_id, kind, digest)
);

create table symbol_universe (
    symbol     text primary key,
    class      text not null check (class in ('PUBLIC', 'OPTIONS', 'PROXY')),
    aliases    text[] not null default '{}',
    first_seen date not null,
    last_seen  date not null check (last_seen >= first_seen),
    -- Whether providers are asked for it. An order says so, never a run or an import.
    active     boolean not null default true
);

-- What describes a company, as it was told last: no result uses it.
create table company_profiles (
    symbol            text primary key references symbol_universe (symbol),
    available         boolean not null,
    reason            text,
    name              text,
    industry          text,
    country           text,
    currency          text,
    market_cap        numeric,
    description       text,
    source            text not null,
    -- The final date of the run that fetched it: freshness is counted in sessions from here.
    as_of             date not null,
    check (available = (reason is null))
);

-- What results use of a profile, and since when: a date has the newest version that is not younger, and before the first version that one.
-- A profile that is not available says nothing, as a version too.
create table profile_versions (
    symbol         text not null references symbol_universe (symbol),
    -- Final dates of the first and of the last run that was told this before something else was.
    as_of          date not null,
    until          date not null check (until >= as_of),
    sector         text,
    quote_type     text,
    beta           double precision,
    dividend_yield double precision,
    primary key (symbol, as_of)
);

create table market_data_cache (
    symbol text not null references symbol_universe (symbol),
    date   date not null,
    close  numeric not null check (close > 0),
    open   numeric check (open > 0),
    high   numeric check (high > 0),
    low    numeric check (low > 0),
    volume numeric check (volume >= 0),
    source text not null,
    primary key (symbol, date)
);

create table yields (
    symbol text not null references symbol_universe (symbol),
    date   date not null,
    -- A fraction per year: 0.0245 is 2.45 %. May be negative.
    yield  numeric not null check (yield > -1 and yield < 1),
    source text not null,
    primary key (symbol, date)
);

create table corporate_actions (
    symbol        text not null references symbol_universe (symbol),
    ex_date       date not null,
    split_ratio   numeric check (split_ratio > 0),
    -- Per share after the split of the same day.
    cash_dividend numeric check (cash_dividend > 0),
    source        text not null,
    primary key (symbol, ex_date),
    check (split_ratio is not null or cash_dividend is not null)
);

-- What a provider answered for a session, so that nobody asks twice and the reason is known.
create table symbol_outcomes (
    symbol  text not null references symbol_universe (symbol),
    date    date not null,
    outcome text not null check (outcome in ('priced', 'no_data', 'refused', 'delisted', 'failed')),
    reason  text,
    -- The close that is no price, zero or negative: kept as evidence, no number rests on it.
    refused numeric check (refused <= 0),
    primary key (symbol, date),
    check ((outcome = 'priced') = (reason is null)),
    check ((outcome = 'refused') = (refused is not null))
);

-- What a provider knows of a series at both ends of a crisis that today's books are sent through again, and its
-- splits and dividends between. Apart from the cache of prices: these closes belong to no window of a result, so
-- they make nothing stale but the analytics of dates after the crisis.
create table replay_paths (
    symbol      text not null references symbol_universe (symbol),
    replay      text not null,
    first_date  date not null,
    last_date   date not null check (last_date > first_date),
    -- Closes, or yields as fractions per year.
    first_value numeric,
    last_value  numeric,
    -- [{"ex_date", "split_ratio", "cash_dividend"}], ascending, after the first date.
    actions     jsonb not null default '[]' check (jsonb_typeof(actions) = 'array'),
    outcome     text not null check (outcome in ('priced', 'no_data', 'failed')),
    reason      text,
    source      text not null,
    primary key (symbol, replay),
    check ((outcome = 'priced') = (reason is null)),
    check ((outcome = 'priced') = (num_nonnulls(first_value, last_value) = 2))
);

-- What books are compared with: of each benchmark a date has the newest weights that are not younger.
create table benchmark_weights (
    benchmark text not null check (benchmark <> '' and benchmark !~ ':'),
    as_of     date not null,
    sector    text not null check (sector <> ''),
    -- A fraction; those of a date add up to 1.
    weight    numeric not null check (weight between 0 and 1),
    primary key (benchmark, as_of, sector)
);

create table definition_sets (
    -- The version of the risk-free rate is the rate itself, a year, continuous; without a row it is 0.04.
    kind         text primary key check (kind in ('factors', 'scenarios', 'risk_free_rate')),
    version      text not null,
    hash         text not null,
    installed_at timestamptz not null default now()
);

create table factor_definitions (
    name         text primary key,
    sort_order   integer not null unique,
    proxy_symbol text not null,
    kind         text not null check (kind in ('price', 'yield')),
    role         text not null check (role in ('market', 'style', 'rates')),
    duration     double precision,
    convexity    double precision,
    check ((role = 'rates') = (duration is not null)),
    check ((role = 'rates') = (convexity is not null))
);
create unique index factor_definitions_one_market on factor_definitions (role) where role <> 'style';

create table stress_test_scenarios (
    id                     text primary key,
    sort_order             integer not null unique,
    name                   text not null,
    category               text not null,
    severity               text not null,
    active                 boolean not null,
    implied_vol_multiplier double precision not null check (implied_vol_multiplier > 0)
);

create table stress_test_shocks (
    scenario_id text not null references stress_test_scenarios (id) on delete cascade,
    sort_order  integer not null,
    factor      text not null,
    value       double precision not null,
    kind        text not null check (kind in ('total_return', 'market_relative', 'yield_change')),
    primary key (scenario_id, sort_order)
);

create table financial_statements (
    symbol     text not null references symbol_universe (symbol),
    period_end date not null,
    kind       text not null,
    item       text not null,
    value      numeric not null,
    primary key (symbol, period_end, kind, item)
);

create table financial_estimates (
    symbol     text not null references symbol_universe (symbol),
    period_end date not null,
    item       text not null,
    value      numeric not null,
    primary key (symbol, period_end, item)
);

-- When fundamentals were fetched last: they are due when never fetched, or three days after earnings.
create table fundamentals_outcomes (
    symbol        text primary key references symbol_universe (symbol),
    as_of         date not null,
    last_earnings date,
    outcome       text not null check (outcome in ('done', 'not_applicable')),
    reason        text,
    check ((outcome = 'done') = (reason is null))
);
