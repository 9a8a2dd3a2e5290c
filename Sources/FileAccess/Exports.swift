// Paths that users give are of this type.
@_exported public import struct SystemPackage.FilePath
