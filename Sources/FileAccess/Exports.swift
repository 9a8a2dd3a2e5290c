// The public interface takes users' paths as this type.
@_exported public import struct SystemPackage.FilePath
