"""Clusters to be damaged, and the ways to change their files: see .ci/postgres-verdicts."""
import os, shutil, signal, subprocess, sys, time

tool, work, programs = os.environ["STRATA"], os.environ["WORK"], os.environ["PROGRAMS"]
here, data, space = work + "/try", work + "/try/data", work + "/try/space"
PAGE, SEGMENT = 8192, 1 << 30
process = None
ALL = ("clean", "crashed", "running")


def server(command):
    """Runs a command as a user that a server accepts."""
    if os.getuid() == 0:
        command = ["su", "postgres", "-s", "/bin/bash", "-c", command]
    else:
        command = ["bash", "-c", command]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def must(command):
    done = server(command)
    if done.returncode:
        sys.exit(f"{command}: exit code {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout


def starts():
    """Starts the server; returns whether it did."""
    global process
    # Damaged pages have made a server take all memory there is.
    done = server(
        f"ulimit -v 4000000; '{programs}/pg_ctl' -D '{data}' -w -t 20 -s -l '{work}/log' -o \"-F -k {work} -h '' -c"
        " autovacuum=off -c statement_timeout=20s -c checkpoint_timeout=1h -c bgwriter_lru_maxpages=0\" start")
    if done.returncode:
        return False
    process = int(open(f"{data}/postmaster.pid").readline())
    return True


def start():
    if not starts():
        sys.exit(open(f"{work}/log").read()[-2000:])


def is_running(number):
    try:
        return open(f"/proc/{number}/stat").read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def halt(way=signal.SIGQUIT):
    """Stops the server, whatever has become of its files."""
    global process
    if process:
        os.kill(process, way)
        while is_running(process):
            time.sleep(0.01)
    process = None


def query(sql, database="app"):
    done = server(f"'{programs}/psql' -X -q -At -v ON_ERROR_STOP=1 -h '{work}' -U postgres"
                  f" -d {database} <<'SQL'\n{sql}\nSQL")
    if done.returncode:
        sys.exit(f"{sql}: {done.stderr}")
    return done.stdout.strip()


SETUP = """
CREATE EXTENSION amcheck;
CREATE TABLE plain (id int, name text, tags int[], p point);
INSERT INTO plain SELECT n, 'name ' || n, ARRAY[n, n % 10], point(n, -n) FROM generate_series(1, 30000) n;
UPDATE plain SET name = 'new' WHERE id % 40 = 0;
DELETE FROM plain WHERE id % 77 = 0;
CREATE INDEX plain_btree ON plain (id);
CREATE INDEX plain_other ON plain (name);
CREATE INDEX plain_hash ON plain USING hash (id);
CREATE INDEX plain_gin ON plain USING gin (tags);
CREATE INDEX plain_gist ON plain USING gist (p);
CREATE INDEX plain_brin ON plain USING brin (id);
CREATE INDEX plain_spgist ON plain USING spgist (p);
CREATE TABLE long (id int, body text);
ALTER TABLE long ALTER body SET STORAGE EXTERNAL;
INSERT INTO long SELECT n, repeat(md5(n::text), 50 + n % 100) FROM generate_series(1, 300) n;
CREATE TABLE other (a bigint, b date);
INSERT INTO other SELECT n, '2020-01-01'::date + n FROM generate_series(1, 20000) n;
CREATE TABLE away (id int, body text) TABLESPACE away;
INSERT INTO away SELECT n, 'b' || n FROM generate_series(1, 20000) n;
CREATE INDEX away_id ON away (id) TABLESPACE away;
CREATE UNLOGGED TABLE unlogged (id int);
INSERT INTO unlogged SELECT generate_series(1, 1000);
CREATE MATERIALIZED VIEW seen AS SELECT * FROM other WHERE a < 500;
CREATE SEQUENCE counter;
SELECT nextval('counter');
CREATE FUNCTION heap_faults() RETURNS TABLE (path text, blk bigint, off int, msg text)
LANGUAGE plpgsql AS $$
DECLARE r record;
BEGIN
    FOR r IN SELECT c.oid, pg_relation_filepath(c.oid) AS path FROM pg_class c
        WHERE relkind IN ('r', 't', 'm') AND relpersistence = 'p' ORDER BY oid
    LOOP
        BEGIN
            RETURN QUERY SELECT r.path, v.blkno, v.offnum::int, v.msg
                FROM verify_heapam(r.oid, check_toast => true) v;
        EXCEPTION WHEN others THEN
            RETURN QUERY SELECT r.path, NULL::bigint, NULL::int, SQLERRM;
        END;
    END LOOP;
END $$;
"""
MORE = """
INSERT INTO plain SELECT n, 'later ' || n, ARRAY[n], point(n, n) FROM generate_series(1, 500) n;
UPDATE other SET b = b + 1 WHERE a % 50 = 0;
CREATE TABLE made AS SELECT generate_series(1, 100) AS n;
CHECKPOINT;
BEGIN;
INSERT INTO plain SELECT n, 'never ' || n, ARRAY[n], point(n, n) FROM generate_series(1, 500) n;
"""


def keep(name):
    subprocess.run(["cp", "-a", here, f"{work}/{name}"], check=True)


def build():
    os.makedirs(here)
    os.chmod(here, 0o777)
    must(f"mkdir '{space}'; '{programs}/initdb' -D '{data}' --data-checksums -U postgres -A trust"
         " --no-sync --locale=C -E UTF8")
    start()
    query(f"CREATE TABLESPACE away LOCATION '{space}';", "postgres")
    query("CREATE DATABASE app;", "postgres")
    query("CREATE DATABASE second TABLESPACE away;", "postgres")
    query(SETUP)
    query("VACUUM ANALYZE;")
    query("CHECKPOINT;")
    for line in query("SELECT relname, pg_relation_filepath(oid) FROM pg_class WHERE relnamespace ="
                      " 'public'::regnamespace AND relfilenode > 0 UNION ALL SELECT 'values',"
                      " pg_relation_filepath(reltoastrelid) FROM pg_class WHERE relname = 'long'"
                      " UNION ALL SELECT relname, pg_relation_filepath(oid) FROM pg_class WHERE"
                      " relname IN ('pg_proc', 'pg_class', 'pg_attribute', 'pg_database')"
                      ).splitlines():
        name, path = line.split("|")
        at[name] = path
    at["link"] = "pg_tblspc/" + query("SELECT oid FROM pg_tablespace WHERE spcname = 'away'")
    at["app"] = "base/" + query("SELECT oid FROM pg_database WHERE datname = 'app'")
    at["postgres"] = "base/" + query("SELECT oid FROM pg_database WHERE datname = 'postgres'")
    at["own"] = at["link"] + "/" + os.listdir(space)[0]
    halt(signal.SIGINT)
    keep("clean")
    start()
    query(MORE)
    halt()
    keep("crashed")


# Paths are relative to the data directory.
at = {}


def full(path):
    return f"{data}/{at.get(path, path)}"


def read(path, block):
    with open(full(path), "rb") as file:
        file.seek(block * PAGE)
        return bytearray(file.read(PAGE))


def write(path, block, page, offset=0):
    with open(full(path), "r+b") as file:
        file.seek(block * PAGE + offset)
        file.write(page)


def cut(path, bytes):
    os.truncate(full(path), bytes)


def size(path):
    return os.path.getsize(full(path))


def new(path, content=b""):
    with open(full(path), "wb") as file:
        file.write(content)
    os.chown(full(path), *os.stat(data)[4:6])


def insert(path, offset, some):
    content = open(full(path), "rb").read()
    open(full(path), "wb").write(content[:offset] + some + content[offset:])


def checksum(page, block):
    """Gives a page the right checksum."""
    bases = [0x5B1F36E9, 0xB8525960, 0x02AB50AA, 0x1DE66D2A, 0x79FF467A, 0x9BB9F8A3, 0x217E7CD2,
             0x83E13D2C, 0xF8D4474F, 0xE39EB970, 0x42C6AE16, 0x993216FA, 0x7B093B5D, 0x98DAFF3C,
             0xF718902A, 0x0B1C9CDB, 0xE58F764B, 0x187636BC, 0x5D7B3BB1, 0xE73DE7DE, 0x92BEC979,
             0xCCA6C0B2, 0x304A0979, 0x85AA43D4, 0x783125BB, 0x6CA8EAA2, 0xE407EAC6, 0x4B5CFC3E,
             0x9FBF8C76, 0x15CA20BE, 0xF2CA9FD3, 0x959BD756]
    page[8:10] = b"\0\0"

    def step(sum, word):
        mixed = sum ^ word
        return (mixed * 16777619 & 0xFFFFFFFF) ^ (mixed >> 17)

    for at in range(0, PAGE, 128):
        for lane in range(32):
            word = int.from_bytes(page[at + 4 * lane : at + 4 * lane + 4], "little")
            bases[lane] = step(bases[lane], word)
    result = 0
    for lane in range(32):
        result ^= step(step(bases[lane], 0), 0)
    page[8:10] = ((result ^ block) % 65535 + 1).to_bytes(2, "little")
    return page


def remove(path):
    if os.path.isdir(full(path)) and not os.path.islink(full(path)):
        shutil.rmtree(full(path))
    else:
        os.remove(full(path))


def swap(first, second, block):
    one, two = read(first, block), read(second, block)
    write(first, block, two)
    write(second, block, one)


def again(state):
    """Makes the copy to be damaged anew."""
    halt()
    subprocess.run(["chmod", "-R", "u+rwx", here], stderr=subprocess.DEVNULL)
    shutil.rmtree(here)
    subprocess.run(["cp", "-a", f"{work}/{'clean' if state == 'running' else state}", here], check=True)
    if state == "running":
        start()
        query(MORE)
