public import AsyncIO
public import FileAccess
public import StorageManager
package import StoreFormat

/// A custom storage manager, for ``EngineOptions/storageManagers``.
///
/// The catalog records each relation's manager by name, so the plug-in must be present whenever a
/// store with such relations is opened.
public struct StorageManagerPlugin: Sendable {
    /// What a manager may use.
    public struct Context: Sendable {
        /// The store's files.
        ///
        /// A manager keeps its files in `base/1` or `global`, itself and not in folders there. The
        /// names begin with the relation's number, as `16384.blob` does; what follows is no digit.
        /// Only such files are made durable after a crash, and no new relation gets their number.
        /// With other names, or once no relation has the number, they count as unknown.
        public let files: FileAccess
        /// The engine's IO core.
        public let system: IOSystem
        /// Blocks per segment file.
        public let segmentBlocks: Int

        package init(_ files: FileAccess, _ system: IOSystem, _ control: StoreControl) {
            (self.files, self.system) = (files, system)
            segmentBlocks = Int(control.segmentBlocks)
        }
    }

    /// Makes a manager, once per engine. Its errors are those of opening the store.
    public typealias Maker = @Sendable (Context) throws(StorageError) -> any StorageManager

    /// The manager's number within an engine, from 8 to 255. Lower numbers are for the built-in
    /// ones.
    public let id: StorageManagerID
    /// The manager's name, equal to its `StorageManager.name`.
    public let name: String
    /// Makes the manager. Called once per engine.
    public let make: Maker

    /// Describes a manager.
    public init(id: StorageManagerID, name: String, make: @escaping Maker) {
        self.id = id
        self.name = name
        self.make = make
    }
}
