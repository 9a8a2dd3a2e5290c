// `import PostgresCluster` is all that users need to write.
@_exported public import AsyncIO
@_exported public import PostgresReading
