import Foundation

/// A relation of a base store.
struct BaseRelation {
    let name: String
    /// The number in the names of its files.
    let number: UInt32
    let manager: String
    /// Whether pages were changed outside of loads, so that the number of rows is unknown.
    let isTouched: Bool
    /// The output of scanning it after each change of its rows; the last one is right.
    let versions: [[UInt8]]

    var rows: [UInt8] { versions.last! }

    /// Whether a file of the store belongs to it.
    func owns(_ path: String) -> Bool {
        let name = path.split(separator: "/").last ?? ""
        guard path.hasPrefix("base/1/"), name.hasPrefix("\(number)") else { return false }
        return name.dropFirst("\(number)".count).first.map { !$0.isNumber } ?? true
    }
}

/// A store whose copies trials damage.
struct Base {
    let name: String
    let image: StoreImage
    let relations: [BaseRelation]
    /// The store as it was after each earlier change, oldest first.
    let earlier: [StoreImage]
    /// Whether it was killed during work, so that it has journals and remains.
    var isKilled: Bool { name == "killed" }

    /// Reads what ``BaseMaker`` has made.
    init(_ name: String, in folder: String) throws {
        self.name = name
        let root = "\(folder)/\(name)"
        image = try StoreImage(reading: "\(root)/store")
        let manager = FileManager.default
        var earlier: [StoreImage] = []
        while manager.fileExists(atPath: "\(root)/earlier/\(earlier.count)") {
            earlier.append(try StoreImage(reading: "\(root)/earlier/\(earlier.count)"))
        }
        self.earlier = earlier
        let list = try String(contentsOfFile: "\(root)/relations", encoding: .utf8)
        relations = try list.split(separator: "\n").map { line in
            let words = line.split(separator: " ").map(String.init)
            guard words.count == 4, let number = UInt32(words[1]) else {
                throw HarmError("\(root)/relations is not as it was written")
            }
            var versions: [[UInt8]] = []
            while let rows = manager.contents(
                atPath: "\(root)/rows/\(words[0]).\(versions.count)")
            {
                versions.append([UInt8](rows))
            }
            if versions.isEmpty { throw HarmError("\(words[0]) has no rows") }
            return BaseRelation(
                name: words[0], number: number, manager: words[2], isTouched: words[3] == "touched",
                versions: versions)
        }
    }

    /// The relation that a file belongs to, if any.
    func owner(of path: String) -> BaseRelation? { relations.first { $0.owns(path) } }
}
