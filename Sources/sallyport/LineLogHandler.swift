import Config
import Logging

/// Makes a line of each event, and leaves it to a writer.
struct LineLogHandler: LogHandler {
    var logLevel = Logger.Level.info
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?
    private let format: LogConfiguration.Format
    private let writer: LogWriter

    init(format: LogConfiguration.Format, writer: LogWriter = .standardError) {
        self.format = format
        self.writer = writer
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var all = metadata
        if let provided = metadataProvider?.get() { all.merge(provided) { _, new in new } }
        if let own = event.metadata { all.merge(own) { _, new in new } }
        if let error = event.error, all["error"] == nil { all["error"] = "\(error)" }
        let line = LogLine(
            time: .now(), level: event.level.rawValue, message: event.message.description,
            values: all.map { ($0.key, $0.value.description) })
        writer.write(format == .text ? line.text : line.json)
    }
}
