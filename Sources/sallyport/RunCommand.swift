import ArgumentParser
import Config
import Logging
import NetworkTypes

/// `sallyport run`: in the foreground, from a file or from two addresses.
struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Run in the foreground, from a configuration file or from two addresses.",
        usage: "sallyport run [CONFIG]\nsallyport run --inside ADDR --outside ADDR [--pbx URI]")

    @Argument(help: "The configuration file. (default: \(Sallyport.defaultConfiguration))")
    var config: String?
    @Option(help: ArgumentHelp("Our address on the private side.", valueName: "addr"))
    var inside: String?
    @Option(help: ArgumentHelp("Our address on the public side.", valueName: "addr"))
    var outside: String?
    @Option(help: ArgumentHelp("Where calls go that no registration claims.", valueName: "uri"))
    var pbx: String?

    func validate() throws {
        _ = try addresses()
        if config != nil, inside != nil || outside != nil || pbx != nil {
            throw ValidationError("Give either a configuration file or --inside and --outside.")
        }
    }

    func run() throws {
        var configuration =
            try addresses() ?? Configuration(contentsOf: config ?? Sallyport.defaultConfiguration)
        let warnings = try configuration.validate(
            on: .ofThisMachine(), isTaken: PortsInUse.ofThisMachine().contains)
        let logger = LogSetup.logger(for: configuration.log)
        for warning in warnings { logger.warning("\(warning.message)", metadata: ["at": "\(warning.place)"]) }
        defer { LogWriter.standardError.flush() }
        let status = try Daemon(configuration: configuration, logger: logger).run()
        if status != 0 { throw ExitCode(status) }
    }

    /// The configuration that the options say; nil when there are none.
    private func addresses() throws -> Configuration? {
        guard inside != nil || outside != nil || pbx != nil else { return nil }
        guard let inside, let outside else { throw ValidationError("--inside and --outside go together.") }
        return Configuration(
            inside: try Self.address(inside, of: "--inside"), outside: try Self.address(outside, of: "--outside"),
            pbx: try pbx.map(Self.target))
    }

    private static func address(_ text: String, of option: String) throws -> IPAddress {
        guard let ip = IPAddress(text), !ip.isUnspecified, !ip.isMulticast else {
            throw ValidationError("\(option) takes an IP address of this machine, not '\(text)'.")
        }
        return ip
    }

    private static func target(_ text: String) throws -> SIPTarget {
        do {
            return try SIPTarget(text)
        } catch {
            throw ValidationError("--pbx: \(error.message)")
        }
    }
}

extension ConfigurationWarning {
    /// `edge.yaml:3:9`, or the file alone.
    fileprivate var place: String { position.map { "\(file):\($0.line):\($0.column)" } ?? file }
}
