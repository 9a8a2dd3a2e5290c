import RowSchema

/// Makes column names from a header.
package enum ColumnNames {
    /// Makes a distinct, valid name for each column. Surrounding white space is removed; white
    /// space within a name that breaks lines or columns becomes underscores; long names are cut; an
    /// empty name becomes one with its position; a repeated name gets a number.
    package static func valid(_ header: [String], count: Int) -> [String] {
        var seen: Set<String> = []
        var result: [String] = []
        for index in 0..<count {
            var name = index < header.count ? cleaned(header[index]) : ""
            if name.isEmpty { name = "column\(index + 1)" }
            name = shortened(name, to: Schema.maximumNameLength)
            let base = name
            var number = 2
            while !seen.insert(name).inserted {
                let suffix = "_\(number)"
                name = shortened(base, to: Schema.maximumNameLength - suffix.utf8.count) + suffix
                number += 1
            }
            result.append(name)
        }
        return result
    }

    /// The names that could not stay as they are, each with the one that it became. Surrounding
    /// white space does not count, and neither do missing names.
    package static func renamed(_ header: [String]) -> [(old: String, new: String)] {
        zip(header, valid(header, count: header.count)).compactMap { name, new in
            let old = String(trimmed(name))
            return old.isEmpty || old == new ? nil : (old, new)
        }
    }

    /// The position of the first name with a control character that is not white space, such as one
    /// that begins a terminal command. No other name could be made of it that its author would
    /// recognise.
    static func firstWithControls(_ header: [String]) -> Int? {
        header.firstIndex { Column.hasControlCharacters(cleaned($0)) }
    }

    /// A name without surrounding white space.
    private static func trimmed(_ name: String) -> Substring {
        var scalars = Substring(name).unicodeScalars
        while let first = scalars.first, first.properties.isWhitespace { scalars.removeFirst() }
        while let last = scalars.last, last.properties.isWhitespace { scalars.removeLast() }
        return Substring(scalars)
    }

    private static func cleaned(_ name: String) -> String {
        var result = ""
        for scalar in trimmed(name).unicodeScalars {
            let breaks = (0x09...0x0D).contains(scalar.value) || scalar.value == 0x85
            result.unicodeScalars.append(breaks ? "_" : scalar)
        }
        return result
    }

    /// The longest beginning of at most `length` bytes that ends between characters.
    private static func shortened(_ name: String, to length: Int) -> String {
        var result = name
        while result.utf8.count > length { result.removeLast() }
        return result
    }
}
