internal import AsyncIO
internal import FileAccess

extension VirtualFile {
    /// Writes all bytes, from `offset` on.
    ///
    /// - Throws: the kernel's error for the first byte that it does not take; the bytes before it
    ///   may be in the file.
    func writeFully(_ bytes: RawSpan, at offset: Int64) throws(StorageError) {
        var done = 0
        while done < bytes.byteCount {
            let rest = bytes.extracting(done..<bytes.byteCount)
            let count = try write(rest, at: offset + Int64(done))
            guard count > 0 else {
                throw StorageError(
                    .fileWriteFailed,
                    "could not write file \"\(path)\": wrote only \(done) of \(bytes.byteCount)"
                        + " bytes",
                    remedy: StorageError.shortWriteRemedy,
                    at: StorageError.Location(path: path))
            }
            done += count
        }
    }
}
