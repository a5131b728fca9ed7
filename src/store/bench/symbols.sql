-- What the books rest on, for the dates of `bench.days`: every set of a symbol or of all of them at one date.
do $$
declare
    results record;
begin
    for results in
        select c.table_name as name,
               string_agg(quote_ident(c.column_name), ', ' order by c.ordinal_position) as columns,
               string_agg(case c.column_name when 'as_of' then 'day.day' else 'source.' || quote_ident(c.column_name) end,
                          ', ' order by c.ordinal_position) as content
        from information_schema.columns c
        where c.table_schema = current_schema()
          and c.table_name in ('data_quality', 'factor_covariance', 'symbol_daily_metrics', 'symbol_display_models',
                               'symbol_factor_exposures', 'symbol_factor_models')
        group by c.table_name
        -- Exposures and display models refer to models.
        order by c.table_name in ('symbol_factor_exposures', 'symbol_display_models')
    loop
        execute format(
            'insert into %I (%s) select %s from unnest($1) day(day) cross join %I source
             where source.as_of = $2 order by day.day on conflict do nothing',
            results.name, results.columns, results.content, results.name)
        using current_setting('bench.days')::date[], current_setting('bench.as_of')::date;
    end loop;
    insert into result_set (kind, owner, as_of, run_id, run_seq, task_id, epoch, data_version, definitions, provider_basis,
                            model_version, convention_id, computed_at)
    select kind, owner, day.day, run_id, run_seq, task_id, epoch, (select version from data_version), definitions, provider_basis,
           model_version, convention_id, computed_at
    from unnest(current_setting('bench.days')::date[]) day(day)
    cross join result_set
    where as_of = current_setting('bench.as_of')::date
      and kind in ('symbol-factors', 'factor-covariance', 'symbol-metrics', 'data-quality')
    order by day.day
    on conflict do nothing;
end
$$
