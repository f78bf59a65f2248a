create table lease (
    market text not null,
    token bigint not null,
    until bigint not null,
    primary key (market)
);
create table snapshot (
    market text not null,
    place bigint not null,
    fold bigint not null,
    hash text not null,
    parts bigint not null,
    primary key (market, place)
);
create table snapshot_part (
    market text not null,
    place bigint not null,
    part bigint not null,
    state text not null,
    primary key (market, place, part)
);
