/// An error in the tool's own words, for cases where a layer's message would not fit the tool.
struct ToolError: Error, CustomStringConvertible {
    let description: String
}
