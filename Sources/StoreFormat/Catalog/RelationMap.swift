internal import HashTreeCollections
internal import StorageManager

/// The relations of a catalog, by name.
///
/// A plain value. Copies share what is equal, so copying takes constant time, and changing one
/// relation of a copy O(log n). The map also keeps the bytes that encode the relations, in pieces
/// in the order of the relations' numbers. A change spoils one piece, so a catalog that is written
/// after each change encodes only a few relations each time.
package struct RelationMap: Sendable {
    private var byName = TreeDictionary<String, RelationDescription>()
    /// In the order of their members' numbers; none is empty.
    private var pieces: [Piece] = []
    /// How many relations each storage manager has.
    private var countByManager: [String: Int] = [:]

    /// Neighbouring relations, and what encodes them.
    private struct Piece: Sendable {
        var members: [Member]
        /// Nil if a member was changed since.
        var bytes: [UInt8]?

        var first: UInt32 { members[0].number }
        var last: UInt32 { members[members.count - 1].number }
    }

    private struct Member: Equatable, Sendable {
        let number: UInt32
        let name: String
    }

    private static let pieceSize = 64

    package init() {}

    /// How many relations there are.
    package var count: Int { byName.count }
    package var isEmpty: Bool { byName.isEmpty }
    /// All relations, in no order.
    package var values: [RelationDescription] { Array(byName.values) }
    /// The names of their storage managers, in no order. O(managers).
    package var managerNames: [String] { Array(countByManager.keys) }

    /// Their numbers, without looking at the relations.
    package var numbers: Set<UInt32> {
        var numbers = Set<UInt32>(minimumCapacity: count)
        for piece in pieces {
            for member in piece.members { numbers.insert(member.number) }
        }
        return numbers
    }

    package subscript(name: String) -> RelationDescription? {
        get { byName[name] }
        set { set(newValue, forKey: name) }
    }

    @discardableResult
    package mutating func removeValue(forKey name: String) -> RelationDescription? {
        let old = byName[name]
        set(nil, forKey: name)
        return old
    }

    private mutating func set(_ new: RelationDescription?, forKey name: String) {
        let old = byName[name]
        let (from, to) = (old?.locator.number, new?.locator.number)
        byName[name] = new
        if old?.managerName != new?.managerName {
            old.map { count($0.managerName, -1) }
            new.map { count($0.managerName, 1) }
        }
        if from == to {
            if let from { spoil(Member(number: from, name: name)) }
            return
        }
        if let from { remove(Member(number: from, name: name)) }
        if let to { insert(Member(number: to, name: name)) }
    }

    private mutating func count(_ managerName: String, _ change: Int) {
        let count = countByManager[managerName, default: 0] + change
        countByManager[managerName] = count == 0 ? nil : count
    }

    // MARK: Pieces

    /// The piece that a number belongs to: the last one that does not begin behind it.
    private func place(of number: UInt32) -> Int {
        var (low, high) = (0, pieces.count)
        while low < high {
            let middle = (low + high) / 2
            if pieces[middle].first <= number { low = middle + 1 } else { high = middle }
        }
        return max(0, low - 1)
    }

    /// Where a member is. Only in a catalog that will be refused do several have one number.
    private func find(_ member: Member) -> (piece: Int, position: Int)? {
        if pieces.isEmpty { return nil }
        let likely = place(of: member.number)
        if let position = pieces[likely].members.firstIndex(of: member) {
            return (likely, position)
        }
        for piece in pieces.indices {
            if let position = pieces[piece].members.firstIndex(of: member) {
                return (piece, position)
            }
        }
        return nil
    }

    private mutating func spoil(_ member: Member) {
        if let (piece, _) = find(member) { pieces[piece].bytes = nil }
    }

    private mutating func remove(_ member: Member) {
        guard let (piece, position) = find(member) else { return }
        pieces[piece].members.remove(at: position)
        pieces[piece].bytes = nil
        if pieces[piece].members.isEmpty { pieces.remove(at: piece) }
    }

    private mutating func insert(_ member: Member) {
        guard let end = pieces.last else {
            pieces = [Piece(members: [member], bytes: nil)]
            return
        }
        if end.last <= member.number, end.members.count >= Self.pieceSize {
            pieces.append(Piece(members: [member], bytes: nil))
            return
        }
        let place = place(of: member.number)
        var piece = pieces[place]
        let position = piece.members.firstIndex { $0.number > member.number }
        piece.members.insert(member, at: position ?? piece.members.count)
        piece.bytes = nil
        pieces[place] = piece
        if piece.members.count <= 2 * Self.pieceSize { return }
        let half = piece.members.count / 2
        pieces[place].members = Array(piece.members[..<half])
        pieces.insert(Piece(members: Array(piece.members[half...]), bytes: nil), at: place + 1)
    }

    // MARK: Bytes

    /// Adds a relation that was decoded.
    ///
    /// - Parameter bytes: what encodes it; nil if it would now be encoded otherwise.
    /// - Returns: false if there is a relation of that name.
    mutating func add(_ relation: RelationDescription, _ bytes: ArraySlice<UInt8>?) -> Bool {
        if byName.updateValue(relation, forKey: relation.name) != nil { return false }
        countByManager[relation.managerName, default: 0] += 1
        let member = Member(number: relation.locator.number, name: relation.name)
        guard let bytes, pieces.last.map({ $0.last < member.number }) ?? true else {
            insert(member)
            return true
        }
        let end = pieces.count - 1
        if end >= 0, pieces[end].members.count < Self.pieceSize, pieces[end].bytes != nil {
            pieces[end].members.append(member)
            pieces[end].bytes?.append(contentsOf: bytes)
        } else {
            pieces.append(Piece(members: [member], bytes: Array(bytes)))
        }
        return true
    }

    /// Encodes what was changed since the last call, for this value and its later copies.
    mutating func encodeChanges(_ write: (RelationDescription, inout ByteWriter) -> Void) {
        for index in pieces.indices where pieces[index].bytes == nil {
            pieces[index].bytes = encoded(pieces[index], write)
        }
    }

    /// How many bytes encode the relations that were not changed since ``encodeChanges(_:)``.
    var byteCount: Int { pieces.reduce(0) { $0 + ($1.bytes?.count ?? 0) } }

    /// Writes all relations in the order of their numbers.
    func write(
        to writer: inout ByteWriter, _ write: (RelationDescription, inout ByteWriter) -> Void
    ) {
        for piece in pieces { writer.write(contentsOf: piece.bytes ?? encoded(piece, write)) }
    }

    private func encoded(
        _ piece: Piece, _ write: (RelationDescription, inout ByteWriter) -> Void
    ) -> [UInt8] {
        var writer = ByteWriter()
        for member in piece.members {
            if let relation = byName[member.name] { write(relation, &writer) }
        }
        return writer.bytes
    }
}

extension RelationMap: Equatable {
    package static func == (left: RelationMap, right: RelationMap) -> Bool {
        left.byName == right.byName
    }
}
