#!/bin/sh
# Makes everything in this folder but itself and make.sql. Needs PostgreSQL's server programs in
# PATH and a user other than root. Usage: make.sh EMPTY_WORKING_DIRECTORY
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$1
data=$work/data
out=$work/out

initdb -D "$data" --data-checksums -U postgres -A trust --encoding=UTF8 --locale=C >/dev/null
pg_ctl -D "$data" -w -s -l "$work/log" \
    -o "-c listen_addresses='' -c unix_socket_directories='$work' -c autovacuum=off" start
run() { psql -X -q -v ON_ERROR_STOP=1 -h "$work" -U postgres "$@"; }
run -d postgres -c 'CREATE DATABASE fixtures'
run -d fixtures -f "$here/make.sql"
run -d fixtures -c 'VACUUM (FREEZE) vacuumed'
# Deleted rows of a table with an index leave dead line pointers when pruned without VACUUM.
run -d fixtures -c 'DELETE FROM pruned WHERE id % 7 = 0' -c 'VACUUM (INDEX_CLEANUP off) pruned'
# Rows deleted after the index was cleaned leave unused ones.
run -d fixtures -c 'DELETE FROM pruned WHERE id > 380' -c 'VACUUM pruned' \
    -c 'DELETE FROM pruned WHERE id % 11 = 0' -c 'VACUUM (INDEX_CLEANUP off) pruned'

database=$(run -d fixtures -At -c 'SELECT oid FROM pg_database WHERE datname = current_database()')
rm -rf "$out"
mkdir -p "$out/base/5" "$out/csv" "$out/global"
run -d fixtures -At -F ' ' -c "
    SELECT relname, relfilenode FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY relname" > "$work/tables"
while read -r table number; do
    run -d fixtures -c "\\copy (SELECT * FROM $table ORDER BY ctid) TO '$out/csv/$table.csv' CSV HEADER"
    run -d fixtures -At -c "
        SELECT string_agg(attname || ':' || replace(split_part(format_type(atttypid, NULL), ' without', 1), ' ', '_'), ' ' ORDER BY attnum)
        FROM pg_attribute WHERE attrelid = '$table'::regclass AND attnum > 0" > "$work/$table.columns"
done < "$work/tables"
run -d fixtures -c CHECKPOINT
pg_ctl -D "$data" -w -s -m fast stop
cp "$data/global/pg_control" "$out/global/"

echo 'name,relfilenumber,fork,blocks,columns' > "$out/manifest.csv"
while read -r table number; do
    for fork in main fsm vm; do
        suffix=_$fork
        [ $fork = main ] && suffix=
        file=$data/base/$database/$number$suffix
        [ -e "$file" ] || continue
        cp "$file" "$out/base/5/$number$suffix"
        blocks=$(($(wc -c < "$file") / 8192))
        echo "$table,$number,$fork,$blocks,$(cat "$work/$table.columns")" >> "$out/manifest.csv"
    done
done < "$work/tables"
