/// The numbers of the system catalogs. They are the same in all versions.
package enum Catalog: UInt32, Sendable, CaseIterable {
    case accessMethods = 2601
    case columnDefaults = 2604
    case constraints = 2606
    case dependencies = 2608
    case operatorClasses = 2616
    case rules = 2618
    case triggers = 2620
    case extensions = 3079
    case policies = 3256
    case types = 1247
    case attributes = 1249
    case functions = 1255
    case relations = 1259
    case roles = 1260
    case databases = 1262
    case tablespaces = 1213
    case inheritance = 2611
    case indexes = 2610
    case operators = 2617
    case schemas = 2615
    case sequences = 2224
    case partitions = 3350
    case collations = 3456
    case enumerations = 3501
    case ranges = 3541
    case searchDictionaries = 3600
    case searchConfigurations = 3602

    /// Whether all databases share it.
    var isShared: Bool { self == .roles || self == .databases || self == .tablespaces }
}
