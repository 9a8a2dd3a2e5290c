package import PostgresTypes

/// Strings as JSON writes them.
package enum JSONString {
    package static func write(_ text: String, to output: inout TextOutput) {
        write(Array(text.utf8), to: &output)
    }

    package static func write(_ bytes: [UInt8], to output: inout TextOutput) {
        unsafe JSONText.escape(bytes.span.bytes, to: &output)
    }
}
