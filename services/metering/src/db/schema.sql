create table community (
    id text primary key,
    timezone text not null,
    closed_until bigint
);
create table connection_point (
    id text primary key,
    account text not null,
    community text not null,
    import_max_w bigint not null,
    export_max_w bigint not null
);
create table meter (
    id text primary key,
    serial text not null,
    connection_point text not null,
    account text not null,
    community text not null,
    token_hash text not null,
    valid_from bigint not null,
    revoked_at bigint
);
create index meter_community on meter (community, id);
create index meter_connection_point on meter (connection_point);
create table meter_key (
    meter text not null,
    valid_from bigint not null,
    address {bytes} not null,
    primary key (meter, valid_from)
);
create table reading (
    meter text not null,
    page bigint not null,
    time bigint not null,
    import_wh bigint not null,
    export_wh bigint not null,
    status bigint not null,
    firmware bigint not null,
    signature {bytes} not null,
    community text not null,
    received_at bigint not null,
    fresh bigint not null default 1,
    published bigint not null default 0,
    slot_batch bigint,
    primary key (meter, page)
);
create index reading_meter_time on reading (meter, time);
create index reading_community_time on reading (community, time);
create index reading_fresh on reading (community, meter, page) where fresh = 1;
create index reading_unanchored on reading (community, time) where slot_batch is null;
create table quarantine (
    place {serial},
    digest text not null unique,
    meter text not null,
    community text,
    code text not null,
    message {bytes} not null,
    bytes bigint not null,
    first_at bigint not null,
    last_at bigint not null,
    repeats bigint not null default 1
);
create table energy_interval (
    meter text not null,
    slot bigint not null,
    version bigint not null,
    connection_point text not null,
    account text not null,
    community text not null,
    import_wh bigint not null,
    export_wh bigint not null,
    quality text not null,
    method text,
    known_at bigint not null,
    primary key (meter, slot, version)
);
create index energy_interval_place on energy_interval (connection_point, slot);
create table salt (
    meter text not null,
    day bigint not null,
    salt {bytes} not null,
    primary key (meter, day)
);
create table slot_anchor (
    community text not null,
    slot bigint not null,
    batch bigint not null,
    root {bytes} not null,
    leaves bigint not null,
    primary key (community, slot, batch)
);
create table day_dirty (
    community text not null,
    day bigint not null,
    meter text not null,
    primary key (community, day, meter)
);
create table day_anchor (
    community text not null,
    day bigint not null,
    batch bigint not null,
    root {bytes} not null,
    leaves bigint not null,
    primary key (community, day, batch)
);
create table day_leaf (
    community text not null,
    day bigint not null,
    batch bigint not null,
    meter text not null,
    leaf {bytes} not null,
    primary key (community, day, meter, batch)
);
