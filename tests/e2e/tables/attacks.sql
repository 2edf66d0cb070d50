-- What a superuser may try, and what check finds. cases.rs says how the file is read.

--## a row is changed with the triggers off
--@attack
alter table orders disable trigger user;
update orders set amount = 99999 where id = 7;
alter table orders enable always trigger "!counterfoil_change";
--@says REFUSED row_changed

--## a change as a replica is recorded all the same
--@attack
set session_replication_role = replica;
update orders set amount = 5 where id = 7;
--@says VERIFIED
