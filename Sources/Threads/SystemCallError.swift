/// A system call that failed. Higher modules say what the failure means for their callers.
package struct SystemCallError: Error {
    /// The call's `errno`.
    package let errorNumber: CInt
}
