create table provisioning_code (
    name text primary key,
    connection_point text not null unique references connection_point (id),
    hash text not null,
    expires_at bigint not null,
    wrong_tries bigint not null default 0,
    meter text not null,
    used bigint not null default 0
);
create index provisioning_code_expiry on provisioning_code (expires_at);
create table former_key (
    address text primary key,
    meter text not null,
    ended_at bigint not null
);
create index former_key_meter on former_key (meter);
