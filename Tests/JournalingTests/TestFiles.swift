import AsyncIO
import FileAccess
import StoreFormat
import Testing

private func open(_ path: String) throws -> VirtualFile {
    let parts = path.split(separator: "/")
    let files = try FileAccess(directory: "/" + parts.dropLast().joined(separator: "/"))
    return try files.open(String(try #require(parts.last)), .buffered)
}

func readFile(_ path: String) throws -> [UInt8] {
    let file = try open(path)
    return try StoreFiles.read(file, at: 0, count: Int(try file.size()))
}

func writeFile(_ path: String, _ bytes: [UInt8]) throws {
    let file = try open(path)
    try file.truncate(to: 0)
    try file.writeAll(bytes)
}
