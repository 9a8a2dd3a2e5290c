/// A system call that failed. Modules above say what it means for their callers.
package struct SystemCallError: Error {
    /// The call's `errno`.
    package let errorNumber: CInt
}
