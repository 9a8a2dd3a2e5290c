// Users of the engine only need `import Strata`.
@_exported public import AsyncIO
@_exported public import BufferManager
@_exported public import Checkpointing
@_exported public import EngineConfiguration
@_exported public import FileAccess
@_exported public import Journaling
@_exported public import PageChecking
@_exported public import PageFormat
@_exported public import ReadStream
@_exported public import RowSchema
@_exported public import StorageManager
@_exported public import StoreFormat

@_exported public import struct CompressedDisk.ChunkProperties
@_exported public import struct CompressedDisk.CompressedDiskConfiguration
@_exported public import struct Logging.Logger
@_exported public import struct MemoryDisk.MemoryDiskConfiguration
