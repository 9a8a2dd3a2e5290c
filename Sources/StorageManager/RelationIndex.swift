internal import AsyncIO
internal import Threads

/// The relations that are open now, by locator. Safe to use from any thread.
final class RelationIndex: Sendable {
    private let relations = Lock<[RelationLocator: OpenRelation]>([:], rank: .relationIndex)

    func relation(_ locator: RelationLocator) -> OpenRelation? {
        relations.withLock { $0[locator] }
    }

    /// Returns the open relation; makes it with `make` if there is none.
    func relation<Failure>(
        _ locator: RelationLocator, make: () throws(Failure) -> OpenRelation
    ) throws(Failure) -> OpenRelation {
        let found: Result<OpenRelation, Failure> = relations.withLock { relations in
            if let relation = relations[locator] { return .success(relation) }
            do throws(Failure) {
                let relation = try make()
                relations[locator] = relation
                return .success(relation)
            } catch {
                return .failure(error)
            }
        }
        return try found.get()
    }

    /// Removes a relation from the index.
    ///
    /// - Returns: false if it is not open; another object with the same locator may be.
    func remove(_ relation: OpenRelation) -> Bool {
        relations.withLock { relations in
            guard relations[relation.locator] === relation else { return false }
            relations[relation.locator] = nil
            return true
        }
    }

    var all: [OpenRelation] { relations.withLock { Array($0.values) } }
}
