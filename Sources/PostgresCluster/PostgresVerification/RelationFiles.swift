internal import FileAccess
internal import PostgresReading
internal import StorageManager

/// The files of one relation.
struct RelationFiles {
    /// Their folder.
    let folder: String
    let database: UInt32
    let number: UInt32
    /// By fork, then by segment.
    private(set) var files: [DataFile]

    /// Its first file's path, whether it is there or not.
    var path: String { "\(folder)/\(number)" }

    /// Groups the files of a listing, in the order of their first ones.
    static func grouped(_ files: [DataFile]) -> [RelationFiles] {
        struct Key: Hashable {
            let folder: Substring
            let number: UInt32
        }
        var groups: [RelationFiles] = []
        var indexes: [Key: Int] = [:]
        for file in files {
            let key = Key(folder: file.folder, number: file.number)
            if let index = indexes[key] {
                groups[index].files.append(file)
                continue
            }
            indexes[key] = groups.count
            groups.append(
                RelationFiles(
                    folder: String(file.folder), database: file.database, number: file.number,
                    files: [file]))
        }
        for index in groups.indices {
            groups[index].files.sort {
                ($0.fork.rawValue, $0.segment) < ($1.fork.rawValue, $1.segment)
            }
        }
        return groups
    }

    /// The path of a segment.
    func path(_ fork: Fork, _ segment: UInt32) -> String {
        path + fork.suffix + (segment == 0 ? "" : ".\(segment)")
    }
}

/// The lengths of a relation's files at one time.
struct RelationLayout: Equatable {
    /// Bytes by segment, by fork.
    private(set) var bytes: [Fork: [UInt32: Int64]] = [:]

    /// The lengths at the time of the listing.
    init(listed relation: RelationFiles) {
        for file in relation.files { bytes[file.fork, default: [:]][file.segment] = file.bytes }
    }

    /// Looks at the files.
    init(_ relation: RelationFiles, in directory: DataDirectory) {
        for file in relation.files {
            guard let status = try? directory.files.status(of: file.path), status.kind == .file
            else { continue }
            bytes[file.fork, default: [:]][file.segment] = status.size
        }
        // Another fork may be older than the main one, which then was not listed.
        if bytes[.main]?[0] == nil,
            let status = try? directory.files.status(of: relation.path), status.kind == .file
        {
            bytes[.main, default: [:]][0] = status.size
        }
    }

    /// Whether no file is left.
    var isEmpty: Bool { bytes.isEmpty }

    /// The whole blocks of a fork, as a server counts them: up to the first segment that is missing
    /// or not full.
    func blocks(_ fork: Fork, segmentBlocks: Int) -> UInt64 {
        var total: UInt64 = 0
        var segment: UInt32 = 0
        while let bytes = bytes[fork]?[segment] {
            let blocks = UInt64(bytes) / UInt64(blockSize)
            total += blocks
            if blocks < UInt64(segmentBlocks) { break }
            segment += 1
        }
        return total
    }
}
