"""Compares the verdicts on damaged clusters with what is right: see .ci/postgres-verdicts."""
import json, os, re, subprocess, sys

from cluster import ALL, PAGE, SEGMENT, again, at, build, data, halt, programs, server, starts, tool, work
from damages import DAMAGES, pattern

wrong = runs = 0


def verify(options, user=False):
    global runs
    runs += 1
    command = [tool, "postgres", "verify", data, "--json", *options]
    try:
        if user:
            done = server(" ".join(command))
        else:
            done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    except subprocess.TimeoutExpired:
        return None, [], {}, "it did not end"
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return done.returncode, lines, lines[-1] if lines else {}, done.stderr


def complaints(damage, base):
    """What is wrong with the verdict, and the findings and doubts."""
    code, lines, summary, errors = verify(damage.options, damage.user)
    found = [one for one in lines if one["type"] == "finding"]
    faults = []
    if code not in damage.codes:
        faults.append(f"exit code {code} instead of {damage.codes} {errors[-300:]}")
    if summary.get("type") != "summary":
        faults.append(f"no summary {errors[-300:]}")
    wanted = {pattern(path): blocks for path, blocks in damage.findings}
    for path, blocks in wanted.items():
        own = [one for one in found if re.fullmatch(path, one["file"])]
        if not own:
            faults.append(f"no finding in {path}")
        elif blocks is not None and {one["block"] for one in own} != set(blocks):
            faults.append(f"{path}: blocks {sorted({str(one['block']) for one in own})[:9]}"
                          f" instead of {list(blocks)[:9]}")
    allowed = [*wanted, *map(pattern, damage.maybe)]
    for one in found:
        if not any(re.fullmatch(path, one["file"]) for path in allowed):
            faults.append(f"false: {one['file']} block {one['block']}: {one['reason']}")
    if damage.zeroes:
        path, blocks = pattern(damage.zeroes[0]), set(damage.zeroes[1])
        named = {block for one in lines if one["type"] == "zero pages" and one["file"] == path
                 for first, last in one["blocks"] for block in range(first, last + 1)}
        if not named or not blocks <= named:
            faults.append(f"zeroes {sorted(named)[:9]} do not have {sorted(blocks)[:9]}")
    if summary.get("otherNames", 0) < base.get("otherNames", 0) + damage.others:
        faults.append(f"only {summary.get('otherNames')} other names")
    return faults, found, [one for one in lines if one["type"] == "not checked"]


def beside(damage):
    """What other tools find, and this one does not."""
    done = server(f"'{programs}/pg_checksums' --check -D '{data}'")
    missed = []
    named = re.findall(r'verification failed in file "([^"]+)", block (\d+)', done.stderr)
    _, lines, _, _ = verify(["--deep"], damage.user)
    found = [one for one in lines if one["type"] == "finding"]
    places = {(one["file"], one["block"]) for one in found}
    files = {one["file"] for one in found}
    for path, block in named:
        path, block = os.path.relpath(path, data), int(block)
        segment = re.fullmatch(r"(.*)\.(\d+)", path)
        if segment:
            block += int(segment[2]) * SEGMENT // PAGE
        if (path, block) not in places:
            missed.append(f"pg_checksums names {path} block {block}")
    if not starts():
        if not found:
            missed.append("the server does not start")
        return missed, len(named), 0
    done = server(f"'{programs}/psql' -X -q -At -v ON_ERROR_STOP=1 -h '{work}' -U postgres -d app"
                  " -c 'SELECT * FROM heap_faults()'")
    count = 0
    for line in done.stdout.splitlines():
        path, block, number, reason = line.split("|", 3)
        count += 1
        if block and (path, int(block)) in places or not block and path in files:
            continue
        # Of a file that ends too early the server names blocks, and of a missing folder files.
        if any(file.startswith(path) or path.startswith(file + "/") for file in files):
            continue
        missed.append(f"verify_heapam says of {path} block {block} line pointer {number}: {reason}")
    halt()
    return missed, len(named), count


def main():
    global wrong
    build()
    version = server(f"'{programs}/postgres' --version").stdout.strip()
    base, tried, compared, sums = {}, 0, 0, 0
    for state in ALL:
        again(state)
        for options in ([], ["--deep"], ["--no-catalog"]):
            code, lines, summary, errors = verify(options)
            base[state] = summary
            if code != 0:
                wrong += 1
                print(f"{state}, nothing damaged, {options}: exit code {code}: {lines[:-1][:3]} {errors[-300:]}")
    for damage in DAMAGES:
        if len(sys.argv) > 1 and not any(name in damage.name for name in sys.argv[1:]):
            continue
        for state in damage.states:
            again(state)
            damage.do()
            tried += 1
            faults, found, doubts = complaints(damage, base[state])
            if os.environ.get("VERBOSE"):
                print(f"  {damage.name}, {state}: {len(found)} findings, {len(doubts)} doubts:",
                      *[one["reason"] for one in found[:2] + doubts[:2]], sep="\n      ")
            if state == "clean" and not damage.options:
                missed, checksums, tuples = beside(damage)
                faults += missed
                sums += checksums
                compared += tuples
            for fault in faults:
                print(f"wrong: {damage.name}, {state}: {fault}")
            wrong += bool(faults)
    print(f"{version}: {tried} damages, {runs} runs, {wrong} wrong verdicts; pg_checksums named"
          f" {sums} pages, verify_heapam {compared} places")
    sys.exit(1 if wrong or not tried else 0)


main()
