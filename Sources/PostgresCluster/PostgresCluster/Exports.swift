// Users only need `import PostgresCluster`.
@_exported public import AsyncIO
@_exported public import PostgresReading
