alter table meter add column erased_day bigint;
alter table meter add column erased_until bigint;
alter table meter add column erasure_seen bigint;
create table erasure (
    place {serial},
    meter text not null,
    day bigint not null,
    ordered_at bigint not null,
    ordered_by text not null,
    readings bigint not null
);
create index erasure_meter on erasure (meter, place);
create table erased_leaf (
    community text not null,
    time bigint not null,
    batch bigint not null,
    meter text not null,
    page bigint not null,
    leaf {bytes} not null,
    primary key (community, time, batch, meter, page)
);
