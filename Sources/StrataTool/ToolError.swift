/// An error in the tool's own words, where a layer's message would name what the tool does not have
/// or leave out what it has.
struct ToolError: Error, CustomStringConvertible {
    let description: String
}
