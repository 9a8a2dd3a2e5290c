-- Makes the tables whose files lie in base/. Run by make.sh in an empty database `fixtures`.
-- Values are computed, not random, so a second run gives the same rows.
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET extra_float_digits = 1;

-- Every column type that Strata has, with each type's edges, none null.
CREATE TABLE every_type (
    truth boolean, small smallint, medium integer, large bigint, single real,
    double double precision, words text, day date, moment timestamp, identity uuid,
    blob bytea, amount numeric
) WITH (autovacuum_enabled = off);
INSERT INTO every_type VALUES
    (true, 0, 0, 0, 0, 0, '', '2000-01-01', '2000-01-01 00:00:00',
     '00000000-0000-0000-0000-000000000000', '', 0),
    (false, 32767, 2147483647, 9223372036854775807, 3.4028235e38, 1.7976931348623157e308,
     'plain', '5874897-12-31', '294276-12-31 23:59:59.999999',
     'ffffffff-ffff-ffff-ffff-ffffffffffff', '\x00', 1),
    (true, -32768, -2147483648, -9223372036854775808, -1.1754944e-38, -2.2250738585072014e-308,
     'two words', '4713-01-01 BC', '4713-01-01 00:00:00 BC',
     '123e4567-e89b-12d3-a456-426614174000', '\xdeadbeef', -1),
    (false, 1, 1, 1, 'NaN', 'NaN', 'Grüße, 世界 🐘', '1970-01-01', '1970-01-01 00:00:01.5',
     'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '\xff00ff00', 'NaN'),
    (true, -1, -1, -1, 'Infinity', '-Infinity', E'tab\tnewline\nquote"comma,', 'infinity',
     '-infinity', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12', '\x0a0d', 'Infinity'),
    (false, 100, 100000, 10000000000, 0.1, 0.1, repeat('a', 125), '1999-12-31',
     '1999-12-31 23:59:59.999999', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a13',
     decode(repeat('ab', 125), 'hex'), 0.1),
    (true, -100, -100000, -10000000000, -0.1, -0.1, repeat('b', 126), '2024-02-29',
     '2024-02-29 12:30:45.123456', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a14',
     decode(repeat('cd', 126), 'hex'), -0.000123),
    (false, 7, 7, 7, 7.5, 7.25, repeat('c', 127), '2038-01-19', '2038-01-19 03:14:08',
     'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a15', decode(repeat('ef', 127), 'hex'),
     12345678901234567890123456789012345678.901234567890),
    (true, 8, 8, 8, -0.0::real, '-0.0'::double precision, repeat('d', 500), '0001-01-01',
     '0001-01-01 00:00:00', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a16',
     decode(repeat('01', 500), 'hex'), 1e100),
    (false, 9, 9, 9, 1e-45, 5e-324, 'x', '9999-12-31', '9999-12-31 00:00:00',
     'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a17', '\x01', -1e-20),
    (true, 10, 10, 10, 16777216, 9007199254740992, 'y', '2000-02-28', '2000-02-28 00:00:00.000001',
     'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a18', '\x02', '-Infinity'),
    (false, 11, 11, 11, 3.1415927, 3.141592653589793, 'z', '2000-03-01', '2000-03-01 00:00:00',
     'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a19', '\x03', 10000.0001),
    (true, 12, 12, 12, 12, 12, 'w', '2000-03-02', '2000-03-02 00:00:00',
     'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a20', '\x04', 100000000.00),
    (false, 13, 13, 13, 13, 13, 'v', '2000-03-03', '2000-03-03 00:00:00',
     'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a21', '\x05', 0.00);

-- The same columns; row n has nulls where the bits of n * 2654435761 are set, the first row has
-- nothing but nulls and the last no null.
CREATE TABLE every_type_nulls (LIKE every_type) WITH (autovacuum_enabled = off);
INSERT INTO every_type_nulls
SELECT
    CASE WHEN m & 1 = 0 THEN n % 2 = 0 END,
    CASE WHEN m & 2 = 0 THEN n::smallint END,
    CASE WHEN m & 4 = 0 THEN n * 1000 END,
    CASE WHEN m & 8 = 0 THEN n * 10000000000 END,
    CASE WHEN m & 16 = 0 THEN (n / 8.0)::real END,
    CASE WHEN m & 32 = 0 THEN n / 3.0::double precision END,
    CASE WHEN m & 64 = 0 THEN repeat('n', (n * 7) % 200) END,
    CASE WHEN m & 128 = 0 THEN date '2000-01-01' + n END,
    CASE WHEN m & 256 = 0 THEN timestamp '2000-01-01' + n * interval '1.000001 seconds' END,
    CASE WHEN m & 512 = 0 THEN md5(n::text)::uuid END,
    CASE WHEN m & 1024 = 0 THEN decode(repeat(lpad(to_hex(n % 256), 2, '0'), n % 150), 'hex') END,
    CASE WHEN m & 2048 = 0 THEN n * 1.001 END
FROM (SELECT n, CASE n WHEN 0 THEN 4095 WHEN 299 THEN 0
                ELSE (n * 2654435761 / 65536) % 4096 END AS m
      FROM generate_series(0, 299) AS n) AS numbered;

-- Several pages, no nulls, rows of one size.
CREATE TABLE numbers (id integer, square bigint, name text) WITH (autovacuum_enabled = off);
INSERT INTO numbers
SELECT n, n::bigint * n, 'number ' || lpad(n::text, 6, '0') FROM generate_series(1, 3000) AS n;

-- Frozen, with all three forks: free space map and visibility map.
CREATE TABLE vacuumed (id integer, word text) WITH (autovacuum_enabled = off);
INSERT INTO vacuumed SELECT n, repeat('v', n % 60) FROM generate_series(1, 2000) AS n;

-- Dead, redirected and unused line pointers: some rows deleted and pruned, some updated in place.
CREATE TABLE pruned (id integer, word text) WITH (autovacuum_enabled = off, fillfactor = 70);
CREATE INDEX pruned_id ON pruned (id);
INSERT INTO pruned SELECT n, 'row ' || n FROM generate_series(1, 400) AS n;
UPDATE pruned SET word = word || ' updated' WHERE id % 10 = 0;

-- A column added later: older rows store one attribute fewer.
CREATE TABLE widened (id integer) WITH (autovacuum_enabled = off);
INSERT INTO widened SELECT n FROM generate_series(1, 20) AS n;
ALTER TABLE widened ADD COLUMN note text;
INSERT INTO widened SELECT n, 'note ' || n FROM generate_series(21, 40) AS n;

-- A table without a block.
CREATE TABLE nothing (id integer, word text);
