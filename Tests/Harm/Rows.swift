import Foundation

/// The rows that base stores are loaded with, as CSV. They are always the same.
enum Rows {
    static let schema =
        "id bigint not null, name text, amount numeric, day date, flag boolean, score double"
        + " precision, code smallint"
    static let oddSchema = "key uuid, body bytea, stamp timestamp, note text, n integer"

    private static let words = [
        "amber", "basalt", "cedar", "delta", "ember", "fjord", "granite", "heron", "iris", "jasper",
    ]

    /// Regular rows, numbered by the range.
    static func csv(_ range: Range<Int>, salt: Int = 0) -> String {
        var text = "id,name,amount,day,flag,score,code\n"
        for id in range {
            let mixed = (id &+ salt) &* 2_654_435_761 & 0xffff_ffff
            let name = (0..<3).map { words[(mixed >> ($0 * 5)) % words.count] }
                .joined(separator: " ")
            text += "\(id),\(name) \(mixed),\(mixed % 100_000).\(10 + mixed % 90),"
            text += "20\(10 + mixed % 15)-0\(1 + mixed % 9)-1\(mixed % 10),"
            text += mixed % 2 == 0 ? "t," : "f,"
            text += mixed % 7 == 0 ? "," : "\(Double(2 * (mixed % 1000) + 1) / 16),"
            text += "\(mixed % 30_000)\n"
        }
        return text
    }

    /// Rows of other types, with values of many lengths, and nulls.
    static func oddCSV(_ range: Range<Int>) -> String {
        var text = "key,body,stamp,note,n\n"
        for id in range {
            let mixed = id &* 2_246_822_519 & 0xffff_ffff
            let hex = String(format: "%08x", mixed)
            text += "\(hex)-0000-4000-8000-\(hex)0000,"
            text += id % 5 == 0 ? "," : "\\x" + String(repeating: hex, count: 1 + id % 40) + ","
            text += "2024-02-0\(1 + id % 9) 10:11:1\(id % 10),"
            text +=
                id % 3 == 0 ? "," : String(repeating: words[id % 10] + " ", count: id % 50) + "x,"
            text += "\(mixed % 1_000_000 - 500_000)\n"
        }
        return text
    }
}
