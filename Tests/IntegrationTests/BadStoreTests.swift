import Foundation
import RelationLoader
import Strata
import Testing

/// Stores that cannot be used, and systems with too few resources.
@Suite("strata: bad stores")
struct BadStoreTests {
    let store = CommandStore()

    /// The files of the store's relations, in order of their names.
    private func relationFiles() throws -> [String] {
        try FileManager.default.subpathsOfDirectory(atPath: "\(store.path)/base")
            .map { "\(store.path)/base/\($0)" }
            .filter { Int($0.split(separator: "/").last?.split(separator: ".")[0] ?? "") != nil }
            .filter { !isDirectory($0) }
            .sorted()
    }

    private func isDirectory(_ path: String) -> Bool {
        var answer: ObjCBool = false
        return FileManager.default.fileExists(atPath: path, isDirectory: &answer)
            && answer.boolValue
    }

    private func change(_ path: String, at offset: UInt64, to bytes: [UInt8]) throws {
        let file = try FileHandle(forUpdating: URL(filePath: path))
        try file.seek(toOffset: offset)
        try file.write(contentsOf: bytes)
        try file.close()
    }

    @Test("A missing store, or a directory that is not a store")
    func noStore() throws {
        let missing = try Command.run("scan", "--store", store.path, "--relation", "t")
        #expect(missing.status == 1)
        #expect(missing.errors.contains("there is no store"), "\(missing)")

        _ = try store.file("letter.txt", "Dear reader")
        for command in ["scan", "load -"] {
            let other = try Command.shell(
                "$strata \(command) --store \(Command.quoted(store.folder)) --relation t",
                "a\n1\n")
            #expect(other.status == 1)
            #expect(other.errors.contains("not a"), "\(other)")
        }
        let file = try Command.run(
            "load", "-", "--store", "\(store.folder)/letter.txt", "--relation", "t",
            input: "a\n1\n")
        #expect(file.status == 1, "\(file)")
        let deep = try Command.run(
            "load", "-", "--store", "\(store.folder)/none/store", "--relation", "t",
            input: "a\n1\n")
        #expect(deep.status == 1, "\(deep)")
        #expect(Command.text("\(store.folder)/letter.txt") == "Dear reader")
    }

    @Test("A store that cannot be written to")
    func readOnly() throws {
        try store.load("a\n1\n")
        // Permissions do not restrict the superuser.
        let other = getuid() == 0 ? "setpriv --reuid 65534 --regid 65534 --clear-groups" : ""
        let result = try Command.shell(
            """
            chmod -R a+rX,a-w \(Command.quoted(store.path)) && chmod a+x .. \
            \(Command.quoted(store.folder))
            cp "$strata" \(Command.quoted(store.folder))/tool
            \(other) \(Command.quoted(store.folder))/tool load - \
            --store \(Command.quoted(store.path)) --relation u
            code=$?
            chmod -R u+w \(Command.quoted(store.path))
            exit $code
            """, "a\n1\n")
        #expect(result.status == 1, "\(result)")
        #expect(result.errors.contains("Give this user write permission"), "\(result)")
        #expect(try store.scan() == "a\n1\n")
    }

    @Test("A running load locks the store, and killing the load frees it")
    func locked() throws {
        try store.load("a\n1\n")
        let result = try Command.shell(
            """
            mkfifo pipe
            $strata load pipe --store \(Command.quoted(store.path)) --relation u \
                --schema 'a integer' &
            load=$!
            exec 3>pipe
            # The load opens the store once it has looked at the first 64 KiB.
            echo a >&3; yes 1 | head -n 50000 >&3
            tries=0
            # A scan would keep it from opening the store.
            until grep -qx "$load" \(Command.quoted(store.path))/strata.lock; do
                tries=$((tries + 1)); [ $tries -lt 600 ] || break
                sleep 0.1
            done
            tries=0
            while $strata scan --store \(Command.quoted(store.path)) --relation t >rows 2>why; do
                tries=$((tries + 1)); [ $tries -lt 200 ] || break
            done
            cat why >&2
            kill -9 $load; wait $load 2>/dev/null
            $strata scan --store \(Command.quoted(store.path)) --relation t
            """)
        #expect(result.status == 0, "\(result)")
        #expect(result.output == "a\n1\n")
        #expect(result.errors.contains("is in use by process"), "\(result)")
    }

    @Test(
        "A damaged page ends a scan with an error that names it, after the rows before it",
        arguments: [false, true])
    func damagedPage(_ json: Bool) throws {
        let rows = (1...3000).map { "\($0),row number \($0)\n" }
        try store.load("n,t\n" + rows.joined())
        let path = try #require(try relationFiles().last)
        try change(path, at: 5 * 8192 + 4000, to: Array("damage".utf8))
        let scan = try Command.run(
            "scan", "--store", store.path, "--relation", "t", "--format", json ? "json" : "csv")
        #expect(scan.status == 1)
        #expect(scan.errors.contains("block 5"), "\(scan.errors)")
        let lines = scan.output.split(separator: "\n")
        #expect(lines.count > 500 && lines.count < 3000)
        if !json { #expect(("n,t\n" + rows.joined()).hasPrefix(scan.output)) }
        // An append need not read it.
        let append = try Command.run(
            "load", "-", "--store", store.path, "--relation", "t", "--append",
            input: "n,t\n3001,more\n")
        #expect(append.status == 0, "\(append)")
    }

    @Test("A missing segment in the middle")
    func missingSegment() throws {
        var options = EngineOptions()
        options.createdSegmentBlocks = 4
        options.ioMethod = .synchronous
        let text = "n,t\n" + (1...4000).map { "\($0),row number \($0)\n" }.joined()
        do {
            let engine = try Engine.open(store.path, options: options)
            let summary = try RelationLoader.load(MemorySource(text), into: "t", of: engine)
            #expect(summary.rowCount == 4000)
            #expect(summary.pageCount > 16)
            try engine.close()
        }
        #expect(try store.scan() == text)
        let segment = try #require(try relationFiles().first { $0.hasSuffix(".2") })
        try FileManager.default.removeItem(atPath: segment)
        for arguments in [["scan"], ["load", "-", "--append"]] {
            let all = arguments + ["--store", store.path, "--relation", "t"]
            let result = try Command.shell(
                "exec $strata " + all.map(Command.quoted).joined(separator: " "), "n,t\n1,x\n")
            #expect(result.status == 1, "\(result)")
            #expect(result.errors.contains("has 8 of its"), "\(result.errors)")
        }
    }

    @Test("A full disk ends the load, and the store is unchanged")
    func fullDisk() throws {
        let rows = try store.file(
            "rows.csv", "n,t\n" + (1...200_000).map { "\($0),row number \($0)\n" }.joined())
        // A file system of a few MB, which disappears with its mount namespace.
        let result = try Command.shell(
            """
            mkdir disk
            unshare -rm sh -c '
                mount -t tmpfs -o size=6m tmpfs disk || exit 99
                printf "a\\n1\\n" | $0 load - --store disk/store --relation t >&2 || exit 98
                $0 load $1 --store disk/store --relation u; echo $?
                $0 load $1 --store disk/store --relation t --replace; echo $?
                printf "a\\n2\\n" | $0 load - --store disk/store --relation t --append >&2
                echo $?
                $0 scan --store disk/store --relation t
                du -s disk | cut -f 1
            ' "$strata" \(Command.quoted(rows))
            """)
        if result.status == 99 || result.errors.contains("unshare") {
            print("No small file system can be mounted here: \(result.errors)")
            return
        }
        let lines = result.output.split(separator: "\n").filter { !$0.hasPrefix("schema") }
        #expect(lines.prefix(6) == ["1", "1", "0", "a", "1", "2"], "\(result)")
        #expect(result.errors.contains("No space left on device"), "\(result)")
        #expect(try Int(#require(lines.last)).map { $0 < 1000 } == true, "\(result)")
    }

    @Test("32 descriptors are enough", arguments: LoadScanTests.methods)
    func fewDescriptors(_ method: String) throws {
        let text = "n,t\n" + (1...5000).map { "\($0),row number \($0)\n" }.joined()
        let result = try Command.shell(
            """
            ulimit -n 32
            $strata load - --store \(Command.quoted(store.path)) --relation t --io-method \
            \(method) \
            >&2 && $strata scan --store \(Command.quoted(store.path)) --relation t \
            --io-method \(method)
            """, text)
        if method == "io_uring" && result.errors.contains("io_uring") && result.status != 0 {
            #expect(result.errors.contains("io_uring"))
            print("io_uring does not run with 32 descriptors: \(result.errors)")
            return
        }
        #expect(result.status == 0, "\(result)")
        #expect(result.output == text)
    }
}
