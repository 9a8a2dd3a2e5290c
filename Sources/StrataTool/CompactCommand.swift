internal import ArgumentParser
internal import AsyncIO
internal import Strata

/// `strata compact`
struct CompactCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compact",
        abstract: "Return unused space in relations' files to the file system.",
        discussion: """
            Writing to compressed relations leaves holes in their files, which later writes \
            fill. This command moves what follows the holes into them, and shortens the files, \
            and so it does with those of a relation's toast relation. \
            An interruption or a crash does no harm. Relations that cannot be compacted are named \
            on standard error, the others are compacted, and the exit code is then 1.
            """)

    @OptionGroup var storeArguments: StoreArguments

    @Option(
        help: ArgumentHelp(
            "Compact only this relation; can be given several times.", valueName: "name"),
        transform: TextArgument.plain)
    var relation: [String] = []

    func run() throws {
        try storeArguments.withStore(creating: false, isDone: true) { engine in
            let session = try engine.makeSession()
            defer { session.close() }
            var failures = Failures()
            // A toast relation is compacted together with its owner.
            let all = engine.relations.filter { $0.toastOwner == nil }.map(\.name)
            for name in relation.isEmpty ? all : relation {
                do throws(StorageError) { try compact(name, of: engine, session) } catch {
                    if error.concernsWholeStore { throw error }
                    failures.note("could not compact \(name): \(error)")
                }
            }
            try failures.finish()
        }
    }

    private func compact(_ name: String, of engine: Engine, _ session: Session)
        throws(StorageError)
    {
        let names = [name] + (engine.description(of: name)?.toastRelation.map { [$0] } ?? [])
        let before = try size(of: names, engine)
        let moved = try engine.compact(relation: name, session: session)
        let after = try size(of: names, engine)
        printLine(
            "compacted \(name): \(Wording.size(Double(before))) became"
                + " \(Wording.size(Double(after))), \(Wording.size(Double(moved))) were moved")
    }

    /// How much the files of some relations take.
    private func size(of names: [String], _ engine: Engine) throws(StorageError) -> Int {
        var size = 0
        for name in names { size += try engine.space(ofRelation: name).fileBytes }
        return size
    }
}
