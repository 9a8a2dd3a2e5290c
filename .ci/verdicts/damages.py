"""What .ci/postgres-verdicts does to clusters, and what is right to say of each."""
import os, shutil, socket

from cluster import (ALL, PAGE, SEGMENT, at, checksum, cut, data, full, insert, new, read, remove,
                     size, space, swap, write)

class Damage:
    """What is done, and what must be said.

    findings: files, or files and blocks, each of which must be in a finding; no other file may be.
    Files are names of cluster.at, patterns, or functions, since numbers differ.
    zeroes: a file and blocks that must be named as zeroes.
    code: the exit code, or several; by default 1 if there are findings, else 0.
    others: how many names must be passed over more than without the damage.
    maybe: files that may have findings too.
    user: whether the tool runs as the server's user, which not every file lets read.
    """

    def __init__(self, name, do, findings=(), zeroes=None, code=None, states=ALL, options=(),
                 others=0, maybe=(), user=False):
        self.name, self.do, self.zeroes, self.states = name, do, zeroes, states
        self.findings = [one if isinstance(one, tuple) else (one, None) for one in findings]
        self.codes = (1 if findings else 0,) if code is None else code
        self.options, self.others, self.maybe, self.user = list(options), others, maybe, user


def pattern(path):
    """The pattern of a damage's file."""
    return path() if callable(path) else at.get(path, path)


def both(*steps):
    def do():
        for step in steps:
            step()
    return do


def link(path, target):
    os.symlink(target, full(path))


def folder(path, *files):
    os.makedirs(full(path))
    os.chmod(full(path), 0o755)
    for name in files:
        new(f"{at.get(path, path)}/{name}", bytes(PAGE))


def name(path):
    return at.get(path, path)


def sized(path, bytes):
    """Makes a file that long, with a hole at its end."""
    with open(full(path), "ab") as file:
        file.truncate(bytes)


def segment(path, number, bytes):
    new(f"{name(path)}.{number}")
    sized(f"{name(path)}.{number}", bytes)


def other_version(damaged=True):
    folder(f"{at['link']}/PG_99_209912311/16384", "16385")
    write(f"{at['link']}/PG_99_209912311/16384/16385", 0, b"nothing of this version" * 99)


def overwrite_pointers(path, block, first=0, count=20):
    """Points line pointers to impossible places, and gives the page its right checksum."""
    page = read(path, block)
    for number in range(first, first + count):
        page[24 + 4 * number : 28 + 4 * number] = bytes([0x13 + number, 0xA5, 0x37, 0x01])
    write(path, block, checksum(page, block))


def move_in(path):
    """Puts the folder that a link leads to in its place."""
    target = os.readlink(full(path))
    os.remove(full(path))
    shutil.copytree(target, full(path), symlinks=True)
    os.system(f"chown -R --reference='{data}' '{full(path)}'")


def fifo(path):
    os.mkfifo(full(path))


def listen(path):
    where = os.getcwd()
    os.chdir(os.path.dirname(full(path)))
    socket.socket(socket.AF_UNIX).bind(os.path.basename(full(path)))
    os.chdir(where)


def of_app(file):
    return f"{at['app']}/{file}"


D = Damage
DAMAGES = [
    D("another version's folder in a tablespace", other_version, others=1),
    D("another version's folder alone in a tablespace",
      both(other_version, lambda: remove("own")), findings=["own"], maybe=[r"pg_tblspc/.*"]),
    D("an empty tablespace", lambda: remove("own"), findings=["own"], maybe=[r"pg_tblspc/.*"]),
    D("a tablespace's link that leads nowhere", lambda: shutil.rmtree(space), findings=["link"],
      maybe=[r"pg_tblspc/.*"]),
    D("a tablespace's link removed", lambda: remove("link"), findings=[r"pg_tblspc/.*"]),
    D("a tablespace's link to itself", both(lambda: remove("link"), lambda: link("link", full("link"))),
      findings=["link"], maybe=[r"pg_tblspc/.*"]),
    D("a tablespace's link to a file", both(lambda: remove("link"), lambda: link("link", "/etc/hosts")),
      findings=["link"], maybe=[r"pg_tblspc/.*"]),
    D("a tablespace in place", lambda: move_in("link"), states=("clean", "crashed")),
    D("a link that is no tablespace's, to an empty folder",
      lambda: (folder("pg_notify/none"), link("pg_tblspc/77777", full("pg_notify/none"))), findings=[r"pg_tblspc/77777/.*"]),
    D("a file among tablespaces", lambda: new("pg_tblspc/99999"), findings=["pg_tblspc/99999"]),
    D("another name among tablespaces", lambda: new("pg_tblspc/notes.txt"), others=1),
    D("a table that is a link that leads nowhere",
      both(lambda: remove("plain"), lambda: link("plain", "/nowhere")), findings=["plain"]),
    D("a table that is a link to itself",
      both(lambda: remove("plain"), lambda: link("plain", full("plain"))), findings=["plain"]),
    D("a table that is a folder", both(lambda: remove("plain"), lambda: folder("plain")),
      findings=["plain"]),
    D("a table that is a pipe", both(lambda: remove("plain"), lambda: fifo("plain")),
      findings=["plain"]),
    D("a table that is a link to its file elsewhere",
      lambda: (shutil.move(full("plain"), space + "/moved"), link("plain", space + "/moved")),
      others=1),
    D("a file among databases", lambda: new("base/778"), findings=["base/778"]),
    D("a folder with a leading zero", lambda: folder("base/0777", "16384"), others=1),
    D("a folder with a sign", lambda: folder("base/+5", "16384"), others=1),
    D("a folder of no database", lambda: folder("base/99999", "16384", "PG_VERSION")),
    D("a folder of no database with a damaged page",
      both(lambda: folder("base/99999", "16384"),
           lambda: write("base/99999/16384", 0, b"x" * PAGE)),
      findings=[("base/99999/16384", [0])], states=("clean",)),
    D("a database's folder linked from another name",
      lambda: link("base/99999", full("app"))),
    D("databases linked into themselves", lambda: link("base/99999", full("base")),
      findings=[r"base/99999/\d+"]),
    D("an unreadable database", lambda: os.chmod(full("postgres"), 0), findings=["postgres"],
      user=True, states=("clean", "crashed")),
    D("a database that is a link to itself", both(lambda: remove("postgres"),
      lambda: link("postgres", full("postgres"))), findings=["postgres"]),
    D("an unreadable version of a database", lambda: os.chmod(full("base/1/PG_VERSION"), 0),
      findings=["base/1/PG_VERSION"], user=True, states=("clean", "crashed")),
    D("an unreadable table", lambda: os.chmod(full("plain"), 0), findings=["plain"], user=True,
      states=("clean", "crashed")),
    D("an unreadable tablespace", lambda: os.chmod(space, 0), findings=["link"],
      maybe=[r"pg_tblspc/.*"], user=True, states=("clean", "crashed")),
    D("an unreadable folder of no name", both(lambda: folder("base/lost+found"),
      lambda: os.chmod(full("base/lost+found"), 0)), user=True, others=1, states=("clean",)),
    D("foreign files", lambda: [new(of_app(one), b"x") for one in
      ("notes.txt", "016384", "16384.01", "16384_old", "+16384", "16384.1.2", "16384_fsm.x")],
      others=7),
    D("pipes and sockets among files",
      lambda: (fifo(of_app("pipe")), fifo("base/pipe"), fifo("pipe"), listen(of_app("socket"))),
      others=3),
    D("a pipe with a file's number", lambda: fifo(of_app("77777")),
      findings=[lambda: of_app("77777")]),
    D("a socket with a file's number", lambda: listen(of_app("77778")),
      findings=[lambda: of_app("77778")]),
    D("a copy of a table that no catalog names",
      lambda: shutil.copy(full("plain"), full(of_app("900000")))),
    D("whole segments", both(lambda: sized("other", SEGMENT), lambda: segment("other", 1, 3 * PAGE)),
      zeroes=("other", range(1000, SEGMENT // PAGE))),
    D("an empty later segment", lambda: segment("other", 1, 0)),
    D("a first segment removed", both(lambda: remove("other"), lambda: segment("other", 1, SEGMENT)),
      findings=["other"]),
    D("a first segment cut", both(lambda: sized("other", 1000 * PAGE),
      lambda: segment("other", 1, SEGMENT)), findings=["other"]),
    D("a middle segment missing", both(lambda: sized("other", SEGMENT),
      lambda: segment("other", 2, 3 * PAGE)), findings=[lambda: name("other") + ".1"]),
    D("a middle segment short", both(lambda: sized("other", SEGMENT),
      lambda: segment("other", 1, 100 * PAGE), lambda: segment("other", 2, 3 * PAGE)),
      findings=[lambda: name("other") + ".1"]),
    D("a middle segment empty", both(lambda: sized("other", SEGMENT),
      lambda: segment("other", 1, 0), lambda: segment("other", 2, 3 * PAGE)),
      findings=[lambda: name("other") + ".1"]),
    D("a segment too long", lambda: sized("other", SEGMENT + PAGE), findings=["other"]),
    D("a segment's number out of range", lambda: new(name("plain") + ".4294967295", bytes(PAGE)),
      findings=[lambda: name("plain") + ".4294967295"]),
    D("a segment's number beyond numbers", lambda: new(name("plain") + ".4294967296"), others=1),
    D("a table removed", lambda: remove("plain"), findings=["plain"]),
    D("a table removed with its maps", lambda: [remove(name("plain") + fork) for fork in
      ("", "_fsm", "_vm")], findings=["plain"]),
    D("a table emptied", lambda: cut("plain", 0), findings=["plain"]),
    D("a table cut", lambda: cut("plain", 100 * PAGE), findings=["plain"]),
    D("a table cut within a block", lambda: cut("plain", 100 * PAGE + 5000), findings=["plain"]),
    D("a table in a tablespace removed", lambda: remove("away"), findings=["away"]),
    D("an index removed", lambda: remove("plain_gin"), findings=["plain_gin"]),
    D("an index emptied", lambda: cut("plain_btree", 0), findings=["plain_btree"]),
    D("a sequence emptied", lambda: cut("counter", 0), findings=["counter"]),
    D("values out of line removed", lambda: remove("values"), findings=["values"],
      maybe=[lambda: at["long"]]),
    D("maps removed", lambda: [remove(name("plain") + fork) for fork in ("_fsm", "_vm")]),
    D("a free space map cut", lambda: cut(name("plain") + "_fsm", PAGE)),
    D("a free space map cut within a block", lambda: cut(name("plain") + "_fsm", PAGE + 77),
      findings=[lambda: name("plain") + "_fsm"]),
    D("a visibility map cut within a block", lambda: cut(name("plain") + "_vm", 5000),
      findings=[lambda: name("plain") + "_vm"]),
    D("a visibility map emptied", lambda: cut(name("plain") + "_vm", 0)),
    D("a visibility map that is a heap's",
      lambda: shutil.copyfile(full("plain"), full(name("plain") + "_vm")),
      findings=[lambda: name("plain") + "_vm"], maybe=[lambda: at["plain"]]),
    D("an init fork removed", lambda: remove(name("unlogged") + "_init"),
      findings=[lambda: name("unlogged") + "_init"]),
    D("a database removed", lambda: remove("base/1"), findings=["base/1"]),
    D("a database's version removed", lambda: remove("base/1/PG_VERSION"),
      findings=["base/1/PG_VERSION"]),
    D("a database replaced by a file", both(lambda: remove("postgres"), lambda: new("postgres")),
      findings=["postgres"]),
    D("all databases removed", lambda: remove("base"), findings=["base"],
      maybe=[r"base/\d+", r"pg_.*"]),
    D("a page of zeroes in a table", lambda: write("plain", 20, bytes(PAGE)),
      zeroes=("plain", [20])),
    D("a page of zeroes in an index", lambda: write("plain_btree", 5, bytes(PAGE)),
      zeroes=("plain_btree", [5])),
    D("pages of zeroes appended", lambda: sized("other", size("other") + 3 * PAGE),
      zeroes=("other", [])),
    D("an index's page in a table", lambda: write("plain", 10, read("plain_btree", 10)),
      findings=[("plain", [10])]),
    D("a table's page in an index", lambda: write("plain_btree", 10, read("plain", 10)),
      findings=[("plain_btree", [10])]),
    D("an index's first page in a table", lambda: write("plain", 0, read("plain_btree", 0)),
      findings=[("plain", [0])]),
    D("pages of two kinds of index swapped", lambda: swap("plain_gist", "plain_hash", 4),
      findings=[("plain_gist", [4]), ("plain_hash", [4])]),
    D("pages of two B-trees swapped", lambda: swap("plain_btree", "plain_other", 5),
      findings=[("plain_btree", [5]), ("plain_other", [5])], options=["--deep"]),
    D("a page of a B-tree in another one's place",
      lambda: write("plain_btree", 5, checksum(read("plain_btree", 9), 5)),
      findings=[("plain_btree", [5])], options=["--deep"], states=("clean",)),
    D("two pages of a B-tree swapped",
      lambda: (lambda one, two: (write("plain_btree", 5, checksum(two, 5)), write("plain_btree", 9,
      checksum(one, 9))))(read("plain_btree", 5), read("plain_btree", 9)),
      findings=[("plain_btree", [5, 9])], options=["--deep"], states=("clean",)),
    D("a page of GIN in SP-GiST", lambda: write("plain_spgist", 2, read("plain_gin", 2)),
      findings=[("plain_spgist", [2])]),
    D("a table's page in BRIN", lambda: write("plain_brin", 2, read("plain", 2)),
      findings=[("plain_brin", [2])]),
    D("a sequence's page in a table", lambda: write("plain", 0, read("counter", 0)),
      findings=[("plain", [0])]),
    D("a table's page in a sequence", lambda: write("counter", 0, read("plain", 0)),
      findings=[("counter", [0])]),
    D("a table's page in a free space map", lambda: write(name("plain") + "_fsm", 1, read("plain", 1)),
      findings=[(lambda: name("plain") + "_fsm", [1])]),
    D("a map's page in a table", lambda: write("plain", 1, read(name("plain") + "_fsm", 1)),
      findings=[("plain", [1])]),
    D("an index that is a table", lambda: shutil.copyfile(full("other"), full("plain_btree")),
      findings=["plain_btree"]),
    D("a table that is an index", lambda: shutil.copyfile(full("plain_btree"), full("other")),
      findings=["other"]),
    D("two pages of a table swapped", lambda: (lambda one, two: (write("plain", 3, two),
      write("plain", 7, one)))(read("plain", 3), read("plain", 7)), findings=[("plain", [3, 7])]),
    D("half a page from another one", lambda: write("plain", 9, read("plain", 8)[:4096]),
      findings=[("plain", [9])]),
    D("a page of zeroes behind its header", lambda: write("plain", 9, bytes(PAGE - 24), 24),
      findings=[("plain", [9])]),
    D("a page with a header of zeroes", lambda: write("plain", 9, bytes(24)),
      findings=[("plain", [9])]),
    D("a page of 0xFF", lambda: write("plain", 9, b"\xFF" * PAGE), findings=[("plain", [9])]),
    D("six bytes inserted", lambda: insert("plain", 5 * PAGE + 100, b"xxxxxx"), findings=["plain"]),
    D("line pointers overwritten", lambda: overwrite_pointers("plain", 6),
      findings=[("plain", [6])], options=["--deep"]),
    D("line pointers overwritten in an index", lambda: overwrite_pointers("plain_btree", 6),
      findings=[("plain_btree", [6])], options=["--deep"]),
    D("line pointers overwritten in a catalog", lambda: overwrite_pointers("pg_proc", 6),
      findings=[("pg_proc", [6])], options=["--deep"]),
    D("a page of zeroes in values out of line", lambda: write("values", 9, bytes(PAGE)),
      findings=["long"], options=["--deep"], code=(1,), states=("clean",)),
    D("a page of values out of line swapped with another one's",
      lambda: write("values", 9, checksum(read("values", 30), 9)),
      findings=["long"], options=["--deep"], maybe=[lambda: at["values"]], states=("clean",)),
    D("another table's page", lambda: write("plain", 9, read("other", 9)),
      findings=[("plain", [9])], options=["--deep"]),
    D("a control file cut", lambda: cut("global/pg_control", 100), findings=["global/pg_control"]),
    D("a control file emptied", lambda: cut("global/pg_control", 0),
      findings=["global/pg_control"]),
    D("a control file removed", lambda: remove("global/pg_control"),
      findings=["global/pg_control"]),
    D("a control file changed", lambda: write("global/pg_control", 0, b"\x77", 60),
      findings=["global/pg_control"]),
    D("a map of file numbers removed", lambda: remove(of_app("pg_filenode.map")),
      findings=[lambda: of_app("pg_filenode.map")]),
    D("a map of file numbers changed", lambda: write(of_app("pg_filenode.map"), 0, b"\x77", 14),
      findings=[lambda: of_app("pg_filenode.map")]),
    D("the version removed", lambda: remove("PG_VERSION"), findings=["PG_VERSION"]),
    D("the version of another one", lambda: new("PG_VERSION", b"12\n"), findings=["PG_VERSION"]),
    D("a log of outcomes removed", lambda: remove("pg_xact/0000"), findings=["pg_xact/0000"]),
    D("the write-ahead log removed", lambda: [remove(f"pg_wal/{one}") for one in
      os.listdir(full("pg_wal")) if len(one) == 24], findings=[r"pg_wal/.*"]),
    D("the list of databases removed", lambda: remove("pg_database"), findings=["pg_database"]),
    D("the list of databases emptied", lambda: cut("pg_database", 0), findings=["pg_database"]),
    D("a page of the list of databases", lambda: write("pg_database", 0, b"?" * 50, 4000),
      findings=[("pg_database", [0])]),
    D("a page of the list of relations", lambda: write("pg_class", 3, b"?" * 50, 4000),
      findings=[("pg_class", [3])]),
    D("the list of relations removed", lambda: remove("pg_class"), findings=["pg_class"]),
    D("the list of columns removed", lambda: remove("pg_attribute"), findings=["pg_attribute"]),
    D("a page of zeroes in the list of relations", lambda: write("pg_class", 3, bytes(PAGE)),
      zeroes=("pg_class", [3]), code=(0, 2)),
]
