internal import ArgumentParser
internal import AsyncIO
internal import BenchSuite
internal import Strata

extension BenchCase: ExpressibleByArgument {}

/// `strata bench`
struct BenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measure this machine, and Strata against it.",
        discussion: """
            Each case is measured in turns with its ceiling: the same work on the same bytes \
            without Strata. The table shows the medians of all rounds, with minimum and maximum. \
            The ratio is the median of the rounds' own ratios, and the bar is what it should \
            reach. The exit code tells whether measuring succeeded, not whether bars were met.

            hot/direct: pin, touch and unpin pages in the pool; against touching the same fields \
            with two atomic operations each. hot/stream: the same through a read stream; against \
            hot/direct. Both use few enough pages for the processor's caches.

            warm: read a relation from the kernel's cache into the pool, in order, verifying \
            checksums; against reading its file by 128 KiB into memory like the pool's and \
            computing the same checksums, on one thread. warm/threads: the same without Strata on \
            all cores, if the method uses them.

            touch: open an engine with a pool of memory that was never used, and fill the pool; \
            against filling it again. touch/open: only opening; against the first filling. memory: \
            what the pool takes besides its pages.

            cold/buffered, cold/direct: as warm, but nothing is cached; through the kernel's cache \
            and past it; against a plain io_uring with reads of the same size, as many in flight \
            as the stream had, and the same verification (without io_uring: against reading one \
            after the other). The rows with /cpu compare the time on all cores.

            random/N: single blocks in random order past the kernel's cache, at most N at a time; \
            against a plain io_uring with N at a time.

            device/random, device/sequential: read from a device that delays every IO by --latency \
            and executes --parallelism at a time, with default settings; against as many IOs as \
            the device allows (for neighbours, which are joined: against at most what one thread \
            can copy and verify). device/ramp: the number of blocks after which the stream first \
            had its highest number of reads in flight.

            write: change every page of a relation in the pool and write all of them, without \
            protection against torn pages; against writing its file by 128 KiB from copies with \
            the same checksums, on one thread, asking the kernel in the same way to begin writing. \
            write/checkpoint: the same, until it is durable. write/spread: change pages in the \
            pool during a checkpoint that is spread over time; against no checkpoint. \
            write/background: change the pages of a relation four times the pool's size at random, \
            with a background writer; against without. write/doublewrite: as write/checkpoint, \
            through the journal that protects against torn pages; against the same without, in \
            turns. write/atomicwrites: with writes that the disk performs whole or not at all, if \
            it can; against the same without, both past the kernel's cache.

            contend: several threads pin, touch and unpin at once; against one thread. \
            contend/atomics: two atomic operations on lines of their own, which shows the \
            machine's limit. contend/disjoint: on pages of their own. contend/hot: on the same \
            page. contend/optimistic: reading that page without pin and lock (alone, against with \
            them). contend/half: on random pages of a relation twice as large as the pool. \
            contend/parallelscan: a relation scanned together; -warm: from the kernel's cache.

            load/narrow, load/wide: load a CSV file, with rows of 60 bytes and of 1 kB, into a new \
            relation until it is durable; against reading the file and writing as many bytes as \
            the relation has. With --postgres also load/narrow/postgres and load/wide/postgres: \
            against PostgreSQL's COPY of the same file into a new unlogged table. The server must \
            be allowed to read files in --directory.

            compress/load: load the narrow file into a compressed relation, at level 1; against \
            loading it into plain files. compress/size: how many times smaller the relation is. \
            compress/warm: read the compressed relation from the kernel's cache into the pool; \
            against zstd alone decompressing the same frames on two threads (one for sync). \
            compress/cold: read it from a device of 250 MB/s; against plain files on that device. \
            compress/growth: change as many pages in random order as the relation has, with a pool \
            of an eighth of them; the file's greatest length, as a multiple of its contents; \
            against 1.6. compress/compacted: the length after compaction; against 1.3.

            soak: compress/growth and compress/compacted for a relation of --size bytes of pages \
            and --rewrites changes, followed by a verification of the relation. Not part of all.

            async/resident: a task awaits, touches and unpins pages in the pool; against a thread \
            that does the same without awaiting. async/device: 10,000 tasks on an executor read a \
            random block each from the device of case device; against a read stream of one thread \
            over as many. async/device/pool: the same with tasks on Swift's own threads. \
            async/latency: how long an executor takes to begin a new task while it scans the \
            relation, 99th percentile; against a millisecond. Fails if a call blocks a thread that \
            runs tasks. async/memory: what each of 10,000 waiting tasks takes beyond a sleeping \
            task, with a page each and all with one page; against 1024 bytes.

            growth: what operations cost at two sizes a factor of 8 apart: the power of the size \
            to which the cost on all cores grows, against 0.15 for what should not grow and 1.1 \
            for what does something for each relation; the last columns show the cost at the \
            larger size. growth/open, list, verify, close, replay (opening after a crash, with a \
            page of each relation in the journal): for each of --relations relations. \
            growth/checkpoint, change: a checkpoint with nothing to do, and a change of the \
            catalog, beside so many relations. growth/drop, load: the 50th and the 400th drop \
            since a checkpoint, and an unrelated load after it. growth/pool: beside a full pool of \
            128 MB and of 1 GB; pool/scan: a page of a single scan through a pool of half of \
            --size and of four times --size. growth/append: a load of one row; at-once: by one \
            thread, and by eight to a relation each. Not part of all.

            The data is made in a new directory below --directory and removed at the end. All data \
            read is checked. Results go to standard output, everything else to standard error.
            """)

    @Argument(help: ArgumentHelp("What to measure.", valueName: "case"))
    var benchCase: BenchCase

    @Option(
        help: ArgumentHelp(
            "How to read files: automatic, sync, worker, io_uring, or all for the last three.",
            valueName: "method"))
    var ioMethod = "automatic"

    @Option(help: ArgumentHelp("How many times to measure each case.", valueName: "number"))
    var rounds = 5

    @Flag(help: "Print one JSON object per line instead of the table.")
    var json = false

    @Option(
        help: ArgumentHelp("Draw the results into an SVG file.", valueName: "file"),
        transform: TextArgument.plain)
    var plot: String?

    @Option(
        help: ArgumentHelp(
            "For case device: the time per IO, in microseconds.",
            valueName: "microseconds"))
    var latency: UInt64 = 1000

    @Option(
        help: ArgumentHelp(
            "For case device: how many IOs it executes at a time.", valueName: "number"))
    var parallelism = 64

    @Option(
        help: ArgumentHelp("For case soak: how many pages to rewrite.", valueName: "number"))
    var rewrites = 200_000

    @Option(
        help: ArgumentHelp("For case growth: how many relations to make.", valueName: "number"))
    var relations = 10_000

    @Option(
        help: ArgumentHelp(
            "For case load: also measure the COPY of a PostgreSQL server on this machine, to"
                + " which psql connects.",
            valueName: "connection"),
        transform: TextArgument.plain)
    var postgres: String?

    @Option(help: ArgumentHelp("The amount of data, from 1MB.", valueName: "size"))
    var size = ByteSize(bytes: 256 << 20)

    @Option(
        help: ArgumentHelp(
            "Where to make the data; by default $TMPDIR or /tmp.", valueName: "directory"),
        transform: TextArgument.plain)
    var directory: String?

    func validate() throws {
        if ioMethod != "all" && IOMethodChoice.named(ioMethod) == nil {
            throw ValidationError(
                "There is no IO method \"\(ioMethod)\". Use automatic, sync, worker, io_uring or"
                    + " all.")
        }
        if !(1...10_000).contains(rounds) {
            throw ValidationError("--rounds must be from 1 to 10000, not \(rounds).")
        }
        if !(1...1_000_000).contains(latency) {
            throw ValidationError("--latency must be from 1 to 1000000, not \(latency).")
        }
        if !(1...1024).contains(parallelism) {
            throw ValidationError("--parallelism must be from 1 to 1024, not \(parallelism).")
        }
        if !(1...1_000_000_000).contains(rewrites) {
            throw ValidationError("--rewrites must be from 1 to 1000000000, not \(rewrites).")
        }
        if !(8...100_000).contains(relations) {
            throw ValidationError("--relations must be from 8 to 100000, not \(relations).")
        }
        if !BenchData.sizeLimits.contains(size.bytes) {
            throw ValidationError("--size must be from 1MB to 8TB, not \(size).")
        }
    }

    func run() throws {
        let interruption = Interruption()
        do throws(BenchFailure) {
            let folder = try BenchDirectory(
                in: directory, byteCount: diskBytes)
            defer {
                if !folder.remove() {
                    printMessage("strata: cannot remove \"\(folder.path)\"; remove it")
                }
            }
            sayWhatItTakes(folder)
            let data = try BenchData(
                in: folder, byteCount: size.bytes, logger: StandardErrorLog.logger(.warning),
                cancellation: interruption.cancellation)
            let device = DeviceModel(
                latencyNanoseconds: latency * 1000, parallelism: parallelism)
            try run(
                BenchPlan(
                    data: data, rounds: rounds, device: device, directory: folder.path,
                    rewrites: rewrites, relations: relations, postgres: postgres,
                    cancellation: interruption.cancellation
                ) { printMessage("strata: \($0)") })
        } catch {
            switch error {
            case .cancelled: throw interruption.exit()
            case .storage(let error): throw error
            }
        }
    }

    private func run(_ plan: BenchPlan) throws(BenchFailure) {
        var rows: [BenchRow] = []
        for method in try methods() {
            for single in benchCase.parts {
                let new = try single.measure(plan, method)
                if json { for row in new { printLine(row.json) } }
                rows += new
            }
        }
        if !json {
            ToolEnvironment.current.standardOutput.write(lines: BenchRow.table(rows))
        }
        if let plot {
            try BenchFailure.wrap { () throws(StorageError) in
                try BenchFile.save(BenchPlot.svg(rows), to: plot)
            }
        }
    }

    /// The methods to measure. `all` means those that can run here.
    private func methods() throws(BenchFailure) -> [IOMethodChoice] {
        guard ioMethod == "all" else { return [IOMethodChoice.named(ioMethod) ?? .automatic] }
        let methods: [IOMethodChoice] = [.synchronous, .worker]
        do throws(StorageError) {
            var configuration = IOConfiguration()
            configuration.method = .uring
            try IOSystem(configuration: configuration).shutdown()
            return methods + [.uring]
        } catch {
            printMessage("strata: io_uring is left out: \(error)")
            return methods
        }
    }

    private var diskBytes: Int {
        BenchData.diskBytes(
            size: size.bytes,
            loads: !Set(benchCase.parts).isDisjoint(with: [.load, .compress, .soak]),
            journals: benchCase.parts.contains(.write),
            relations: benchCase.parts.contains(.growth) ? relations : nil)
    }

    private func sayWhatItTakes(_ folder: borrowing BenchDirectory) {
        let disk = Wording.size(Double(diskBytes))
        let memory = Wording.size(Double(BenchData.memoryBytes(size: size.bytes)))
        printMessage(
            "strata: takes \(disk) of disk in \(folder.path) until it ends, and up to"
                + " \(memory) of memory; \(BenchClock.machineLoad)")
    }
}
