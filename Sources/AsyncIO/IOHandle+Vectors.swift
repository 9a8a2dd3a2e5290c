public import Threads

extension IOHandle {
    /// Calls `body` with the memory that the IO will read into or write from, so that a layer can
    /// check it before starting the IO. The vectors are valid during the call.
    @unsafe
    public func withVectors<Result>(_ body: (UnsafeBufferPointer<iovec>) -> Result) -> Result {
        unsafe body(
            UnsafeBufferPointer(
                start: storage.pointee.vectors, count: storage.pointee.definition.vectorCount))
    }
}
