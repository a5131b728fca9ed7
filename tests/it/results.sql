-- Results of one portfolio at one date, made by hand. Money with all kinds of zeros at its end.
insert into portfolios (id, name, owner, currency, opening_equity, inception) values
    ('aaaaaaaa-0000-5000-8000-000000000001', 'sample', 'desk', 'USD', 1000000, '2016-12-29');
insert into positions (id, portfolio_id, symbol, position_type, class, quantity, entry_price, entry_date, multiplier) values
    ('bbbbbbbb-0000-5000-8000-000000000001', 'aaaaaaaa-0000-5000-8000-000000000001', 'AAPL', 'LONG', 'PUBLIC', 30000, 28.5, '2016-12-29', 1),
    ('bbbbbbbb-0000-5000-8000-000000000002', 'aaaaaaaa-0000-5000-8000-000000000001', 'AMD', 'SHORT', 'PUBLIC', -10000, 11.5, '2016-12-29', 1),
    ('bbbbbbbb-0000-5000-8000-000000000003', 'aaaaaaaa-0000-5000-8000-000000000001', 'GGIPX', 'LONG', 'PUBLIC', 2500, 14, '2016-12-29', 1);
insert into symbol_universe (symbol, class, first_seen, last_seen) values
    ('AAPL', 'PUBLIC', '2016-01-04', '2016-12-30'), ('AMD', 'PUBLIC', '2016-01-04', '2016-12-30'),
    ('GGIPX', 'PUBLIC', '2016-01-04', '2016-12-30'), ('DGS10', 'PROXY', '2016-01-04', '2016-12-30');
insert into market_data_cache (symbol, date, close, source) values
    ('AAPL', '2016-12-30', 28.95, 'files'), ('AAPL', '2016-12-29', 29.18, 'files'), ('AMD', '2016-12-30', 11.34, 'files');
insert into yields (symbol, date, yield, source) values ('DGS10', '2016-12-30', 0.0245, 'files');
insert into corporate_actions (symbol, ex_date, cash_dividend, source) values ('AAPL', '2016-11-03', 0.57, 'files');
insert into replay_paths (symbol, replay, first_date, last_date, first_value, last_value, outcome, source) values
    ('AAPL', 'financial_crisis_2008', '2007-10-09', '2009-03-09', 167.86, 83.11, 'priced', 'files');

insert into symbol_outcomes (symbol, date, outcome, reason) values
    ('AAPL', '2016-12-30', 'priced', null), ('GGIPX', '2016-12-30', 'no_data', 'no series');
insert into company_profiles (symbol, available, reason, name, market_cap, source, as_of) values
    ('AAPL', true, null, 'Apple', 617000000000.00, 'files', '2016-12-30'),
    ('GGIPX', false, 'no profile', null, null, 'files', '2016-12-30');
insert into profile_versions (symbol, as_of, until, sector) values
    ('AAPL', '2016-12-29', '2016-12-29', 'Hardware'), ('AAPL', '2016-12-30', '2016-12-30', 'Technology'),
    ('GGIPX', '2016-12-30', '2016-12-30', null);

insert into run (id, trigger, lane, label, from_date, final_date, force, all_portfolios, scope_hash, request_hash, asked_hash, principal, verdict, finished_at)
values ('01920000-0000-7000-8000-000000000001', 'nightly', 'nightly', 'nightly/2016-12-30', '2016-12-30', '2016-12-30',
        false, true, 's', 'r', 'a', 'test', 'succeeded', now());
insert into run_portfolio values ('01920000-0000-7000-8000-000000000001', 'aaaaaaaa-0000-5000-8000-000000000001');
insert into run_date values ('01920000-0000-7000-8000-000000000001', '2016-12-30');
insert into run_phase (run_id, phase, sort_order, after, total, opened_at, finished_at, dead, cancelled)
values ('01920000-0000-7000-8000-000000000001', 'portfolio-analytics', 9, '{}', 2, now() - interval '2 s', now(), 1, 0);
insert into task (run_id, phase, unit, as_of, state, finished_at, input, input_version, error_class, error) values
    ('01920000-0000-7000-8000-000000000001', 'portfolio-analytics', 'portfolio:a', '2016-12-30', 'done', now(), '{}', 1, null, null),
    ('01920000-0000-7000-8000-000000000001', 'portfolio-analytics', 'portfolio:b', '2016-12-30', 'dead', now(), '{}', 1, 'data', 'a row is odd');
insert into result_set (kind, owner, as_of, run_id, run_seq, task_id, epoch, data_version, definitions, provider_basis, model_version, convention_id)
select kind, owner, '2016-12-30', '01920000-0000-7000-8000-000000000001', 1, 1, 1, (select version from data_version), 'defs', 'total_return', '1', 'simple-252-v1'
from (values ('position-values', 'aaaaaaaa-0000-5000-8000-000000000001'), ('pnl-snapshots', 'aaaaaaaa-0000-5000-8000-000000000001'),
             ('portfolio-analytics', 'aaaaaaaa-0000-5000-8000-000000000001'), ('symbol-factors', 'AAPL')) as s(kind, owner);

insert into position_values values
    ('aaaaaaaa-0000-5000-8000-000000000001', '2016-12-30', 'bbbbbbbb-0000-5000-8000-000000000001', 30000, 28.95, '2016-12-30', 'close', 868500.00, 855000, 13500.00),
    ('aaaaaaaa-0000-5000-8000-000000000001', '2016-12-30', 'bbbbbbbb-0000-5000-8000-000000000002', -10000, 11.34, '2016-12-30', 'close', -113400, -115000, 1600),
    ('aaaaaaaa-0000-5000-8000-000000000001', '2016-12-30', 'bbbbbbbb-0000-5000-8000-000000000003', 2500, 14.0, null, 'carried', 35000, 35000, 0);
insert into portfolio_snapshots values
    ('aaaaaaaa-0000-5000-8000-000000000001', '2016-12-30', 1015100, 225000.00, 903500, -113400, 0, 0, 15100, 0, 15100, 15100, 0.0151, false);
insert into position_marks values ('bbbbbbbb-0000-5000-8000-000000000001', '2016-12-30', 28.95, '2016-12-30', 'close', 868500, 13500);
insert into tags values ('Technology', 'sector'), ('Unclassified', 'sector');
insert into position_tags values ('bbbbbbbb-0000-5000-8000-000000000001', 'sector', 'Technology'),
    ('bbbbbbbb-0000-5000-8000-000000000002', 'sector', 'Technology'), ('bbbbbbbb-0000-5000-8000-000000000003', 'sector', 'Unclassified');
insert into completeness values
    ('aaaaaaaa-0000-5000-8000-000000000001', '2016-12-30', 'done', 'done', 'done', 'done', 'done', 'insufficient_data', 'done', 'done', 'done', 'done', 'done',
     '{"correlation": "one pair has 20 of 60 common returns"}', '{"GGIPX": "no data: no series"}', 0.9655, true);
insert into factor_exposures values
    ('aaaaaaaa-0000-5000-8000-000000000001', '2016-12-30', 'Market', 1.0312, 0.0412, 1046771.12, 0.9655, null),
    ('aaaaaaaa-0000-5000-8000-000000000001', '2016-12-30', 'Growth', null, null, null, null, 'IWF has no series');
insert into position_factor_exposures values
    ('aaaaaaaa-0000-5000-8000-000000000001', '2016-12-30', 'bbbbbbbb-0000-5000-8000-000000000001', 'Market', 1.21, 1050885.0, 0.05, 1.112, 1.308),
    ('aaaaaaaa-0000-5000-8000-000000000001', '2016-12-30', 'bbbbbbbb-0000-5000-8000-000000000002', 'Market', 1.9, -215460, 0.11, 1.68, 2.12);
insert into portfolio_risk values
    ('aaaaaaaa-0000-5000-8000-000000000001', '2016-12-30', 0.2103, 0.0312, 0.0130, 0.7059, 1.21, 2.4, 0.9655, 252, '{}');
insert into risk_contributions values
    ('aaaaaaaa-0000-5000-8000-000000000001', '2016-12-30', 'factor', 'Market', 1.0312, 0.14, 0.1443, 0.686),
    ('aaaaaaaa-0000-5000-8000-000000000001', '2016-12-30', 'underlying', 'AAPL', 0.8556, 0.26, 0.2225, 1.058),
    ('aaaaaaaa-0000-5000-8000-000000000001', '2016-12-30', 'underlying', 'AMD', -0.1117, 0.11, -0.0122, -0.058);
insert into portfolio_volatility values
    ('aaaaaaaa-0000-5000-8000-000000000001', '2016-12-30', 0.11, 0.1324, 0.1512, 0.2, 0.82, 'falling', 251, 1, 0, 0.9655, '{}', '{}');
insert into correlation_calculations values
    ('aaaaaaaa-0000-5000-8000-000000000001', '2016-12-30', '{AAPL,AMD}', '{NULL}', '{NULL}', '{NULL}', '{20}', '{NULL,NULL}', null, null, 0);
insert into concentration values ('aaaaaaaa-0000-5000-8000-000000000001', '2016-12-30', 1016900.0, 7430.12, 1.35, 1, 1, 3);
insert into sector_exposures values
    ('aaaaaaaa-0000-5000-8000-000000000001', '2016-12-30', 'Technology', 868500, -113400, 755100, 981900, 0.7439),
    ('aaaaaaaa-0000-5000-8000-000000000001', '2016-12-30', 'Unclassified', 35000, 0, 35000, 35000, 0.0345),
    ('aaaaaaaa-0000-5000-8000-000000000001', '2016-12-30', 'Cash', 225000, 0, 225000, 225000, 0.2216);
insert into active_weights values
    ('aaaaaaaa-0000-5000-8000-000000000001', '2016-12-30', 'SP500', '2016-09-30', 'Technology', 0.6, 0.7439, 0.1439),
    ('aaaaaaaa-0000-5000-8000-000000000001', '2016-12-30', 'SP500', '2016-09-30', 'Utilities', 0.4, 0, -0.4),
    ('aaaaaaaa-0000-5000-8000-000000000001', '2016-12-30', 'SP500', '2016-09-30', 'Unclassified', 0, 0.0345, 0.0345),
    ('aaaaaaaa-0000-5000-8000-000000000001', '2016-12-30', 'SP500', '2016-09-30', 'Cash', 0, 0.2216, 0.2216);
insert into position_sectors values
    ('aaaaaaaa-0000-5000-8000-000000000001', '2016-12-30', 'bbbbbbbb-0000-5000-8000-000000000001', 'Technology'),
    ('aaaaaaaa-0000-5000-8000-000000000001', '2016-12-30', 'bbbbbbbb-0000-5000-8000-000000000002', 'Technology'),
    ('aaaaaaaa-0000-5000-8000-000000000001', '2016-12-30', 'bbbbbbbb-0000-5000-8000-000000000003', 'Unclassified');
insert into stress_test_results values
    ('aaaaaaaa-0000-5000-8000-000000000001', '2016-12-30', 'market_down_35', 'done', null, -366369.89, -371201.50, -0.36092, -0.36568, 0, 0, 2.41, 0.0159, false, 0.9655),
    ('aaaaaaaa-0000-5000-8000-000000000001', '2016-12-30', 'market_up_5', 'done', null, 52338.56, 51880, 0.05156, 0.0511, 0, 0, 0.34, 0.73, false, 0.9655),
    ('aaaaaaaa-0000-5000-8000-000000000001', '2016-12-30', 'rates_up_50bp', 'insufficient_data', 'Rates has no series', null, null, null, null, null, null, null, null, null, null);

insert into option_valuations values
    ('aaaaaaaa-0000-5000-8000-000000000001', '2016-12-30', 'AAPL170616C00030000', 'AAPL', 30, 28.95, 0.46, 0.04, 0.02, 0.21, 'realised', 'the contract has no price of its own', 1.3, 0.43, 0.07, 0.08, -0.005, 0.05, 300, 3734.55);
insert into value_at_risk values
    ('aaaaaaaa-0000-5000-8000-000000000001', '2016-12-30', 0.95, 'done', null, 0.012, 0.018, 0.035, 0.044, 0.0125, 0.0157, 0.0395, 0.0496, 250, 14, 12.5, 0.18, 0.67, 0.02, 0.88, 0.2, 0.9, 252, 0.9655, '{}', '{}'),
    ('aaaaaaaa-0000-5000-8000-000000000001', '2016-12-30', 0.99, 'insufficient_data', 'have 100 observations, need 252', null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, 0, null, '{}', '{}');
insert into historical_replays values
    ('aaaaaaaa-0000-5000-8000-000000000001', '2016-12-30', 'financial_crisis_2008', '2007-10-09', '2009-03-09', 'done', null, -541000.00, -0.533, '["AAPL"]', 0, 0.9655);
insert into reverse_stress values
    ('aaaaaaaa-0000-5000-8000-000000000001', '2016-12-30', 0.1, 'done', null, -101510.00, 0.69, 0.49, '{"Market": -0.097}', 0, 0.9655);

insert into symbol_factor_models values ('AAPL', '2016-12-30', true, null, 0.0001, 0.41, 251, 180.5, 8.2, 0.031, '{vif}');
insert into symbol_factor_exposures values
    ('AAPL', '2016-12-30', 'joint', 'Market', 1.21, 0.05, null, 1.0, 251, '{}'), ('AAPL', '2016-12-30', 'market', 'Market', 1.2, 0.06, 1.19, null, 251, '{}');
insert into symbol_display_models values ('AAPL', '2016-12-30', 'market', 'Market', 'available', null, 251, 0.0001, 0.0004, 0.25, 0.8, -0.0007, 0.0009, 0.41, 0.4, 180.5);
insert into factor_covariance values
    ('2016-12-30', true, null, '{Market}', '{market}', '{0}', '{0.0173}', '{0.0173}', 251, '{"Growth": "IWF has no series"}', '2016-01-04', '2016-12-30', 'SP500');
insert into symbol_daily_metrics values ('AAPL', '2016-12-30', 28.95, -0.0078, 0.0479, 0.1, 0.0479, 0.02, 0.1, null), ('GGIPX', '2016-12-30', null, null, null, null, null, null, null, 'no data');
insert into data_quality values ('AAPL', '2016-12-30', 253, 252, 1, '[{"check": "gap", "from": "2016-06-09", "to": "2016-06-09", "text": "1 sessions without a value"}]');
