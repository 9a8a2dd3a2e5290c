import AsyncIO
import MagneticDisk
import MemoryDisk
import StorageManager
import StorageTesting
import Testing

/// A manager written with only the public API conforms, whatever it is built on.
@Suite("A custom storage manager")
struct ConformanceTests {
    @Test("over plain files", arguments: IOMethodMatrix.allWithPartialTransfers)
    func overFiles(method: TestedMethod) {
        let suite = StorageManagerConformance { surroundings throws(StorageError) in
            try ScrambledDisk(
                over: MagneticDisk(files: surroundings.files, system: surroundings.system),
                system: surroundings.system)
        }
        #expect(suite.violations(under: method).map(\.description) == [])
    }

    @Test("that forwards every call", arguments: IOMethodMatrix.all)
    func forwarding(method: TestedMethod) {
        let suite = StorageManagerConformance { surroundings throws(StorageError) in
            Passage(
                base: try MagneticDisk(files: surroundings.files, system: surroundings.system))
        }
        #expect(suite.violations(under: method).map(\.description) == [])
    }

    @Test("over memory", arguments: IOMethodMatrix.all)
    func overMemory(method: TestedMethod) {
        let suite = StorageManagerConformance { surroundings throws(StorageError) in
            try ScrambledDisk(
                over: MemoryDisk(system: surroundings.system), system: surroundings.system)
        }
        #expect(suite.violations(under: method).map(\.description) == [])
    }

    @Test("over another one of its kind", arguments: IOMethodMatrix.all)
    func overItself(method: TestedMethod) {
        let suite = StorageManagerConformance { surroundings throws(StorageError) in
            try ScrambledDisk(
                over: ScrambledDisk(
                    over: MemoryDisk(system: surroundings.system), system: surroundings.system),
                system: surroundings.system)
        }
        #expect(suite.violations(under: method).map(\.description) == [])
    }

    @Test("whose IO a pool of threads executes, over files", arguments: IOMethodMatrix.all)
    func pooledOverFiles(method: TestedMethod) {
        let suite = StorageManagerConformance { surroundings throws(StorageError) in
            try PooledDisk(
                over: MagneticDisk(files: surroundings.files, system: surroundings.system),
                threads: 3, system: surroundings.system)
        }
        #expect(suite.violations(under: method).map(\.description) == [])
    }

    @Test("whose IO a pool of threads executes, over memory", arguments: IOMethodMatrix.all)
    func pooledOverMemory(method: TestedMethod) {
        let suite = StorageManagerConformance { surroundings throws(StorageError) in
            try PooledDisk(
                over: MemoryDisk(system: surroundings.system), threads: 2,
                system: surroundings.system)
        }
        #expect(suite.violations(under: method).map(\.description) == [])
    }
}

/// Defines nothing of its own.
private final class Passage: ForwardingStorageManager {
    let base: any StorageManager

    init(base: any StorageManager) { self.base = base }

    func open(_ locator: RelationLocator, target: RelationTarget) throws(StorageError)
        -> any RelationStorage
    {
        PassageRelation(base: try base.open(locator, target: target))
    }
}

private final class PassageRelation: ForwardingRelationStorage {
    let base: any RelationStorage

    init(base: any RelationStorage) { self.base = base }
}
