with every as materialized (
    select d.as_of, r.id, r.run_seq, r.cancelled_at,
           $2::uuid[] is null
           or exists (select from run_portfolio p where p.run_id = r.id and p.portfolio_id = any($2)) as visible
    from run_date d join run r on r.id = d.run_id
    where d.as_of = any($1)
), newest as materialized (
    select distinct on (as_of) as_of, id, cancelled_at from every
    where visible order by as_of, run_seq desc
), late as (
    select distinct kind, as_of from stale_result_sets
    where as_of = any($1)
      -- Sets of symbols are everybody's.
      and ($2::uuid[] is null or owner = any($2::uuid[]::text[])
           or not exists (select from portfolios p where p.id::text = owner))
), failed as materialized (
    -- Those of a run once, by the index of failed tasks, however many of the sessions are its.
    select t.run_id, r.run_seq, t.phase, t.unit, t.as_of, t.input, t.repair_run is null as unrepaired,
           spans_dates(t.input) as spans
    from (select distinct id, run_seq from every where visible) r
    join task t on t.run_id = r.id
    where t.error_class is not null and t.state = 'dead' and counts_for(t.unit, t.input, $2)
), dead as materialized (
    -- A chunk is dead in each session of its run that it works on, and not in its last one alone.
    select f.run_id, f.run_seq, f.phase, f.unit, f.spans, n.as_of, f.unrepaired, f.run_id = n.id as own
    from failed f join newest n on n.as_of = f.as_of
    where not f.spans
    union all
    select f.run_id, f.run_seq, f.phase, f.unit, f.spans, n.as_of, f.unrepaired, f.run_id = n.id
    from failed f join every e on e.id = f.run_id join newest n on n.as_of = e.as_of
    where f.spans and works_on(f.input, f.as_of, e.as_of)
), later as materialized (
    select d.run_id, d.phase, d.as_of, array_agg(e.id) as runs
    from (select distinct run_id, run_seq, phase, as_of from dead) d
    join every e on e.as_of = d.as_of and e.run_seq > d.run_seq
    join run_phase p on p.run_id = e.id and p.phase = d.phase and p.total > 0
    group by 1, 2, 3
), judged as materialized (
    -- A chunk that died was split; a later run may do its elements as a chunk again, which their results tell, and
    -- of a symbol what is known of its prices.
    select d.run_id, d.run_seq, d.phase, d.as_of, d.spans, d.unrepaired, d.own,
           exists (select from task t
                   where t.run_id = any(l.runs) and t.phase = d.phase and t.unit = d.unit and t.as_of = d.as_of
                     and t.state = 'done' offset 0)
           or d.spans
              and exists (select from task t
                          where t.run_id = any(l.runs) and t.phase = d.phase and t.unit = d.unit
                            and works_on(t.input, t.as_of, d.as_of) and t.state = 'done' offset 0)
           or exists (select from result_set s
                      where s.kind = d.phase and s.owner = substr(d.unit, position(':' in d.unit) + 1)
                        and s.as_of = d.as_of and s.run_seq > d.run_seq offset 0)
           or d.phase = 'market-data'
              and exists (select from symbol_outcomes o
                          where o.symbol = substr(d.unit, 8) and o.date = d.as_of and o.outcome <> 'failed'
                          offset 0) as redone
    from dead d left join later l on l.run_id = d.run_id and l.phase = d.phase and l.as_of = d.as_of
), counted as (
    select as_of, phase, run_id, run_seq, bool_or(redone) as redone, bool_or(spans) as spans,
           count(*) filter (where own or unrepaired and not redone) as dead,
           count(*) filter (where unrepaired and not redone) as unrepaired
    from judged group by as_of, phase, run_id, run_seq
), cells as materialized (
    select as_of, phase, bool_or(redone) as redone, bool_or(spans) as spans, sum(dead)::bigint as dead,
           sum(unrepaired)::bigint as unrepaired,
           array_agg(run_id order by run_seq desc) filter (where dead > 0) as runs
    from counted group by as_of, phase
)
select n.as_of as "as_of!", coalesce(c.runs[1], n.id) as "run!", n.cancelled_at is not null as "cancelled!",
       p.phase as "phase!",
       p.opened_at is not null as "opened!", p.finished_at is not null as "finished!",
       coalesce(c.dead, 0) as "dead!", coalesce(c.unrepaired, 0) as "unrepaired!",
       -- Nothing is looked at where nothing is dead, and the first one ends it.
       case when c.dead > 0 then
           c.redone or exists (
               select from task t
               where t.run_id = any(c.runs || n.id) and t.phase = p.phase
                 and (t.as_of = n.as_of or c.spans and works_on(t.input, t.as_of, n.as_of))
                 and t.state not in ('dead', 'split') and counts_for(t.unit, t.input, $2))
       else false end as "others!",
       late.kind is not null as "stale!"
from newest n
join run_phase p on p.run_id = n.id
left join late on late.kind = p.phase and late.as_of = n.as_of
left join cells c on c.phase = p.phase and c.as_of = n.as_of
order by n.as_of, p.sort_order
