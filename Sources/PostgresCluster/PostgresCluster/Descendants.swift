package import PostgresCatalogs

/// The relations whose rows a table shows: its own, and those of its partitions or of the tables
/// that inherit from it.
package struct Descendants {
    private let catalog: DatabaseCatalog

    package init(_ catalog: DatabaseCatalog) { self.catalog = catalog }

    /// Returns the table itself first if it has rows, then the others: partitions in the order of
    /// their bounds, inheriting tables as the server finds them, level by level.
    package func all(of root: Relation) -> [Relation] {
        if root.kind == UInt8(ascii: "p") {
            var seen: Set<UInt32> = []
            return leaves(of: root, &seen)
        }
        var found = [root]
        var seen: Set<UInt32> = [root.number]
        var index = 0
        // A child of several parents appears once, and a cycle in a damaged catalog ends.
        while index < found.count {
            for child in catalog.children[found[index].number] ?? []
            where seen.insert(child).inserted {
                if let relation = catalog.relations[child] { found.append(relation) }
            }
            index += 1
        }
        return found
    }

    private func leaves(of parent: Relation, _ seen: inout Set<UInt32>) -> [Relation] {
        guard seen.insert(parent.number).inserted else { return [] }
        let children = (catalog.children[parent.number] ?? []).compactMap { catalog.relations[$0] }
        var result: [Relation] = []
        for child in PartitionOrder.sorted(children, catalog) {
            if child.kind == UInt8(ascii: "p") {
                result += leaves(of: child, &seen)
            } else if seen.insert(child.number).inserted {
                result.append(child)
            }
        }
        return result
    }
}

/// The order in which the server shows the partitions of a table.
enum PartitionOrder {
    static func sorted(_ partitions: [Relation], _ catalog: DatabaseCatalog) -> [Relation] {
        partitions.sorted { first, second in
            if let own = first.bound, let other = second.bound {
                if own.isBefore(other) { return true }
                if other.isBefore(own) { return false }
            }
            return first.number < second.number
        }
    }
}
