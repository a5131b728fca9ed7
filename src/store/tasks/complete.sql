-- The fence, and what hangs on it. Tasks that are still ours are locked in the order of their ids; their sets are
-- headed, unless newer results are there; they are done, and their attempts are recorded.
with ours as (
    select t.id, t.epoch, t.run_id, t.started_at, m.outcome, m.load_ms, m.fetch_ms, m.compute_ms
    from unnest($1::bigint[], $2::bigint[], $3::text[], $4::real[], $5::real[], $6::real[])
         as m(id, epoch, outcome, load_ms, fetch_ms, compute_ms)
    join task t on t.id = m.id
    where t.epoch = m.epoch and t.worker_id = $7 and t.state = 'running'
    order by t.id
    for update of t
),
wanted as (
    select o.id, o.epoch, o.run_id, s.kind, s.owner, s.as_of, s.run_seq, s.data_version, s.definitions, s.basis
    from unnest($8::bigint[], $9::text[], $10::text[], $11::date[], $12::bigint[], $13::bigint[], $14::text[],
                $15::text[])
         as s(task_id, kind, owner, as_of, run_seq, data_version, definitions, basis)
    join ours o on o.id = s.task_id
),
-- Tasks of several runs may meet and want the same set: who saw the newest inputs, then the newest run, gets it.
headed as (
    insert into result_set (kind, owner, as_of, run_id, run_seq, task_id, epoch, data_version, definitions,
                            provider_basis, model_version, convention_id)
    select distinct on (kind, owner, as_of)
           kind, owner, as_of, run_id, run_seq, id, epoch, data_version, definitions, basis, $16, $17
    from wanted
    order by kind, owner, as_of, data_version desc, run_seq desc, id desc
    on conflict (kind, owner, as_of) do update
    set run_id = excluded.run_id, run_seq = excluded.run_seq, task_id = excluded.task_id,
        epoch = excluded.epoch, data_version = excluded.data_version, definitions = excluded.definitions,
        provider_basis = excluded.provider_basis, model_version = excluded.model_version,
        convention_id = excluded.convention_id, computed_at = now()
    where (excluded.data_version, excluded.run_seq) >= (result_set.data_version, result_set.run_seq)
    returning task_id, kind, owner, as_of
),
finished as (
    update task t
    set state = 'done', finished_at = now(), deadline_at = null,
        outcome = case when t.id in (select id from wanted) and t.id not in (select task_id from headed)
                       then 'superseded' else o.outcome end
    from ours o where t.id = o.id
),
recorded as (
    insert into attempt (task_id, epoch, worker_id, outcome, started_at, load_ms, fetch_ms, compute_ms)
    select id, epoch, $7, 'committed', started_at, load_ms, fetch_ms, compute_ms from ours
)
select o.id as "id!", o.epoch as "epoch!", h.kind as "kind?", h.owner as "owner?", h.as_of as "as_of?"
from ours o left join headed h on h.task_id = o.id
order by o.id
