import Config
import Logging

/// From the `log` section to a logger.
enum LogSetup {
    /// A logger that writes to standard error as the configuration says. Handlers are made here and not by the global
    /// bootstrap, so that nothing else decides where lines go.
    static func logger(for configuration: LogConfiguration) -> Logger {
        var logger = Logger(label: "sallyport") { _ in LineLogHandler(format: configuration.format) }
        logger.logLevel = Logger.Level(configuration.level)
        return logger
    }
}

extension Logger.Level {
    init(_ level: LogConfiguration.Level) {
        self =
            switch level {
            case .trace: .trace
            case .debug: .debug
            case .info: .info
            case .notice: .notice
            case .warning: .warning
            case .error: .error
            case .critical: .critical
            }
    }
}
