-- SPDX-License-Identifier: Apache-2.0
create table t(a integer primary key, b text, c real); create index i on t(b);
with recursive n(x) as (select 1 union all select x+1 from n where x<60)
insert into t select x, 'row ' || x, x * 1.5 from n;
select count(*), sum(c), max(b) from t where b like 'row 1%' group by a % 3 order by 2 desc;
update t set c = c + 1 where a between 5 and 20; delete from t where a > 50;
select json_object('a', a, 'b', upper(b)) from t join (select 7 as k) on a = k; explain select * from t;
