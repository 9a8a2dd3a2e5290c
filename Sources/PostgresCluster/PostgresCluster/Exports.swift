// Users only need `import PostgresCluster`.
@_exported public import AsyncIO
@_exported public import BufferManager
@_exported public import PageChecking
@_exported public import PageFormat
@_exported public import PostgresReading
@_exported public import PostgresVerification
@_exported public import ReadStream
@_exported public import StorageManager
