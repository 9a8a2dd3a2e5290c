internal import ArgumentParser
internal import FileAccess
internal import SystemPackage

/// A path on the command line: exactly the given bytes, and not empty.
struct PathArgument: ExpressibleByArgument, CustomStringConvertible {
    let path: FilePath

    init?(argument: String) {
        if argument.isEmpty { return nil }
        let bytes = PathBytes.bytes(argument).map { CChar(bitPattern: $0) }
        path = FilePath(platformString: bytes + [0])
    }

    var description: String { path.string }
}

/// Arguments that are not paths.
enum TextArgument {
    /// Text as given.
    ///
    /// - Throws: a parser error if the bytes are not UTF-8, since no name or value can contain
    ///   them.
    static func plain(_ argument: String) throws -> String {
        if PathBytes.hasInvalidBytes(argument) { throw ValidationError("it is not UTF-8") }
        return argument
    }
}
