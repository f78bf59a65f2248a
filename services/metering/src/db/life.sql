alter table meter_key add column first_page bigint not null default 0;
alter table meter_key add column ended bigint not null default 0;
create table registry_later (
    cause text primary key,
    meter text not null,
    due_at bigint not null,
    contract {bytes} not null,
    calldata {bytes} not null,
    gas bigint not null
);
create index registry_later_due on registry_later (due_at);
create table description (
    meter text primary key,
    calibrated_until bigint,
    latitude bigint,
    longitude bigint,
    modules_w bigint,
    storage bigint not null,
    described_at bigint not null
);
