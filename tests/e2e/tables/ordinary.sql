-- What people do every day, and what check must not take for tampering. cases.rs says how the file is read.

--## rows come by COPY and by INSERT ON CONFLICT
--@work
copy orders (id, item, amount) from stdin;
1001	copied	1.00
1002	copied	2.00
\.
insert into orders values (1001, 'again', 3, null) on conflict (id) do update set amount = excluded.amount;
--@says VERIFIED
