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
    case searchParsers = 3601
    case searchTemplates = 3764
    case comments = 2609
    case statistics = 3381
    case eventTriggers = 3466
    case publications = 6104
    case foreignServers = 1417
    case foreignWrappers = 2328
    case languages = 2612
    case conversions = 2607
    case largeObjects = 2995

    /// Its name.
    var name: String {
        switch self {
        case .accessMethods: "pg_am"
        case .columnDefaults: "pg_attrdef"
        case .constraints: "pg_constraint"
        case .dependencies: "pg_depend"
        case .operatorClasses: "pg_opclass"
        case .rules: "pg_rewrite"
        case .triggers: "pg_trigger"
        case .extensions: "pg_extension"
        case .policies: "pg_policy"
        case .types: "pg_type"
        case .attributes: "pg_attribute"
        case .functions: "pg_proc"
        case .relations: "pg_class"
        case .roles: "pg_authid"
        case .databases: "pg_database"
        case .tablespaces: "pg_tablespace"
        case .inheritance: "pg_inherits"
        case .indexes: "pg_index"
        case .operators: "pg_operator"
        case .schemas: "pg_namespace"
        case .sequences: "pg_sequence"
        case .partitions: "pg_partitioned_table"
        case .collations: "pg_collation"
        case .enumerations: "pg_enum"
        case .ranges: "pg_range"
        case .searchDictionaries: "pg_ts_dict"
        case .searchConfigurations: "pg_ts_config"
        case .searchParsers: "pg_ts_parser"
        case .searchTemplates: "pg_ts_template"
        case .comments: "pg_description"
        case .statistics: "pg_statistic_ext"
        case .eventTriggers: "pg_event_trigger"
        case .publications: "pg_publication"
        case .foreignServers: "pg_foreign_server"
        case .foreignWrappers: "pg_foreign_data_wrapper"
        case .languages: "pg_language"
        case .conversions: "pg_conversion"
        case .largeObjects: "pg_largeobject_metadata"
        }
    }

    /// Whether all databases share it.
    var isShared: Bool { self == .roles || self == .databases || self == .tablespaces }

    /// Whether it has rows in every database, so that its file is never empty.
    var isNeverEmpty: Bool {
        switch self {
        case .accessMethods, .operatorClasses, .rules, .types, .attributes, .functions, .relations,
            .roles, .databases, .tablespaces, .indexes, .operators, .schemas, .collations,
            .ranges, .languages, .conversions:
            true
        default: false
        }
    }
}
