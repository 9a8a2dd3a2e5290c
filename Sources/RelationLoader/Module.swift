// RelationLoader
