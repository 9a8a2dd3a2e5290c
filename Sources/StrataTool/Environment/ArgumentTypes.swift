internal import ArgumentParser
internal import SystemPackage

/// A path on the command line: exactly the bytes that were given, and not none.
struct PathArgument: ExpressibleByArgument, CustomStringConvertible {
    let path: FilePath

    init?(argument: String) {
        if argument.isEmpty { return nil }
        let bytes = ArgumentBytes.bytes(argument).map { CChar(bitPattern: $0) }
        path = FilePath(platformString: bytes + [0])
    }

    var description: String { path.string }
}

/// Other arguments.
enum TextArgument {
    /// Text as it was given.
    ///
    /// - Throws: an error of the parser's for bytes that are not UTF-8, of which no name and no
    ///   value can consist.
    static func plain(_ argument: String) throws -> String {
        if ArgumentBytes.hasInvalidBytes(argument) { throw ValidationError("it is not UTF-8") }
        return argument
    }
}
