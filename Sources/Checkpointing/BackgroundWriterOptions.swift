package import AsyncIO

/// The settings of a `BackgroundWriter`. PostgreSQL's `bgwriter_…` settings.
public struct BackgroundWriterOptions: Sendable, Hashable {
    /// How long to sleep between two rounds. PostgreSQL's `bgwriter_delay`.
    public var delay = Duration.milliseconds(200)
    /// The most pages one round writes, at least 1. PostgreSQL's `bgwriter_lru_maxpages` is 100;
    /// here one IO writes several pages, and IOs run beside each other.
    public var maximumPages = 1000
    /// How many buffers to keep clean ahead of the clock hand, as a multiple of the number recently
    /// needed per round; at least 0. PostgreSQL's `bgwriter_lru_multiplier`.
    public var multiplier = 2.0

    /// Makes the default settings.
    public init() {}

    /// - Throws: `invalidConfiguration` if a setting is outside its range.
    package func validate() throws(StorageError) {
        guard delay > .zero, maximumPages >= 1, multiplier >= 0, multiplier.isFinite else {
            throw StorageError(
                .invalidConfiguration, "\(self) are not valid settings for a background writer",
                remedy: "Choose a delay above zero, at least one page, and a multiplier that is"
                    + " not negative.")
        }
    }
}
