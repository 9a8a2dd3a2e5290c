/// Stops the process unless a condition holds, with a sentence on standard error. Any thread.
///
/// For what only a mistake in the calling program can bring about, in calls that cannot throw. In a
/// release build `precondition` stops without a word; this says in every build what is wrong. What
/// data or the environment can bring about is an error to be thrown instead. Costs one compare.
///
/// - Parameters:
///   - condition: what must hold.
///   - sentence: what is wrong otherwise, for the program's author.
///   - file: where the check stands.
///   - line: the same.
@inlinable @inline(__always)
public func insist(
    _ condition: Bool, _ sentence: @autoclosure () -> String, file: StaticString = #fileID,
    line: UInt = #line
) {
    if condition { return }
    fatalError(sentence(), file: file, line: line)
}
