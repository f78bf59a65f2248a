create table surveillance_day (
    market text not null,
    day bigint not null,
    judged_at bigint not null,
    facts text not null,
    refusal text,
    primary key (market, day)
);
create table surveillance_case (
    place {serial},
    id text not null unique,
    market text not null,
    community text not null,
    zone text not null,
    kind text not null,
    subject text not null,
    accounts text not null,
    opened bigint not null,
    last bigint not null,
    severity bigint not null,
    score bigint not null,
    findings text not null,
    found_at bigint not null,
    state text not null,
    reason text,
    decided_by text,
    decided_at bigint
);
create index surveillance_case_subject on surveillance_case (market, kind, subject, last);
create index surveillance_case_community on surveillance_case (community, place);
