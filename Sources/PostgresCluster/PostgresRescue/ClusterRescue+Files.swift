public import AsyncIO
internal import PostgresCatalogs
internal import PostgresReading
internal import PostgresTypes

extension ClusterRescue {
    /// A relation's file.
    ///
    /// - Parameters:
    ///   - path: the first file, below the data directory: `base/5/16384`.
    ///   - schema: its columns; nil to take them from what is left of the catalogs, which may know
    ///     tables that were dropped.
    ///   - toast: the file of its values that are stored out of line; nil to look for it.
    /// - Throws: `noSuchObject` if the path is no relation's, or if no schema is given and no
    ///   catalog tells of the file.
    public func file(
        _ path: String, schema: RescueSchema? = nil, toast: String? = nil
    ) throws(StorageError) -> RescueTarget {
        let place = try place(of: path)
        let toastPlace: RelationPlace?
        if let toast { toastPlace = try self.place(of: toast) } else { toastPlace = nil }
        guard let schema else {
            var targets = CatalogTargets(try database(of: place))
            if let target = try targets.file(place, path) { return target }
            throw StorageError(
                .noSuchObject, "no catalog tells of file \"\(path)\"",
                remedy: "Give its columns with --schema.",
                at: StorageError.Location(path: path))
        }
        return target(place, path, schema, toast: toastPlace)
    }

    private func database(of place: RelationPlace) throws(StorageError) -> RescueDatabase {
        if place.database != 0 { return try database(place.database) }
        // Every database's catalogs describe the shared relations.
        guard let any = catalog?.databases.first(where: \.allowsConnections)?.number else {
            throw StorageError(
                .noSuchObject, "no catalog tells of file \"\(directory.path(place))\"",
                remedy: "Give its columns with --schema.")
        }
        return try database(any)
    }

    /// A file of which only the columns are known. The catalogs are not asked for before a value
    /// that is stored out of line is met.
    func target(
        _ place: RelationPlace, _ path: String, _ schema: RescueSchema, toast: RelationPlace?
    ) -> RescueTarget {
        let number = catalog?.databases.first { $0.number == place.database }?.encoding
        let encoding = number.flatMap { try? TextEncoding(number: $0) } ?? .utf8
        var shape = schema.shape
        shape.isUTF8 = encoding.number == TextEncoding.utf8.number
        let source = RescueSource(
            place: place, shape: shape,
            writer: ValueWriter(version: directory.version ?? DataDirectory.versions.upperBound),
            encoding: encoding, isSequence: false,
            locateToast: { [self] number in
                if let toast { return ToastPlace(relation: number, heap: toast, index: nil) }
                if let known = try? database(of: place).catalog.anyToast(number) { return known }
                // Unless the table was rewritten, its TOAST relation's file has its number.
                let guess = RelationPlace(
                    tablespace: place.tablespace, database: place.database, number: number)
                guard (try? directory.exists(directory.path(guess))) == true else { return nil }
                return ToastPlace(relation: number, heap: guess, index: nil)
            })
        return RescueTarget(path, [source], in: directory)
    }

    /// The place that a path below the data directory stands for.
    ///
    /// - Throws: `noSuchObject` if it is no relation's first file.
    func place(of path: String) throws(StorageError) -> RelationPlace {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        func number(_ text: Substring) -> UInt32? {
            UInt32(text).flatMap { String($0) == text ? $0 : nil }
        }
        var place: RelationPlace?
        switch (parts.first, parts.count) {
        case ("global", 2):
            place = number(parts[1]).map {
                RelationPlace(
                    tablespace: RelationPlace.globalTablespace, database: 0, number: $0)
            }
        case ("base", 3):
            if let database = number(parts[1]), let file = number(parts[2]) {
                place = RelationPlace(
                    tablespace: RelationPlace.defaultTablespace, database: database, number: file)
            }
        case ("pg_tblspc", 5):
            if let space = number(parts[1]), let database = number(parts[3]),
                let file = number(parts[4])
            {
                place = RelationPlace(tablespace: space, database: database, number: file)
            }
        default: break
        }
        guard let place, directory.path(place) == path else {
            throw StorageError(
                .noSuchObject, "\"\(path)\" is not a relation's first file",
                remedy: "Give it as pg_relation_filepath() does: base/5/16384.")
        }
        return place
    }
}
