create table signed_of_unit (
    account text not null references account (id),
    unit text not null,
    day bigint not null,
    reserved bigint not null,
    primary key (account, unit, day)
);
insert into signed_of_unit (account, unit, day, reserved)
    select account, '', day, reserved from signed_day;
drop table signed_day;
alter table signed_of_unit rename to signed_day;
create index signed_day_day on signed_day (day);
create table limit_of_unit (
    account text not null references account (id),
    unit text not null,
    daily bigint not null,
    primary key (account, unit)
);
insert into limit_of_unit (account, unit, daily) select account, '', daily from signing_limit;
drop table signing_limit;
alter table limit_of_unit rename to signing_limit;
alter table approval add column unit text not null default '';
