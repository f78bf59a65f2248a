create table signed_day (
    account text not null references account (id),
    day bigint not null,
    reserved bigint not null,
    primary key (account, day)
);
create index signed_day_day on signed_day (day);
create table signing_limit (
    account text primary key references account (id),
    daily bigint not null
);
create table approval (
    place {serial},
    id text not null unique,
    account text not null references account (id),
    community text not null,
    kind text not null,
    subject text not null,
    amount bigint not null,
    terms text,
    state text not null,
    requested_by text not null,
    requested_at bigint not null,
    expires_at bigint not null,
    decided_by text,
    decided_at bigint
);
create index approval_subject on approval (subject);
create index approval_account on approval (account);
create index approval_expiry on approval (expires_at);
