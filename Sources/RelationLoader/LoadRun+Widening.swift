import PageFormat
import RowText
import Strata
import ToastFormat

/// Beginning a load again with wider types.
///
/// An inferred type keeps every text exactly, so the rows so far are read from their own pages and
/// written to new ones; the source need not be read again, and may be a pipe.
extension LoadRun {
    /// Begins again with types that keep the reader's present record.
    ///
    /// - Returns: what follows: this record, or what ``sameRow()`` finds instead.
    mutating func widen(because failure: LoadError) throws(LoaderError) -> Next {
        let old = encoder.schema
        var wider = try text { (run) throws(SchemaError) in
            try TypeWidening.schema(from: old, keepingRecordOf: &run.reader) ?? old
        }
        stopWriting()
        var target = try LoaderError.storage { () throws(StorageError) in
            try pending.beginAgain(with: wider)
        }
        while true {
            clock.onWidening?(LoadWidening(cause: failure, old: old, schema: wider))
            var encoder = RowEncoder(schema: wider, movesValues: true)
            guard let column = try rewrite(old, to: target, &encoder) else {
                // Values that are stored already stay where they are.
                pending.passToast(to: target)
                pending.abort()
                pending = target
                self.encoder = encoder
                return try sameRow()
            }
            // Few numbers are written as `numeric` writes none.
            let narrow = wider
            wider = try text { (_) throws(SchemaError) in
                try TypeWidening.schema(from: narrow, withText: column)
            }
            let next = try LoaderError.storage { () throws(StorageError) in
                try target.beginAgain(with: wider)
            }
            target.abort()
            target = next
        }
    }

    private mutating func text(
        _ body: (inout LoadRun) throws(SchemaError) -> Schema
    ) throws(LoaderError) -> Schema {
        do throws(SchemaError) { return try body(&self) } catch {
            throw .text(LoadError(.schema(error), source: reader.sourceName))
        }
    }

    /// Writes the rows so far to a new load.
    ///
    /// - Returns: nil, or the first column of which a value has another text in its new type.
    private mutating func rewrite(
        _ old: Schema, to target: PendingLoad, _ encoder: inout RowEncoder
    ) throws(LoaderError) -> Int? {
        if pending.pageCount == 0 { return nil }
        var rewriter = RowRewriter(old, encoder.schema, reader.sourceName)
        var stream = pending.pages()
        var page = try Self.newPage(of: target)
        while let source = try LoaderError.storage({ () throws(StorageError) in
            try stream.next()
        }) {
            try clock.options.cancellation.check()
            rewriter.begin()
            while true {
                let block = page.block.rawValue
                let outcome = try source.withView { (view) throws(LoaderError) in
                    try page.withEditor { (editor) throws(LoaderError) in
                        try rewriter.copy(view, to: &editor, block, &encoder)
                    }
                }
                switch outcome {
                case .isDone: break
                case .isFull:
                    page = try Self.newPage(of: target)
                    continue
                case .changes(let column): return column
                case .isStored:
                    var values = ToastValues(
                        PooledToastPages(pending.toastLoad, of: pending.session))
                    if let column = try rewriter.encodeStored(&encoder, from: &values) {
                        return column
                    }
                    fallthrough
                case .isWide:
                    if encoder.movedCount > 0 {
                        try movedValues.store(&encoder, pending)
                    }
                    continue
                }
                break
            }
        }
        return nil
    }

    private static func newPage(of target: PendingLoad) throws(LoaderError) -> PinnedPage {
        let page = try LoaderError.storage { () throws(StorageError) in try target.nextPage() }
        page.withEditor { $0.initialize() }
        return page
    }
}
