create table settlement_address (
    address text primary key,
    account text not null references account (id),
    from_slot bigint not null,
    wrapped_key {bytes},
    unique (account, from_slot)
);
insert into settlement_address (address, account, from_slot, wrapped_key)
select address, id, 0, wrapped_key from account;
update account set wrapped_key = null;
create table meter_handover (
    meter text not null references meter (id),
    at bigint not null,
    primary key (meter, at)
);
