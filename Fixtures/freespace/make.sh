#!/bin/sh
# Makes the files beside it in the directory given, with the programs of PostgreSQL 15 and its
# extension pg_freespacemap in PATH. Run it as a user other than root.
set -e
cd "$1"
initdb -D data --data-checksums -U postgres -A trust --locale=C -E UTF8 >/dev/null
pg_ctl -D data -w -s -l log -o "-F -k $PWD -h ''" start
query="psql -X -q -v ON_ERROR_STOP=1 -h $PWD -U postgres -d postgres -At"
$query <<'SQL'
CREATE EXTENSION pg_freespacemap;
CREATE TABLE t (id int, v text) WITH (autovacuum_enabled = off);
INSERT INTO t SELECT i, repeat('x', i % 900) FROM generate_series(1, 1500) i;
DELETE FROM t WHERE id % 3 = 0 OR id BETWEEN 400 AND 460 OR (id > 700 AND id % 7 < 5);
VACUUM t;
CHECKPOINT;
SQL
file=$($query -c "SELECT pg_relation_filepath('t')")
$query -c "SELECT blkno || ',' || avail FROM pg_freespace('t')" >deleted.csv
pg_ctl -D data -w -s -m fast stop
cp "data/${file}_fsm" deleted_fsm
