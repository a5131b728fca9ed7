-- The engine: runs, phases, tasks, attempts, workers. Postgres decides; everything that Redis holds
-- can be rebuilt from here.

create table run (
    id              uuid primary key,
    run_seq         bigint generated always as identity unique,
    trigger         text not null check (trigger in ('nightly', 'catch-up', 'cli', 'onboarding', 'api', 'repair')),
    lane            text not null check (lane in ('interactive', 'nightly', 'backfill')),
    label           text not null,
    from_date       date not null,
    final_date      date not null check (final_date >= from_date),
    force           boolean not null,
    all_portfolios  boolean not null,
    scope_hash      text not null,
    -- With the dates that were meant: an equal request joins the run while it goes on.
    request_hash    text not null,
    -- As it was sent, "newest" by that name: what an idempotency key is bound to.
    asked_hash      text not null,
    principal       text not null,
    idempotency_key text,
    parent_run      uuid references run (id),
    verdict         text check (verdict in ('succeeded', 'partial', 'failed', 'cancelled')),
    created_at      timestamptz not null default now(),
    -- Set by the transaction that cancelled its tasks: nothing of it is committed after that.
    cancelled_at    timestamptz,
    finished_at     timestamptz,
    -- When its tasks, attempts and events were removed; the run itself stays, for results name it.
    pruned_at       timestamptz,
    check ((verdict is null) = (finished_at is null))
);
create index run_prunable on run (finished_at) where pruned_at is null;
create index run_cancelled on run (cancelled_at) where cancelled_at is not null;
create unique index run_idempotency on run (principal, idempotency_key) where idempotency_key is not null;
create index run_going on run (request_hash) where verdict is null;

-- The frozen scope of a run: what "all" meant when it was planned.
create table run_portfolio (
    run_id       uuid not null references run (id),
    portfolio_id uuid not null references portfolios (id),
    primary key (run_id, portfolio_id)
);
create table run_date (
    run_id uuid not null references run (id),
    as_of  date not null,
    primary key (run_id, as_of)
);
create table run_symbol (
    run_id uuid not null references run (id),
    symbol text not null references symbol_universe (symbol),
    primary key (run_id, symbol)
);

create table run_phase (
    run_id       uuid not null references run (id),
    phase        text not null,
    sort_order   integer not null,
    after        text[] not null,
    total        integer not null,
    opened_at    timestamptz,
    finished_at  timestamptz,
    published_at timestamptz,
    -- How its tasks ended, those that are not done; counted once, when the last of them had ended.
    dead         integer,
    cancelled    integer,
    -- Its tasks lie between these ids, and maybe tasks of other runs: null while it has none.
    first_task   bigint,
    last_task    bigint,
    primary key (run_id, phase),
    check (opened_at is not null or finished_at is null),
    check ((finished_at is null) = (dead is null) and (dead is null) = (cancelled is null))
);
create index run_phase_going on run_phase (run_id) where finished_at is null;
create index run_phase_unpublished on run_phase (run_id) where published_at is null;

create table worker (
    id          uuid primary key,
    host        text not null,
    pid         integer not null,
    version     text not null,
    started_at  timestamptz not null default now(),
    lease_until timestamptz not null,
    -- Since when it has beaten without a break. Who was cut off himself does not judge others at once.
    beating_since timestamptz not null default now(),
    lost_at     timestamptz,
    draining    boolean not null default false,
    counters    jsonb not null default '{}'
);

create table task (
    id            bigint generated always as identity primary key,
    run_id        uuid not null,
    phase         text not null,
    unit          text not null,
    as_of         date not null,
    state         text not null default 'ready'
                  check (state in ('ready', 'running', 'done', 'dead', 'cancelled', 'split')),
    epoch         bigint not null default 0,
    -- No index and no foreign key: both cost the claim more than they give. The fence goes by primary key.
    worker_id     uuid,
    attempts      smallint not null default 0,
    crashes       smallint not null default 0,
    ready_at      timestamptz not null default now(),
    started_at    timestamptz,
    deadline_at   timestamptz,
    parked_since  timestamptz,
    finished_at   timestamptz,
    -- Of the last attempt, where there was one; set by the end alone, so that an index may look at it.
    took_seconds  real generated always as (extract(epoch from finished_at - started_at)) stored,
    input         jsonb not null,
    input_version smallint not null,
    outcome       text,
    error_class   text,
    error         text,
    -- The run that was planned to do it again; set once, the state stays final.
    repair_run    uuid references run (id),
    -- Of class and message without their particulars: equal for equal mistakes.
    fingerprint   text,
    unique (run_id, phase, unit, as_of),
    foreign key (run_id, phase) references run_phase (run_id, phase),
    check ((state = 'running') = (deadline_at is not null)),
    check (state <> 'dead' or error_class is not null),
    check ((state in ('done', 'dead', 'cancelled', 'split')) = (finished_at is not null))
-- Half of a page stays free, and no index looks at what a claim changes: the new version of a row then lies beside
-- the old one, and no index is touched. So whoever looks for unfinished tasks asks for `finished_at is null`
-- besides the state, and for dead ones for `error_class is not null`.
) with (fillfactor = 50);
create index task_unfinished on task (run_id, phase) where finished_at is null;
create index task_failed on task (run_id) where error_class is not null;
create index task_took on task (run_id, took_seconds) where took_seconds is not null;

-- Between which ids the tasks of a phase lie, so that a page of an old run does not go backwards through the tasks of all newer ones. An
-- index on (run_id, id) would say it too, but every task would pay for it twice: when it is inserted, and when it ends, which is no update
-- within a page, as indexes look at the end (a quarter more time and 12 MB for 100,000 tasks). This pays once for each statement, on
-- a row that a split changes anyway. Elements of a task that was split late widen the range over other runs: they are walked through then.
create function widen_phases() returns trigger language plpgsql as $$
begin
    update run_phase p set first_task = least(p.first_task, n.first), last_task = greatest(p.last_task, n.last)
    from (select run_id, phase, min(id) as first, max(id) as last from inserted group by run_id, phase) n
    where p.run_id = n.run_id and p.phase = n.phase;
    return null;
end
$$;

create trigger widen after insert on task referencing new table as inserted
for each statement execute function widen_phases();

-- How the tasks of each phase stand, in one place for whoever looks, measures, or finishes the phase. A run has a hundred thousand: those of a
-- finished phase were counted then, of the others only unfinished, dead and, where the run was cancelled, cancelled ones are looked at. The rest
-- is done. Those in workers' hands are named, as no index finds them.
create view phase_counts as
select p.run_id, p.phase, p.total::bigint as total, u.unfinished - u.running as ready, u.running, u.in_hand,
       p.total - u.unfinished - e.dead - e.cancelled as done, e.dead, e.cancelled
from run_phase p
cross join lateral (
    select count(*) as unfinished, count(*) filter (where t.state = 'running') as running,
           coalesce(array_agg(t.id) filter (where t.state = 'running'), '{}') as in_hand
    from task t
    where t.run_id = p.run_id and t.phase = p.phase and t.finished_at is null and p.finished_at is null
) u
cross join lateral (
    select coalesce(p.dead, (select count(*) from task t
                             where t.run_id = p.run_id and t.phase = p.phase and t.error_class is not null and t.state = 'dead'))
               as dead,
           coalesce(p.cancelled, (select count(*) from task t
                                  where t.run_id = p.run_id and t.phase = p.phase and t.state = 'cancelled'
                                    and (select r.cancelled_at is not null from run r where r.id = p.run_id)))
               as cancelled
) e;

-- Whether a task is about one of these portfolios. A unit of several names them in its input; one of symbols is about none.
create function is_about(unit text, input jsonb, portfolios uuid[]) returns boolean
language sql stable as $$
    select case
        when unit like 'portfolio:%' then substr(unit, 11) = any(portfolios::text[])
        when unit like 'portfolios:%' then
            jsonb_path_exists(input, '$.** ? (@ == $its[*])', jsonb_build_object('its', to_jsonb(portfolios)))
        else false
    end
$$;

-- Whether a task is counted for those who see only these portfolios, null being everybody: tasks about symbols are.
create function counts_for(unit text, input jsonb, portfolios uuid[]) returns boolean
language sql stable as $$
    select portfolios is null or unit not like 'portfolio%' or is_about(unit, input, portfolios)
$$;

-- Whether a task has several dates, and whether it works on one: its input has them as an array, wherever it is, or as an interval.
create function spans_dates(input jsonb) returns boolean
language sql stable as $$
    select input ? 'to' or jsonb_path_exists(input, '$.**.dates')
$$;
create function works_on(input jsonb, as_of date, day date) returns boolean
language sql stable as $$
    select as_of = day or case
        when input ? 'to' then day between (input ->> 'from')::date and (input ->> 'to')::date
        else jsonb_path_exists(input, '$.**.dates[*] ? (@ == $day)', jsonb_build_object('day', day))
    end
$$;

-- What a filter means, the same for those who look and for those who retry; a condition that is null is none.
-- A task is about the symbols and portfolios that its input names.
-- Those who see only some portfolios look for nothing else in a unit of several: neither for a symbol, nor for a neighbour, nor
-- for words of an error that may be about one.
create function filtered_tasks(run uuid, phase text, state text, symbol text, portfolio uuid, error text, only_of uuid[])
returns setof task
language sql stable as $$
    select * from task t
    where ($1 is null or t.run_id = $1)
      and ($2 is null or t.phase = $2)
      and ($3 is null or t.state = $3)
      -- These are for the indexes: unfinished tasks and dead ones are few among many.
      and ($3 is null or $3 not in ('ready', 'running') or t.finished_at is null)
      and ($3 is null or $3 <> 'dead' or t.error_class is not null)
      and ($4 is null or jsonb_path_exists(t.input, '$.** ? (@ == $it)', jsonb_build_object('it', $4)))
      and ($5 is null or jsonb_path_exists(t.input, '$.** ? (@ == $it)', jsonb_build_object('it', $5)))
      and ($6 is null or t.fingerprint = $6 or t.error_class = $6
           or ($7 is null or t.unit not like 'portfolios:%') and position(lower($6) in lower(t.error)) > 0)
      and ($7 is null
           or is_about(t.unit, t.input, $7) and ($4 is null or t.unit like 'portfolio:%')
              and ($5 is null or $5 = any($7)))
$$;

-- One row for each time a task left `running`, written by the statement that took it out.
create table attempt (
    -- No foreign key: the task was there in the same statement, and the check would cost more than the row.
    task_id     bigint not null,
    epoch       bigint not null,
    worker_id   uuid,
    outcome     text not null check (outcome in
                ('committed', 'failed', 'parked', 'released', 'lost', 'deadline', 'cancelled', 'split')),
    error_class text,
    error       text,
    started_at  timestamptz,
    finished_at timestamptz not null default now(),
    load_ms     real,
    fetch_ms    real,
    compute_ms  real,
    commit_ms   real,
    primary key (task_id, epoch)
);
create index attempt_failed on attempt (task_id) where outcome <> 'committed';
create unique index attempt_committed on attempt (task_id) where outcome = 'committed';

create table steward (
    only_row   boolean primary key default true check (only_row),
    holder     uuid,
    term       bigint not null,
    expires_at timestamptz not null,
    -- What the streams looked like, and when.
    queues     jsonb not null default '{}',
    seen_at    timestamptz
);
insert into steward (term, expires_at) values (0, '-infinity');

-- What an operator holds back: its tasks are not claimed. Running ones go on.
create table pause (
    kind   text not null check (kind in ('lane', 'phase')),
    name   text not null,
    who    text not null,
    reason text not null,
    since  timestamptz not null default now(),
    primary key (kind, name)
);

-- Without Redis there is no shared rate of requests: one worker at a time asks providers.
create table provider_lease (
    only_row   boolean primary key default true check (only_row),
    holder     uuid,
    expires_at timestamptz not null
);
insert into provider_lease (expires_at) values ('-infinity');

-- One row per eligible session: a nightly run cannot be started twice nor skipped.
create table business_date (
    as_of      date primary key,
    decision   text not null check (decision in ('nightly', 'backfill', 'skipped')),
    run_id     uuid references run (id),
    decided_at timestamptz not null default now(),
    check ((decision = 'skipped') = (run_id is null))
);

create table event (
    id     bigint generated always as identity primary key,
    -- Readers take only rows below the oldest transaction in flight, so a resumed stream misses none.
    xid    xid8 not null default pg_current_xact_id(),
    at     timestamptz not null default now(),
    run_id uuid references run (id),
    kind   text not null,
    detail jsonb not null default '{}'
);
-- What those are told of an event who see only these portfolios; null where it is nothing of theirs. An error of a unit of
-- several portfolios may be about another one.
create function told_detail(kind text, detail jsonb, portfolios uuid[]) returns jsonb
language sql stable as $$
    select case
        when portfolios is null or kind like 'run-%' or kind like 'phase-%' then detail
        when kind = 'task-dead' then
            (select case when t.unit like 'portfolio:%' then detail else detail - 'error' end
             from task t where t.id = (detail ->> 'task')::bigint and is_about(t.unit, t.input, portfolios))
    end
$$;
create index event_run on event (run_id, id);
create index event_overdue on event ((detail ->> 'as_of')) where kind = 'night-overdue';
create index event_resumed on event (at) where kind = 'resumed';

create index event_order on event (xid, id);

-- What somebody should look at: one row per cause, however often it is seen.
create table alert (
    id             bigint generated always as identity primary key,
    at             timestamptz not null default now(),
    kind           text not null check (kind in
                   ('run-failed', 'run-partial', 'run-overdue', 'tasks-dead', 'coverage-low', 'pool-saturated')),
    -- A run, a session, an hour.
    cause          text not null,
    run_id         uuid references run (id),
    detail         jsonb not null default '{}',
    -- What became of the webhook, where there is one.
    attempts       smallint not null default 0,
    tried_at       timestamptz,
    delivered_at   timestamptz,
    delivery_error text,
    unique (kind, cause)
);
create index alert_undelivered on alert (id) where delivered_at is null;

-- Who may ask over HTTP. Of a token only the SHA-256 of its secret is kept.
create table api_token (
    id          uuid primary key,
    name        text not null check (name <> ''),
    role        text not null check (role in ('viewer', 'operator', 'owner')),
    portfolios  uuid[] not null default '{}',
    secret_hash bytea not null check (octet_length(secret_hash) = 32),
    created_at  timestamptz not null default now(),
    revoked_at  timestamptz,
    check ((role = 'owner') = (cardinality(portfolios) > 0))
);

create table audit (
    id     bigint generated always as identity primary key,
    at     timestamptz not null default now(),
    who    text not null,
    action text not null,
    target text not null,
    reason text not null,
    -- What came of it: counts, the run that was planned.
    detail jsonb not null default '{}'
);

create view batch_run_history as
select r.id as batch_run_id, r.label, r.trigger, r.lane, r.from_date, r.final_date as calculation_date,
       r.created_at as started_at, r.finished_at,
       coalesce(r.verdict, 'running') as status,
       (select count(*) from run_portfolio p where p.run_id = r.id) as portfolios,
       (select count(*) from task t where t.run_id = r.id and t.state <> 'split') as total_tasks,
       (select count(*) from task t where t.run_id = r.id and t.state = 'done') as completed_tasks,
       (select count(*) from task t where t.run_id = r.id and t.state = 'dead') as failed_tasks
from run r;
