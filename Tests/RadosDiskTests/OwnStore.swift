#if RADOS
    import AsyncIO
    import Logging
    import RadosStore
    import StorageManager
    import StorageTesting
    import Strata
    import Testing

    @testable import RadosDisk

    /// A store in a cluster whose engine can fall silent, like one whose process died.
    struct OwnStore {
        let home: RadosHome
        let engine: Engine

        static func options(_ method: TestedMethod = TestedMethod(.synchronous)) -> EngineOptions {
            var options = EngineOptions()
            options.ioMethod = method.choice
            options.poolBytes = 64 * blockSize
            options.maximumSessions = 4
            options.combineLimit = 4
            options.logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
            return options
        }

        init(_ place: RadosConfiguration, _ method: TestedMethod) throws {
            var options = Self.options(method)
            let home = try RadosHome(place, access: .readWrite, logger: options.logger)
            options.fileSystem = home
            options.defaultManagerName = "rados"
            options.storageManagers = [
                StorageManagerPlugin(id: StorageManagerID(rawValue: 8), name: "rados") {
                    context throws(StorageError) in
                    try RadosDisk(system: context.system, home: home)
                }
            ]
            engine = try Engine.open("own", options: options)
            self.home = home
        }

        func fallSilent() { home.space.lock?.answers.stop() }
    }

    extension Engine {
        func findings(_ session: Session) throws -> [String] {
            var findings: [String] = []
            _ = try verify(
                session: session,
                observer: VerificationObserver(finding: { findings.append("\($0)") }))
            return findings
        }
    }

    extension Relation {
        /// How many pages have their own contents; the others must be zeroes.
        func wholePages(_ session: Session) throws -> Int {
            var count = 0
            var pages = scan(session: session)
            while let page = try pages.next() { count += try page.isFilled(pageKind) ? 1 : 0 }
            return count
        }
    }

    extension PinnedPage {
        private static func byte(_ block: UInt32, _ offset: Int) -> UInt8 {
            1 | UInt8(truncatingIfNeeded: Int(block) &* 3 &+ offset &* 7)
        }

        /// Fills the page with contents of its block's own.
        func fill(_ kind: PageKind) throws {
            let block = block.rawValue
            guard kind != .postgres else {
                return try withEditor { editor in
                    var row = HeapTupleBuilder(layout: [.int64])
                    editor.initialize()
                    row.begin()
                    row.append(Int64(block))
                    _ = try row.place(on: &editor, block: block)
                }
            }
            withExclusiveLock { bytes in
                for offset in kind.headerSize..<blockSize {
                    bytes.storeBytes(
                        of: Self.byte(block, offset), toByteOffset: offset, as: UInt8.self)
                }
            }
        }

        /// Whether the page has the contents of its block, rather than zeroes.
        func isFilled(_ kind: PageKind) throws -> Bool {
            let block = block.rawValue
            guard kind != .postgres else {
                return try withView { view in
                    guard !view.isNew, let row = try view.tuple(1) else { return false }
                    var decoder = HeapTupleDecoder(layout: [.int64])
                    try decoder.decode(row)
                    return try decoder.integer(0, of: row, as: Int64.self) == Int64(block)
                }
            }
            if withView({ $0.isAllZero }) { return false }
            return withSharedLock { bytes in
                let isWhole = (kind.headerSize..<blockSize).allSatisfy { offset in
                    bytes.unsafeLoad(fromByteOffset: offset, as: UInt8.self)
                        == Self.byte(block, offset)
                }
                #expect(isWhole, "block \(block) is torn")
                return isWhole
            }
        }
    }
#endif
