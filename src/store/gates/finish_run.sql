-- The verdict, over committed rows: succeeded = the whole scope is strictly complete and no task is
-- dead; failed = nothing of the scope is published; partial = everything else; cancelled. Set once.
with wanted as (
    select rp.portfolio_id, rd.as_of
    from run_portfolio rp
    join portfolios p on p.id = rp.portfolio_id and p.deleted_at is null
    join run_date rd on rd.run_id = rp.run_id and rd.as_of >= p.inception
    where rp.run_id = $1
),
counted as (
    select count(*) as wanted, count(d.as_of) as published, count(*) filter (where d.strict) as strict
    from wanted w left join published_dates d using (portfolio_id, as_of)
),
judged as (
    select case
               when strict = wanted and not exists (select from task where run_id = $1 and state = 'dead' and error_class is not null) then 'succeeded'
               when published = 0 then 'failed'
               else 'partial'
           end as verdict
    from counted
),
ended as (
    -- The row as it is now, not as the snapshot saw it: a cancel may just have been committed.
    update run r set verdict = case when r.cancelled_at is null then j.verdict else 'cancelled' end, finished_at = now()
    from judged j
    where r.id = $1 and r.verdict is null
      and not exists (select from run_phase p where p.run_id = $1 and p.finished_at is null)
    returning r.verdict
),
said as (
    insert into event (run_id, kind, detail)
    select $1, 'run-finished', jsonb_build_object('verdict', verdict) from ended
)
select verdict as "verdict!" from ended
