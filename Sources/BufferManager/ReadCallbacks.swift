internal import AsyncIO
internal import Logging
internal import PageFormat
internal import StorageManager
internal import Synchronization

/// The buffer layer's part in a read.
///
/// The handle's data are the numbers of the buffers, in block order. The thread that first sees the
/// completion publishes a shared pool's pages; the issuing session publishes a local pool's.
/// Mirrors PostgreSQL's `aio_shared_buffer_readv_cb` and `aio_local_buffer_readv_cb`.
final class ReadCallbacks: IOCallbacks {
    private let pool: BufferPool

    init(pool: BufferPool) { self.pool = pool }

    /// Registers the callbacks of a pool.
    static func register(_ pool: BufferPool, _ system: IOSystem) throws(StorageError)
        -> IOCallbackID
    {
        try system.register(callbacks: ReadCallbacks(pool: pool))
    }

    var phases: IOCallbackPhases {
        pool.isLocal ? [.stage, .completeLocal] : [.stage, .completeShared]
    }

    func stage(_ io: borrowing IOView, registration: IOCallbackRegistration) {
        let reference = io.waitReference
        for position in 0..<io.dataCount {
            pool.buffer(Int(io.data(at: position))).becomeWaitable(
                reference, takingPin: true)
        }
    }

    func completeShared(
        _ io: borrowing IOView, prior: IOResult, registration: IOCallbackRegistration
    ) -> IOResult { complete(io, prior, registration) }

    func completeLocal(
        _ io: borrowing IOView, prior: IOResult, registration: IOCallbackRegistration
    ) -> IOResult { complete(io, prior, registration) }

    private func complete(
        _ io: borrowing IOView, _ prior: IOResult, _ registration: IOCallbackRegistration
    ) -> IOResult {
        let read: Int
        switch prior.status {
        case .ok, .partial, .warning: read = Int(prior.value)
        case .unknown, .error: read = 0
        }
        let options = ReadOptions(rawValue: registration.data)
        guard io.dataCount > 0 else { return prior }
        let first = pool.buffer(Int(io.data(at: 0)))
        let kind = first.withRecord { $0.pageKind(first.tag) }
        // Pages just copied are in the processor's caches. Pages that a device put into memory are
        // not, and fetching two at a time from there is slower than one after the other.
        let sumsPairs =
            kind == .postgres && pool.verifiesChecksums && io.flags.contains(.buffered)
        var report = DamageReport()
        var position = 0
        while position < io.dataCount {
            let index = Int(io.data(at: position))
            if sumsPairs, position + 1 < read {
                let next = Int(io.data(at: position + 1))
                let block = pool.buffer(index).tag.block.rawValue
                let sums = PageChecksum.compute(view(index), view(next), block: block)
                end(index, verify(index, sums.first, options), at: position, &report)
                end(next, verify(next, sums.second, options), at: position + 1, &report)
                position += 2
            } else {
                if position < read {
                    let isDoubtful = prior.status == .warning
                    end(
                        index, verify(index, kind, options, isDoubtful: isDoubtful), at: position,
                        &report)
                } else {
                    pool.buffer(index).endInput(valid: false, droppingPin: true)
                }
                position += 1
            }
        }
        if report.isClean { return prior }
        // The storage knows why these pages are damaged.
        if prior.status == .warning {
            return IOResult(
                report.invalid > 0 ? .error : .warning, value: prior.value,
                callbackID: prior.callbackID, errorData: prior.errorData)
        }
        return IOResult(
            report.invalid > 0 ? .error : .warning, value: prior.value,
            callbackID: registration.id, errorData: report.encoded)
    }

    private func end(
        _ index: Int, _ damage: Damage, at position: Int, _ report: inout DamageReport
    ) {
        if damage != .none { report.note(damage, at: position) }
        pool.buffer(index).endInput(valid: damage != .invalid, droppingPin: true)
    }

    /// The page of a buffer whose IO is about to end and owns the page until then.
    @_lifetime(borrow self)
    private func view(_ index: Int) -> PageView {
        unsafe PageView(unsafePage: UnsafeRawPointer(pool.address(index).pointer))
    }

    /// Looks at one page that was read, and does what the options say about damage.
    ///
    /// - Parameter isDoubtful: whether the storage has lost some of the pages that were read.
    private func verify(
        _ index: Int, _ kind: PageKind, _ options: ReadOptions, isDoubtful: Bool
    ) -> Damage {
        let tag = pool.buffer(index).tag
        if kind == .postgres {
            let checksum =
                pool.verifiesChecksums
                ? PageChecksum.compute(view(index), block: tag.block.rawValue) : nil
            return verify(index, checksum, options)
        }
        let locator = pool.buffer(index).withRecord { $0.locator }
        var found = kind.verify(
            view(index), at: locator.place(tag.fork, tag.block), checksums: true)
        if isDoubtful, kind == .raw, view(index).isLostFiller { found = .invalid(.lost) }
        let isWrongSum = if case .invalid(.wrongSeal) = found { true } else { false }
        let damage = judge(index, found, options, isWrongSum, hasGoodHeader: isWrongSum)
        if kind == .sealed {
            // The IO that is about to end owns the page.
            var editor = unsafe PageEditor(unsafePage: pool.address(index).pointer)
            SealedPage.removeSeal(&editor)
        }
        return damage
    }

    /// Looks at one of PostgreSQL's pages with its checksum; nil if the store keeps none.
    private func verify(_ index: Int, _ checksum: UInt16?, _ options: ReadOptions) -> Damage {
        let view = view(index)
        let found = view.verify(computed: checksum)
        if case .valid = found { return .none }
        let isWrongSum = !found.isUsable && checksum.map { $0 != view.storedChecksum } ?? false
        return judge(
            index, found, options, isWrongSum, hasGoodHeader: view.header.fault == nil)
    }

    /// Does what the options say about a page that is not valid. Counts a wrong checksum, and names
    /// the page in the log.
    private func judge(
        _ index: Int, _ found: PageVerification, _ options: ReadOptions, _ isWrongSum: Bool,
        hasGoodHeader: Bool
    ) -> Damage {
        switch found {
        case .valid: return .none
        case .new: if !hasLostContent(index) { return .none }
        case .invalid: break
        }
        if isWrongSum { countChecksumFailure(index) }
        let ignores = isWrongSum && options.contains(.ignoresChecksumFailures)
        let damage: Damage
        if ignores, hasGoodHeader {
            damage = .ignored
        } else if options.contains(.zeroesDamagedPages) {
            damage = .zeroed(ignoresChecksum: ignores)
        } else {
            damage = .invalid
        }
        note(index, found, damage)
        if case .zeroed = damage {
            unsafe pool.address(index).bytes.initializeMemory(as: UInt8.self, repeating: 0)
        }
        return damage
    }

    private func countChecksumFailure(_ index: Int) {
        pool.checksumFailures.add(1, ordering: .relaxed)
        pool.buffer(index).withRecord { record in
            _ = record.checksumFailures.add(1, ordering: .relaxed)
        }
    }

    /// Names one damaged page in the log; the issuer's report has the first one and their number.
    private func note(_ index: Int, _ found: PageVerification, _ damage: Damage) {
        let (buffer, treatment) = (pool.buffer(index), "\(damage)".prefix { $0 != "(" })
        let tag = buffer.tag
        let locator = buffer.withRecord { $0.locator }
        let fault = if case .invalid(let reason) = found { "\(reason)" } else { "it is all zeroes" }
        pool.logger.debug(
            "block \(tag.block) of relation \"\(locator)\(tag.fork.suffix)\" is damaged: \(fault)",
            metadata: ["page": "\(treatment)"])
    }

    /// Whether a page that is all zeroes cannot be so.
    private func hasLostContent(_ index: Int) -> Bool {
        let buffer = pool.buffer(index)
        let tag = buffer.tag
        guard tag.fork == .main else { return false }
        return buffer.withRecord { $0.filledEnd.load(ordering: .acquiring) > tag.block.rawValue }
    }

    func report(_ result: IOResult, targetData: IOTargetData) -> StorageError {
        DamageReport(result).error(RelationLabel(targetData))
    }
}
