-- Every row of results of one book and date, for books `bench.low` to `bench.high` and the dates of `bench.days`. Which tables there are is
-- for the catalog to say, so that a new kind of result is copied without anybody thinking of it.
do $$
declare
    ours constant text := 'case copy.n when 0 then source.portfolio_id else md5(source.portfolio_id::text || copy.n)::uuid end';
    results record;
begin
    for results in
        select c.table_name as name,
               string_agg(quote_ident(c.column_name), ', ' order by c.ordinal_position) as columns,
               string_agg(case c.column_name
                   when 'portfolio_id' then ours
                   when 'as_of' then 'day.day'
                   when 'price_date' then 'least(source.price_date, day.day)'
                   when 'position_id' then
                       'case copy.n when 0 then source.position_id else md5(source.position_id::text || copy.n)::uuid end'
                   else 'source.' || quote_ident(c.column_name)
               end, ', ' order by c.ordinal_position) as content
        from information_schema.columns c
        join information_schema.tables t using (table_schema, table_name)
        where c.table_schema = current_schema() and t.table_type = 'BASE TABLE'
        group by c.table_name
        having bool_or(c.column_name = 'portfolio_id') and bool_or(c.column_name = 'as_of')
        -- The others refer to it.
        order by c.table_name <> 'completeness', c.table_name
    loop
        execute format(
            'insert into %I (%s) select %s from generate_series($1, $2) copy(n) cross join unnest($3) day(day)
             cross join %I source where source.portfolio_id = $4 and source.as_of = $5
             -- A night writes what a book has at a date in one go, so that it lies together.
             order by day.day, copy.n on conflict do nothing',
            results.name, results.columns, results.content, results.name)
        using current_setting('bench.low')::integer, current_setting('bench.high')::integer,
              current_setting('bench.days')::date[], current_setting('bench.source')::uuid,
              current_setting('bench.as_of')::date;
    end loop;
    insert into result_set (kind, owner, as_of, run_id, run_seq, task_id, epoch, data_version, definitions, provider_basis,
                            model_version, convention_id, computed_at)
    select kind, case copy.n when 0 then owner else md5(owner || copy.n)::uuid::text end, day.day, run_id, run_seq, task_id, epoch,
           (select version from data_version), definitions, provider_basis, model_version, convention_id, computed_at
    from generate_series(current_setting('bench.low')::integer, current_setting('bench.high')::integer) copy(n)
    cross join unnest(current_setting('bench.days')::date[]) day(day)
    cross join result_set
    where owner = current_setting('bench.source') and as_of = current_setting('bench.as_of')::date
      and kind in ('position-values', 'pnl-snapshots', 'portfolio-analytics')
    order by day.day, copy.n
    on conflict do nothing;
end
$$
