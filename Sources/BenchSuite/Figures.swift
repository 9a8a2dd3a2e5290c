/// Counts, sizes and numbers as people read them.
package enum Figures {
    /// `1 row`, `2 rows`.
    package static func count<Number: BinaryInteger>(_ number: Number, _ thing: String) -> String {
        "\(number) \(thing)\(number == 1 ? "" : "s")"
    }

    /// Bytes in a unit that gives few digits: `812 bytes`, `4.2 MB`. Units are powers of 1000.
    package static func size(_ bytes: Double) -> String {
        if bytes < 1000 { return count(Int(bytes), "byte") }
        var rest = bytes / 1000
        for unit in ["kB", "MB", "GB"] {
            if rest < 999.95 { return "\(decimal(rest, places: 1)) \(unit)" }
            rest /= 1000
        }
        return "\(decimal(rest, places: 1)) TB"
    }

    /// A number with that many digits after the point.
    package static func decimal(_ number: Double, places: Int) -> String {
        var scale = 1
        for _ in 0..<places { scale *= 10 }
        guard number.isFinite, number.magnitude < 1e15 else { return "\(number)" }
        let scaled = Int((number * Double(scale)).rounded())
        let sign = scaled < 0 ? "-" : ""
        if places == 0 { return "\(sign)\(scaled.magnitude)" }
        let digits = String(scaled.magnitude % UInt(scale))
        let zeros = String(repeating: "0", count: places - digits.count)
        return "\(sign)\(scaled.magnitude / UInt(scale)).\(zeros)\(digits)"
    }
}
