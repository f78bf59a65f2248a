create table file (
    place {serial},
    digest text not null unique,
    meter text not null,
    community text not null,
    name text not null,
    format text not null,
    bytes bigint not null,
    sent_by text not null,
    received_at bigint not null,
    state text not null,
    position text not null,
    intervals bigint not null default 0,
    rejected bigint not null default 0,
    left_out bigint not null default 0,
    refusal text
);
create index file_meter on file (meter, place);
create table file_interval (
    file bigint not null,
    meter text not null,
    direction text not null,
    channel text not null,
    start bigint not null,
    minutes bigint not null,
    energy_wh bigint not null,
    quality text not null,
    code text,
    primary key (file, direction, channel, start)
);
create index file_interval_meter on file_interval (meter, start);
create table file_rejection (
    file bigint not null,
    number bigint not null,
    line bigint not null,
    place bigint,
    field text not null,
    code text not null,
    left_out bigint not null,
    said text not null,
    primary key (file, number)
);
