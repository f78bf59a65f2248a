create table token_key (
    kid text primary key,
    wrapped {bytes} not null,
    created_at bigint not null
);
create table party (
    place {serial},
    id text not null unique,
    community text not null,
    name text not null,
    email text not null unique,
    password_hash text,
    roles text not null,
    since bigint not null
);
create table account (
    id text primary key,
    party text not null unique references party (id),
    community text not null,
    pseudonym text not null,
    address text not null unique,
    wrapped_key {bytes},
    unique (community, pseudonym)
);
create table challenge (
    nonce text primary key,
    address text not null,
    expires_at bigint not null
);
create index challenge_expiry on challenge (expires_at);
create table refresh_token (
    hash text primary key,
    family text not null,
    party text not null references party (id),
    expires_at bigint not null,
    used bigint not null default 0
);
create index refresh_token_family on refresh_token (family);
create index refresh_token_expiry on refresh_token (expires_at);
create table connection_point (
    place {serial},
    id text not null unique,
    account text not null references account (id),
    community text not null,
    zone text not null,
    timezone text not null,
    import_max_w bigint not null,
    export_max_w bigint not null,
    since bigint not null
);
create index connection_point_account on connection_point (account);
create table meter (
    place {serial},
    id text not null unique,
    serial text not null,
    connection_point text not null references connection_point (id),
    account text not null references account (id),
    community text not null,
    signing_key text not null,
    version bigint not null,
    token_hash text not null,
    valid_from bigint not null,
    revoked_at bigint
);
create index meter_connection_point on meter (connection_point);
create index meter_account on meter (account);
create unique index meter_signing_key on meter (signing_key);
create table audit_log (
    place bigint primary key,
    at bigint not null,
    actor text not null,
    action text not null,
    about text not null,
    done bigint not null,
    previous text not null,
    hash text not null
);
create table audit_head (
    id bigint primary key,
    length bigint not null,
    hash text not null
);
insert into audit_head (id, length, hash)
values (1, 0, '0000000000000000000000000000000000000000000000000000000000000000');
