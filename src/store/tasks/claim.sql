-- Answers each hint of one read. Rows are locked in id order; what somebody else holds is skipped. A hint
-- in doubt was asked before and the answer was lost: if that claim happened, its task is ours already.
with hint as (
    select h.id, h.epoch, h.doubt
    from unnest($1::bigint[], $2::bigint[], $8::boolean[]) as h(id, epoch, doubt)
),
locked as (
    select t.id, known.timeout
    from task t
    join hint h on h.id = t.id
    join unnest($5::text[], $6::smallint[], $7::float8[]) as known(phase, version, timeout)
      on known.phase = t.phase and t.input_version <= known.version
    join run_phase p on p.run_id = t.run_id and p.phase = t.phase
    where exists (select from worker w where w.id = $3 and w.lost_at is null)
      and (-- What became ours goes on whatever has happened since: it was held back, or is a suspect among others.
           (h.doubt and t.state = 'running' and t.epoch = h.epoch + 1 and t.worker_id = $3)
           or (t.state = 'ready' and t.epoch = h.epoch and t.ready_at <= now()
               and p.opened_at is not null
               and (t.crashes = 0 or $4)
               and not exists (select from worker w where w.id = $3 and w.draining)
               and (not exists (select from pause)
                    or not exists (select from pause h join run r on r.id = t.run_id
                                   where h.name = case h.kind when 'lane' then r.lane else t.phase end))))
    order by t.id
    for update of t skip locked
),
claimed as (
    -- Started by the clock: now() may lie before the moment in which the phase was opened.
    update task t
    set state = 'running', epoch = t.epoch + (t.state = 'ready')::integer, worker_id = $3, started_at = clock_timestamp(),
        deadline_at = now() + make_interval(secs => l.timeout)
    from locked l
    where t.id = l.id
    returning t.id, t.epoch, t.run_id, t.phase, t.unit, t.as_of, t.input, t.attempts, t.crashes, l.timeout
)
select h.id as "id!", h.epoch as "hinted!",
       c.epoch as "epoch?", c.input as "input?", coalesce(c.timeout, 0) as "timeout_seconds!",
       (t.id is null or t.state <> 'ready' or t.epoch <> h.epoch) and c.id is null as "stale!",
       coalesce(c.run_id, gen_random_uuid()) as "run_id!", coalesce(r.run_seq, 0) as "run_seq!",
       coalesce(r.final_date, current_date) as "final_date!", coalesce(r.force, false) as "force!",
       coalesce(c.phase, '') as "phase!", coalesce(c.unit, '') as "unit!",
       coalesce(c.as_of, current_date) as "as_of!",
       coalesce(c.attempts, 0::smallint) as "attempts!",
       coalesce(c.crashes, t.crashes, 0::smallint) as "crashes!"
from hint h
-- Another hint of the same task, forged or of an older epoch, must not make it ours a second time.
left join claimed c on c.id = h.id and c.epoch = h.epoch + 1
-- Why the others were not claimed; those that were need no second look.
left join task t on t.id = case when c.id is null then h.id end
left join run r on r.id = c.run_id
order by h.id, h.epoch
