internal import ArgumentParser

/// A number of bytes as users write it: `8192`, `512kB`, `128MB`, `1GiB`. As in PostgreSQL's
/// settings, all units are powers of 1024.
struct ByteSize: ExpressibleByArgument, CustomStringConvertible {
    let bytes: Int

    init(bytes: Int) { self.bytes = bytes }

    init?(argument: String) {
        let text = argument.lowercased()
        let digits = text.prefix { "0123456789".contains($0) }
        guard let number = Int(digits) else { return nil }
        let unit: Int
        switch text.dropFirst(digits.count).drop(while: { $0 == " " }) {
        case "", "b": unit = 1
        case "k", "kb", "kib": unit = 1 << 10
        case "m", "mb", "mib": unit = 1 << 20
        case "g", "gb", "gib": unit = 1 << 30
        case "t", "tb", "tib": unit = 1 << 40
        default: return nil
        }
        let (product, overflow) = number.multipliedReportingOverflow(by: unit)
        if overflow { return nil }
        bytes = product
    }

    var description: String {
        for (unit, name) in [(1 << 30, "GB"), (1 << 20, "MB"), (1 << 10, "kB")]
        where bytes >= unit && bytes % unit == 0 {
            return "\(bytes / unit)\(name)"
        }
        return "\(bytes)"
    }
}
