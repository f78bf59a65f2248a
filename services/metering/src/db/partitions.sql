{postgres}alter table reading rename to reading_before;
{postgres}alter table reading_before drop constraint reading_pkey;
{postgres}alter index reading_meter_time rename to reading_before_meter_time;
{postgres}alter index reading_community_time rename to reading_before_community_time;
{postgres}alter index reading_fresh rename to reading_before_fresh;
{postgres}alter index reading_unanchored rename to reading_before_unanchored;
{postgres}create table reading (like reading_before including defaults) partition by range (time);
{postgres}alter table reading add primary key (meter, page, time);
{postgres}create index reading_meter_time on reading (meter, time);
{postgres}create index reading_community_time on reading (community, time);
{postgres}create index reading_fresh on reading (community, meter, page) where fresh = 1;
{postgres}create index reading_unanchored on reading (community, time) where slot_batch is null;
{postgres}alter table reading attach partition reading_before
    for values from (minvalue) to (1798761600);
{postgres}create table intake (turn bigint not null, registry bigint not null);
{postgres}insert into intake (turn, registry) values (0, 0);
