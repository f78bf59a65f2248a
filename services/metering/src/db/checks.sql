alter table community add column checked_until bigint;
create table check_due (
    community text not null,
    day bigint not null,
    meter text not null,
    primary key (community, day, meter)
);
create table checked (
    meter text not null,
    day bigint not null,
    checked_at bigint not null,
    slots bigint not null,
    measured bigint not null,
    substituted bigint not null,
    missing bigint not null,
    primary key (meter, day)
);
create table finding (
    meter text not null,
    day bigint not null,
    number bigint not null,
    rule text not null,
    code text not null,
    action text not null,
    channel text,
    from_at bigint not null,
    to_at bigint not null,
    evidence text not null,
    other text,
    primary key (meter, day, number)
);
create table estimate (
    meter text not null,
    day bigint not null,
    slot bigint not null,
    channel text not null,
    energy_wh bigint not null,
    quality text not null,
    method text not null,
    primary key (meter, day, slot, channel)
);
