// `import RelationLoader` brings what a load is given and what a scan writes to.
@_exported public import RowText
