// `import RowText` brings the buffer that rows are written to, and the errors of their values.
@_exported public import ValueText
