"""Compares `verify --deep` with amcheck's verify_heapam on pages changed at random: see
.ci/postgres-verdicts."""
import collections, json, os, random, re, subprocess, sys, time

from cluster import PAGE, again, at, build, data, full, halt, programs, query, server, start, tool

seconds = int(sys.argv[1])
seed = int(sys.argv[2]) if sys.argv[2] else random.SystemRandom().randrange(10**6)
print("seed", seed)
TABLES = ("plain", "long", "values", "other", "seen")


def tuples(page):
    """The normal line pointers of a page, with the offsets and lengths of their tuples."""
    lower = int.from_bytes(page[12:14], "little")
    for number in range(1, (lower - 24) // 4 + 1):
        word = int.from_bytes(page[20 + 4 * number : 24 + 4 * number], "little")
        if word >> 15 & 3 == 1:
            yield number, word & 0x7FFF, word >> 17


def change(page, draw):
    some = list(tuples(page))
    if not some:
        return
    number, offset, length = draw.choice(some)
    near = draw.choice(some)

    def put(at, count, value):
        page[at : at + count] = (value & (1 << 8 * count) - 1).to_bytes(count, "little")

    def get(at, count):
        return int.from_bytes(page[at : at + count], "little")

    def flip(at, count):
        put(at, count, get(at, count) ^ 1 << draw.randrange(8 * count))

    kind = draw.randrange(12)
    if kind == 0:
        flip(20 + 4 * number, 4)
    elif kind == 1:
        # A pointer to another one: redirected, to the same tuple, dead or unused.
        word = draw.choice((2 << 15 | draw.randrange(len(some) + 3), get(20 + 4 * near[0], 4),
                            3 << 15, 0))
        put(20 + 4 * number, 4, word)
    elif kind == 2:
        flip(offset + 18, 2)
    elif kind == 3:
        flip(offset + 20, 2)
    elif kind == 4:
        put(offset + 22, 1, draw.choice((0, 23, 24, 28, 32, 40, 255)))
    elif kind == 5:
        # The inserter or deleter: that of another row, an early, a late or an impossible one.
        own = [get(offset, 4), get(near[1], 4), get(near[1] + 4, 4)]
        put(offset + draw.choice((0, 4)), 4, draw.choice(
            [*own, 0, 1, 2, 3, 5, own[0] + 1, own[0] + 1000, 1 << 31, 0xFFFFFFFF]))
    elif kind == 6:
        # An update within the page, which may have been or not.
        block = get(offset + 14, 2)
        put(offset + 16, 2, near[0])
        if draw.randrange(2):
            put(offset + 4, 4, get(near[1], 4))
            put(offset + 20, 2, get(offset + 20, 2) & ~0x1880 | draw.choice((0, 0x400)))
        if draw.randrange(2):
            put(offset + 18, 2, get(offset + 18, 2) | 0x4000)
        if draw.randrange(2):
            put(near[1] + 18, 2, get(near[1] + 18, 2) | 0x8000)
    elif kind == 7:
        # A heap-only tuple, or no longer one; frozen or not.
        put(offset + 18, 2, get(offset + 18, 2) ^ draw.choice((0x8000, 0x4000, 0xC000)))
        put(offset + 20, 2, get(offset + 20, 2) ^ draw.choice((0, 0x2000, 0x100, 0x300)))
    elif kind == 8:
        put(offset + 18, 2, get(offset + 18, 2) & 0xF800 | draw.choice((0, 1, 2, 3, 9, 100, 2047)))
    elif length > 24:
        # The values.
        for _ in range(draw.choice((1, 1, 1, 3))):
            flip(offset + draw.randrange(24, min(length, draw.choice((28, 32, 48, 4000)))), 1)


def values_at(content):
    """The blocks with chunks of each value that is stored out of line."""
    result = collections.defaultdict(set)
    for block in range(len(content) // PAGE):
        page = content[block * PAGE : (block + 1) * PAGE]
        for _, offset, _ in tuples(page):
            result[int.from_bytes(page[offset + 24 : offset + 28], "little")].add(block)
    return result


def verify():
    done = subprocess.run([tool, "postgres", "verify", data, "--deep", "--json"],
                          capture_output=True, text=True, timeout=120)
    if done.returncode not in (0, 1, 2):
        sys.exit(f"exit code {done.returncode}: {done.stderr}")
    return [one for one in map(json.loads, done.stdout.splitlines()) if one["type"] == "finding"]


build()
again("clean")
server(f"'{programs}/pg_checksums' --disable -D '{data}'")
files = {at[name]: open(full(name), "rb").read() for name in TABLES}
chunks = values_at(files[at["values"]])
end = time.monotonic() + seconds
rounds = places = extra = misses = dead = changed = 0
kinds = collections.Counter()
while time.monotonic() < end:
    draw = random.Random(f"{seed}/{rounds}")
    for path, bytes_now in files.items():
        content = bytearray(bytes_now)
        blocks = len(content) // PAGE
        for block in draw.sample(range(blocks), min(blocks, 24)):
            page = content[block * PAGE : (block + 1) * PAGE]
            for _ in range(draw.choice((1, 1, 2))):
                change(page, draw)
            content[block * PAGE : (block + 1) * PAGE] = page
            changed += 1
        open(full(path), "wb").write(content)
    found = verify()
    exact = {(one["file"], one["block"], one["linePointer"]) for one in found}
    exact |= {(one["file"], one["block"], None) for one in found}
    whole = {(one["file"], one["block"]) for one in found if one["linePointer"] is None}
    start()
    done = server(f"'{programs}/psql' -X -q -At -v ON_ERROR_STOP=1 -h '{os.environ['WORK']}' -U postgres"
                  " -d app -c 'SELECT * FROM heap_faults()'")
    if done.returncode:
        dead += 1
    named = {one["block"] for one in found if one["file"] == at["values"]}
    new_chunks = values_at(open(full("values"), "rb").read())
    theirs = set()
    for line in done.stdout.splitlines():
        path, block, number, reason = line.split("|", 3)
        places += 1
        if not block:
            # An error, with which it ends: of a table with pages that are named.
            if not any(one["file"] == path for one in found):
                misses += 1
                print(f"round {rounds}: {path}: {reason}")
            continue
        place = (path, int(block), int(number))
        theirs.add(place)
        # A chunk that the server does not find may be named where it lies.
        value = re.match(r"toast value (\d+)", reason)
        if value and named & (chunks[int(value[1])] | new_chunks[int(value[1])]):
            continue
        if place not in exact and place[:2] not in whole:
            misses += 1
            kind = re.sub(r"\d+", "N", reason)
            kinds[kind] += 1
            if kinds[kind] <= 3:
                print(f"round {rounds}: {path} block {block} line pointer {number}: {reason}")
    extra += sum((one["file"], one["block"], one["linePointer"]) not in theirs for one in found)
    halt()
    again("clean")
    server(f"'{programs}/pg_checksums' --disable -D '{data}'")
    rounds += 1
for kind, count in kinds.most_common():
    print(f"{count} times missed: {kind}")
print(f"seed {seed}: {rounds} rounds, {changed} pages changed, verify_heapam named {places} places,"
      f" {misses} of them missed, {extra} more found; it died {dead} times")
sys.exit(1 if misses or not places else 0)
