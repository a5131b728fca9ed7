-- Each result that should be there, with its state, grouped by kind and owner.
with book as (
    select p.id, p.name, d.date
    from portfolios p join unnest($1::date[]) as d(date) on d.date >= p.inception
    where p.deleted_at is null and ($2::uuid is null or p.id = $2)
),
held as (
    select distinct case l.class when 'OPTIONS' then l.underlying else l.symbol end as symbol, d.date
    from unnest($1::date[]) as d(date)
    cross join lateral live_positions(d.date) l
    join book b on b.id = l.portfolio_id and b.date = d.date
    where l.class <> 'PRIVATE'
),
expected as (
    select 1 as place, k.kind, b.id::text as owner, b.name, b.id as portfolio_id, b.date
    from book b cross join unnest(array['position-values', 'pnl-snapshots', 'portfolio-analytics']) as k(kind)
    union all
    select 2, k.kind, h.symbol, null, null, h.date
    from held h cross join unnest(array['symbol-factors', 'symbol-metrics', 'data-quality']) as k(kind)
    union all
    select 3, 'factor-covariance', 'factors', null, null, date from (select distinct date from book) dates
),
judged as (
    select e.place, e.kind, e.owner, e.name, e.date,
           case
               when rs.owner is null then 'missing'
               when rs.model_version <> $3 then 'outdated'
               when exists (select from stale_result_sets s
                            where s.kind = e.kind and s.owner = e.owner and s.as_of = e.date) then 'stale'
               when e.kind = 'portfolio-analytics'
                    and not exists (select from completeness c
                                    where c.portfolio_id = e.portfolio_id and c.as_of = e.date and c.strict) then 'not strict'
               else 'current'
           end as state
    from expected e
    left join result_set rs on rs.kind = e.kind and rs.owner = e.owner and rs.as_of = e.date
)
select kind as "kind!", owner as "owner!", name as "name?", count(*) as "dates!",
       coalesce(array_agg(date order by date) filter (where state = 'missing'), '{}') as "missing!",
       coalesce(array_agg(date order by date) filter (where state = 'stale'), '{}') as "stale!",
       coalesce(array_agg(date order by date) filter (where state = 'outdated'), '{}') as "outdated!",
       coalesce(array_agg(date order by date) filter (where state = 'not strict'), '{}') as "not_strict!"
from judged
group by place, kind, owner, name
order by place, name collate "C" nulls last, owner collate "C", kind
